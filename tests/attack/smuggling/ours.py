"""Our own proxy, in this process, on a loop in a thread of its own, in front of one upstream."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import uvloop

from meshclient import Mesh
from meshclient.sidecar.proxy import OutboundRoute, Proxy, ProxySettings

if TYPE_CHECKING:
    from collections.abc import Iterator


# Every third answer here is a failure, which would spend the ordinary budget; and a request on a connection that is
# closed at this moment is repeated at its cost.
_RETRY = {"budget": 1.0, "budget_floor": 1000.0, "backoff": "1ms..2ms"}


@contextlib.contextmanager
def running(upstream: int, *, loop: asyncio.AbstractEventLoop | None = None) -> Iterator[tuple[str, int]]:
    """Its address while it runs on `loop` in front of `upstream`, which is the service ``orders``."""
    loop = loop or uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    sock = socket.create_server(("127.0.0.1", 0), backlog=128)
    address = sock.getsockname()[:2]

    async def begin() -> tuple[Mesh, Proxy]:
        mesh = Mesh(services={"orders": {"endpoints": [f"http://127.0.0.1:{upstream}"], "retry": _RETRY}})
        proxy = Proxy(mesh, ProxySettings(), OutboundRoute(mesh))
        await proxy.listen(sock)
        return mesh, proxy

    async def end() -> None:
        await proxy.aclose()
        mesh.close()

    mesh, proxy = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield address
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
