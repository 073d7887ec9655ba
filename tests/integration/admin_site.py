"""A process with a mesh and its administration: on a loop in a thread, so that a test asks over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.sidecar.admin import Admin, MeshView
from servers.backend import Backends

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from servers.backend import Backend

# Seconds that nothing here takes on a machine that is not stuck.
BOUND = 30.0


class Site:
    """One process's worth.

    Args:
        services: of the mesh, as in its configuration.
        mesh: its other arguments.
        view: makes the view of the mesh.
        admin: arguments of `Admin`.
    """

    def __init__(
        self,
        services: dict[str, object],
        *,
        mesh: dict[str, Any] | None = None,
        view: Callable[[meshclient.Mesh], Any] = MeshView,
        **admin: Any,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="admin site", daemon=True)
        self._thread.start()
        self.mesh = meshclient.Mesh(services=services, **(mesh or {}))
        self.view = view(self.mesh)
        self.admin: Admin = self.run(_made(self.view, admin))
        self.client: meshclient.AsyncClient = self.run(_client(self.mesh))
        self.port = 0
        self._load: asyncio.Future[None] | None = None
        self.http = httpx.Client(trust_env=False, verify=False, timeout=BOUND)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of what is to be done on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(BOUND)

    def listen(self, host: str = "127.0.0.1") -> int:
        """Serve there; the port, which is that of `url` from now on."""
        sock = socket.socket()
        try:
            sock.bind((host, 0))
            self.run(self.admin.listen(sock))
        except BaseException:
            sock.close()
            raise
        self.port = int(sock.getsockname()[1])
        return self.port

    def listen_unix(self, path: Path) -> None:
        """Serve there as well."""
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(path))
        self.run(self.admin.listen(sock))

    @property
    def url(self) -> str:
        """Of the administration."""
        return f"http://127.0.0.1:{self.port}"

    def call(self, service: str = "orders", times: int = 1) -> None:
        """Call a service; what comes of it is for the test to find out elsewhere."""
        self.run(self._calls(service, times))

    async def _calls(self, service: str, times: int) -> None:
        for _ in range(times):
            with suppress(meshclient.MeshError, httpx.HTTPError):
                await self.client.get(f"mesh://{service}/")

    def keep_calling(self, *services: str, pause: float = 0.01) -> None:
        """Call services on and on until the end."""

        async def load() -> None:
            while True:
                for service in services:
                    await self._calls(service, 1)
                await asyncio.sleep(pause)

        async def begin() -> None:
            self._load = asyncio.ensure_future(load())

        self.run(begin())

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        """The answer."""
        return self.http.get(self.url + path, **arguments)

    def json(self, path: str) -> Any:
        """The document at a path."""
        response = self.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        """The answer."""
        return self.http.post(self.url + path, **arguments)

    def raw(self, sent: bytes, *, finish: bool = False) -> bytes:
        """All that is answered to these bytes until the connection ends."""
        with self.connect() as sock:
            sock.sendall(sent)
            if finish:
                sock.shutdown(socket.SHUT_WR)
            return everything(sock)

    def connect(self) -> socket.socket:
        """A connection."""
        return socket.create_connection(("127.0.0.1", self.port), BOUND)

    def close(self) -> None:
        """End all of it."""

        async def end() -> None:
            if self._load is not None:
                self._load.cancel()
                await asyncio.wait([self._load])
            await self.admin.aclose()
            await self.client.aclose()
            await self.mesh.aclose()

        self.http.close()
        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(BOUND)
        self._loop.close()


async def _made(view: Any, arguments: dict[str, Any]) -> Admin:
    return Admin(view, **arguments)


async def _client(mesh: meshclient.Mesh) -> meshclient.AsyncClient:
    return meshclient.AsyncClient(mesh=mesh, verify=False)


@contextmanager
def site(services: dict[str, object], *, host: str = "127.0.0.1", **arguments: Any) -> Iterator[Site]:
    """A site that listens at `host`."""
    made = Site(services, **arguments)
    try:
        made.listen(host)
        yield made
    finally:
        made.close()


def everything(sock: socket.socket) -> bytes:
    """What comes until the other side ends it."""
    parts: list[bytes] = []
    with suppress(ConnectionResetError):
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """The events of a stream, each with its data."""
    text = ""
    for part in response.iter_text():
        text += part
        while "\n\n" in text:
            block, _, text = text.partition("\n\n")
            fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":") and line)
            if "data" in fields:
                yield fields["event"], json.loads(fields["data"])


@pytest.fixture(scope="module", name="started_backends")
def started_backends_fixture() -> Iterator[list[Backend]]:
    """Two backends for all tests of a module: starting them takes longer than most of the tests."""
    running = Backends()
    try:
        yield running(2)
    finally:
        running.stop()


@pytest.fixture(name="two_backends")
def two_backends_fixture(started_backends: list[Backend]) -> Iterator[list[Backend]]:
    """The same, well before and after the test."""
    for backend in started_backends:
        backend.count()
    yield started_backends
    for backend in started_backends:
        if not backend.alive:
            backend.start()
        backend.control()
