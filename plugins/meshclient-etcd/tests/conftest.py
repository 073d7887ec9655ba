"""What the plugin's tests share: servers, resolvers and registrars from a URI, and a supervised watch to wait on."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery import supervision
from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.supervision import supervise
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed, Ready
from meshclient_etcd import EtcdRegistrar, EtcdResolver
from servers.etcd import Etcd, TlsFiles
from servers.fixtures import shared_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

    import httpx

    from meshclient.model.snapshot import Empty

    Answer = Ready | Empty | Failed

WITHIN = 15.0


def make_resolver(
    uri: str,
    environ: Mapping[str, str] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> EtcdResolver:
    return EtcdResolver(ResolverUri.parse(uri), environ=environ or {}, transport=transport)


def make_registrar(uri: str) -> EtcdRegistrar:
    return EtcdRegistrar(ResolverUri.parse(uri), environ={})


class Watch:
    """A supervised watch and all it has said."""

    def __init__(self, resolver: EtcdResolver, name: str) -> None:
        self._answers = supervise(resolver, ServiceName.parse(name), time.monotonic, random.Random(1))
        self.seen: list[Answer] = []

    async def until(self, accept: Callable[[Answer], bool], what: str) -> Answer:
        begun = len(self.seen)
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    self.seen.append(await anext(self._answers))
                    if accept(self.seen[-1]):
                        return self.seen[-1]
        except TimeoutError:
            raise AssertionError(f"no sign of {what} within {WITHIN:g} s, but {self.seen[begun:]}") from None

    async def next(self) -> Answer:
        return await self.until(lambda _: True, "an answer")

    async def ready(self, *ids: str) -> Ready:
        """Wait for exactly these instances."""
        answer = await self.until(
            lambda a: isinstance(a, Ready) and sorted(e.id for e in a.endpoints) == sorted(ids), f"exactly {ids}"
        )
        assert isinstance(answer, Ready)
        return answer

    async def failed(self, *words: str) -> Failed:
        """Wait for a failure whose cause has all these words."""
        answer = await self.until(
            lambda a: isinstance(a, Failed) and all(word in a.cause for word in words), f"a failure with {words}"
        )
        assert isinstance(answer, Failed)
        return answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._answers.aclose()


class Kit:
    """The functions and classes above, for tests to reach without importing a conftest."""

    resolver = staticmethod(make_resolver)
    registrar = staticmethod(make_registrar)

    @staticmethod
    def fresh(base: str = "web") -> str:
        return f"{base}-{secrets.token_hex(4)}"

    @staticmethod
    def uri(server: Etcd, options: str = "", nodes: tuple[int, ...] = (0,)) -> str:
        return f"etcd://{','.join(f'{server.host(n)}:{server.port}' for n in nodes)}/svc?{options}"

    @staticmethod
    def watch(resolver: EtcdResolver | str, name: str) -> Watch:
        return Watch(make_resolver(resolver) if isinstance(resolver, str) else resolver, name)


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that failed is begun again soon: how long supervision waits is not what these tests are about."""
    monkeypatch.setattr(supervision, "BACKOFF_FIRST", 0.05)


@pytest.fixture
def kit() -> Kit:
    return Kit()


@pytest.fixture(scope="session")
def etcd() -> Iterator[Etcd]:
    """One member of etcd 3.5."""
    with shared_as("etcd", Etcd()) as server:
        yield server


@pytest.fixture(scope="session")
def etcd_old() -> Iterator[Etcd]:
    """One member of etcd 3.4."""
    with shared_as("etcd_old", Etcd(version="3.4")) as server:
        yield server


@pytest.fixture(params=["3.5", "3.4"])
def each_etcd(request: pytest.FixtureRequest, etcd: Etcd, etcd_old: Etcd) -> Etcd:
    """The members of both versions, one after the other."""
    return {"3.5": etcd, "3.4": etcd_old}[request.param]


@pytest.fixture(scope="session")
def etcd_auth() -> Iterator[Etcd]:
    """One member with users, whose tokens last for a second after their last use."""
    with shared_as("etcd_auth", Etcd(auth=True, arguments=["--auth-token-ttl", "1"])) as server:
        yield server


@pytest.fixture(scope="session")
def etcd_cluster() -> Iterator[Etcd]:
    """Three members at 127.0.0.21 to 23."""
    with shared_as("etcd_cluster", Etcd(nodes=3)) as server:
        yield server


@pytest.fixture(scope="session")
def pem_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``ca.pem``, ``server.pem``, ``server.key`` and a client's ``client.pem``."""
    import trustme

    folder = tmp_path_factory.mktemp("etcd-tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = authority.issue_cert("127.0.0.1", "localhost")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    server.private_key_pem.write_to_path(folder / "server.key")
    client = authority.issue_cert("client.example.com")
    client.private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    return folder


@pytest.fixture(scope="session")
def etcd_tls(pem_files: Path) -> Iterator[Etcd]:
    """One member with an HTTPS port that asks clients for a certificate; it tells silent watches how it stands."""
    files = TlsFiles(pem_files / "ca.pem", pem_files / "server.pem", pem_files / "server.key")
    arguments = ["--experimental-watch-progress-notify-interval", "200ms"]
    with shared_as("etcd_tls", Etcd(tls=files, ask_client=True, arguments=arguments)) as server:
        yield server
