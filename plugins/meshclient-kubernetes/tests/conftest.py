"""What the plugin's tests share: API servers, slices to put there, resolvers, and a supervised watch to wait on."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.discovery import supervision
from meshclient.discovery.resolver import ResolverUri
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready
from meshclient_kubernetes import KubernetesResolver
from servers.fixtures import shared_as
from servers.kubernetes import LABEL, ApiServer, Kubernetes, ScriptedKubernetes, TlsFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    import httpx

    Answer = Ready | Empty | Failed

WITHIN = 30.0  # what a busy machine may need; nothing waits for so long where all is well


@pytest.fixture(scope="session")
def kubernetes_tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """An authority, a server's certificate for 127.0.0.1 and, beside them, an administrator's (`client.*`)."""
    import trustme

    folder = tmp_path_factory.mktemp("kubernetes-tls")
    files = TlsFiles(folder / "ca.crt", folder / "server.pem", folder / "server.key")
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(files.authority)
    server.cert_chain_pems[0].write_to_path(files.certificate)
    server.private_key_pem.write_to_path(files.key)
    client = authority.issue_cert("admin.example", common_name="admin", organization_name="system:masters")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    client.private_key_pem.write_to_path(folder / "client.key")
    return files


@pytest.fixture(scope="session")
def scripted(kubernetes_tls: TlsFiles) -> Iterator[ScriptedKubernetes]:
    """The scripted API server."""
    with shared_as("scripted", ScriptedKubernetes(kubernetes_tls)) as server:
        yield server


@pytest.fixture(scope="session")
def real_kubernetes(kubernetes_tls: TlsFiles) -> Iterator[Kubernetes]:
    """A real kube-apiserver, where there is one: building it is too much to ask of every machine."""
    server = Kubernetes(kubernetes_tls)
    if reason := server.missing():
        pytest.skip(reason)
    with shared_as("real_kubernetes", server):
        yield server


@pytest.fixture(params=["scripted", "real_kubernetes"])
def api(request: pytest.FixtureRequest) -> ApiServer:
    """Each of them in turn, with what both can do."""
    server: ApiServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture(autouse=True)
def _quick_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the runtime waits after a failure is its own affair, and tested there."""
    monkeypatch.setattr(supervision, "BACKOFF_FIRST", 0.05)


def make_endpoint(address: str, **fields: object) -> dict[str, Any]:
    """An endpoint as it stands in a slice; ready unless its `conditions` say otherwise."""
    return {"addresses": [address], "conditions": {"ready": True}, **fields}


def make_slice(name: str, service: str, endpoints: Sequence[Mapping[str, Any]], **fields: object) -> dict[str, Any]:
    """An EndpointSlice of a service, for IPv4 and port 8080 unless `fields` say otherwise."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {LABEL: service}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": list(endpoints),
        **fields,
    }


class Watch:
    """A supervised watch that runs on by itself, as under the runtime, and all that was taken of what it said."""

    def __init__(self, resolver: KubernetesResolver, name: str) -> None:
        self._answers = supervision.supervise(resolver, ServiceName.parse(name), time.monotonic, random.Random(1))
        self._said: asyncio.Queue[Answer] = asyncio.Queue()
        self.seen: list[Answer] = []

    async def _run(self) -> None:
        async for answer in self._answers:
            self._said.put_nowait(answer)

    async def next(self) -> Answer:
        async with asyncio.timeout(WITHIN):
            self.seen.append(await self._said.get())
        return self.seen[-1]

    async def until(self, accept: Callable[[Answer], bool], what: str = "") -> Answer:
        begun = len(self.seen)
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    if accept(answer := await self.next()):
                        return answer
        except TimeoutError:
            raise AssertionError(f"no sign of {what} within {WITHIN:g} s, but {self.seen[begun:]}") from None

    async def ready(self, *hosts: str) -> Ready:
        """Wait for exactly these addresses."""
        answer = await self.until(
            lambda a: isinstance(a, Ready) and sorted(e.host for e in a.endpoints) == sorted(hosts), f"exactly {hosts}"
        )
        assert isinstance(answer, Ready)
        return answer

    async def empty(self, *, exists: bool) -> Empty:
        """Wait for an empty list of a service that is, or is not, known."""
        answer = await self.until(lambda a: isinstance(a, Empty) and a.exists == exists, f"empty, exists={exists}")
        assert isinstance(answer, Empty)
        return answer

    async def failed(self, *words: str) -> Failed:
        """Wait for a failure whose cause has all these words."""
        answer = await self.until(
            lambda a: isinstance(a, Failed) and all(word in a.cause for word in words), f"a failure with {words}"
        )
        assert isinstance(answer, Failed)
        return answer

    @property
    def undisturbed(self) -> bool:
        """Whether there was no failure and no empty list so far."""
        return all(isinstance(answer, Ready) for answer in self.seen)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._answers.aclose()


class Kit:
    """The functions and classes above, for tests to reach without importing a conftest."""

    endpoint = staticmethod(make_endpoint)
    slice = staticmethod(make_slice)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def fresh(base: str = "web") -> str:
        """A name that no other test uses."""
        return f"{base}-{secrets.token_hex(4)}"

    def uri(self, api: ApiServer, options: str = "", *, token: str = "", port: int = 0) -> str:
        """The URI for a server; the token in a file is that of a user who may read, whom no fault spares."""
        file = self.folder / f"token-{secrets.token_hex(4)}"
        file.write_text(token or (api.reader if isinstance(api, ScriptedKubernetes) else api.admin))
        url = f"https://127.0.0.1:{port or api.port}"
        ours = f"server={url}&ca_file={api.tls.authority}&token_file={file}"
        usual = [each for each in ("wait=2", "timeout=10") if each.partition("=")[0] not in options]
        return f"kubernetes://shop?{'&'.join([ours, *usual, *([options] if options else [])])}"

    @staticmethod
    def resolver(uri: str, transport: httpx.AsyncBaseTransport | None = None) -> KubernetesResolver:
        return KubernetesResolver(ResolverUri.parse(uri), environ={}, transport=transport)

    def watch(self, resolver: KubernetesResolver | str, name: str) -> Watch:
        return Watch(self.resolver(resolver) if isinstance(resolver, str) else resolver, name)

    def put(self, api: ApiServer, service: str, *hosts: str) -> None:
        """Let a service have one slice with these ready addresses."""
        api.put_slice(make_slice(f"{service}-a", service, [make_endpoint(host) for host in hosts]))

    @staticmethod
    def many(service: str, count: int, per_slice: int = 100) -> list[dict[str, Any]]:
        """Slices for `count` endpoints."""
        places = [f"10.{n // 62500}.{n // 250 % 250}.{n % 250 + 1}" for n in range(count)]
        return [
            make_slice(f"{service}-{first:05d}", service, list(map(make_endpoint, places[first : first + per_slice])))
            for first in range(0, count, per_slice)
        ]

    @staticmethod
    async def asks(api: ScriptedKubernetes, *words: str) -> None:
        """Wait until a question with all these words has come in."""
        async with asyncio.timeout(WITHIN):
            while True:
                requests = (await asyncio.to_thread(api.control))["requests"]
                if any(all(word in request for word in words) for request in requests):
                    return
                await asyncio.sleep(0.01)

    @staticmethod
    def apply(api: ScriptedKubernetes, items: Sequence[Mapping[str, Any]]) -> None:
        """Write many slices in one order."""
        api.control(apply=[[["endpointslices", "shop", item["metadata"]["name"]], item] for item in items])


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)
