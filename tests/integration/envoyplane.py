"""An Envoy data plane over a registry that tests write to, and calls through it."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from meshclient import Mesh
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.sidecar.envoy.plane import EnvoyPlane
from servers.census import census
from servers.envoy import locate, program_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from meshclient.testing.fake_resolver import FakeResolver

BOUND = 60.0


@asynccontextmanager
async def plane(
    registry: FakeResolver | None,
    *,
    services: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[EnvoyPlane]:
    """An Envoy that serves a mesh, listening at a port of its own."""
    program = locate()
    assert program is not None
    census.used("envoy", program_version(program))
    # Unix sockets have short names, and the folders of pytest long ones.
    with tempfile.TemporaryDirectory(prefix="envoy-") as folder:
        async with Mesh(registry, services=services, discovery={"hold": False}) as mesh:
            config = SidecarConfig(**{"outbound": "127.0.0.1:0", "admin": ""} | settings)
            made = EnvoyPlane(mesh, config, Path(folder) / "plane", program=program)
            await made.start()
            try:
                yield made
            finally:
                await made.aclose()


def client(made: EnvoyPlane) -> httpx.AsyncClient:
    """Sends requests to where it listens."""
    socket_path = made.address.partition("unix:")[2] or None
    host = "sidecar" if socket_path else made.address
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=socket_path), base_url=f"http://{host}", timeout=BOUND, trust_env=False
    )


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds, at most `BOUND` seconds."""
    end = time.monotonic() + BOUND
    while not await condition():
        assert time.monotonic() < end, "not within the time"
        await asyncio.sleep(0.005)


def unused_port() -> int:
    """A port on which nothing listens, and nothing will while this process runs."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    _holders.append(holder)
    return int(holder.getsockname()[1])


_holders: list[socket.socket] = []
