"""Servers within the test's own process, so that a test sees what goes on in them."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn

from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIApplication

    from meshclient.integrations.asgi import Application, Message, Receive, Send

BOUND = 60.0


@contextmanager
def asgi_server(app: Application) -> Iterator[str]:
    """The URL at which uvicorn serves `app`, on a loop of its own."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, BOUND, "uvicorn's start")
        [listening] = server.servers
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(BOUND)
        assert not thread.is_alive()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextmanager
def wsgi_server(app: WSGIApplication) -> Iterator[str]:
    """The URL at which the standard library's server serves `app`, each request in a thread."""
    with make_server("127.0.0.1", 0, app, server_class=_Threads, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(BOUND)
            assert not thread.is_alive()


class Seen:
    """What a hop saw: the headers of each request that reached the application, and how many are under way."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.under_way = 0
        self.cancelled = 0

    @contextmanager
    def request(self, headers: dict[str, str]) -> Iterator[None]:
        """One request, while it is served."""
        self.headers.append(headers)
        self.under_way += 1
        try:
            yield
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1


def asgi_app(seen: Seen, work: Callable[[], object]) -> Application:
    """An application that answers 200, 503 where `work` returns that, or what becomes of what `work` raises."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for word in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{word}.complete"})
            return
        raw: list[tuple[bytes, bytes]] = scope["headers"]  # type: ignore[assignment]
        with seen.request({name.decode(): value.decode() for name, value in raw}):
            status = await work()  # type: ignore[misc]
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

    return app
