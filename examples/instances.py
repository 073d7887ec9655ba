"""Tiny HTTP servers on loopback, for the examples to call: `with instances(3) as urls: ...`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Instance(BaseHTTPRequestHandler):
    """Says who answered."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write("answered by {}:{}".format(*self.request.getsockname()).encode())

    def log_message(self, *_: object) -> None:
        """Keep the terminal for the example."""


class Failing(Instance):
    """Is out of order."""

    def do_GET(self) -> None:
        """Refuse."""
        self.send_error(503)


@contextmanager
def instances(count: int, kind: type[Instance] = Instance) -> Iterator[list[str]]:
    """The URLs of `count` servers, which end with the block."""
    with ExitStack() as stack:
        servers = [stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), kind)) for _ in range(count)]
        for server in servers:
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            stack.callback(server.shutdown)
        yield [f"http://127.0.0.1:{server.server_port}" for server in servers]
