"""What the plugin's tests share: servers, resolvers and registrars from a URI, and a supervised watch to wait on."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery import supervision
from meshclient.discovery.resolver import ResolverUri
from meshclient.model.snapshot import Failed, Ready
from meshclient_etcd import EtcdRegistrar, EtcdResolver
from servers.etcd import Etcd, TlsFiles
from servers.fixtures import shared_as
from watching import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import httpx

    from meshclient.model.snapshot import Empty

    Answer = Ready | Empty | Failed


def make_resolver(
    uri: str,
    environ: Mapping[str, str] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> EtcdResolver:
    return EtcdResolver(ResolverUri.parse(uri), environ=environ or {}, transport=transport)


def make_registrar(uri: str) -> EtcdRegistrar:
    return EtcdRegistrar(ResolverUri.parse(uri), environ={})


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
