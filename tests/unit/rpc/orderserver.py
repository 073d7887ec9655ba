"""A real HTTP/1.1 service of orders on loopback: documents, problems, and a stream that does not end by itself."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

if TYPE_CHECKING:
    from typing import Self

TICK = 0.01
_LONGEST = 30.0


class OrderServer(ThreadingHTTPServer):
    """One instance.

    Attributes:
        failing: the status it answers everything with, or 0.
        seen: verb, target and headers of all requests.
        left: set once a reader of the stream has gone.
    """

    daemon_threads = True
    # With five waiting, as it is by default, a burst of connections would wait for TCP to try again.
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.failing = 0
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.left = threading.Event()
        self._closing = threading.Event()
        self._accepted: list[socket.socket] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def wait(self) -> bool:
        """Pause between two records; whether to go on."""
        return not self._closing.wait(TICK)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection."""
        accepted = super().get_request()
        self._accepted.append(accepted[0])
        return accepted

    def stop(self) -> None:
        """Refuse connections from now on, and end those there are."""
        self._closing.set()
        self.shutdown()
        for each in self._accepted:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self.stop()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OrderServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path, headers))
        url = urlsplit(self.path)
        if self.server.failing:
            self._answer(self.server.failing, {"title": "Out of order"}, "application/problem+json")
        elif url.path == "/v1/orders/0":
            self._answer(404, {"title": "Not found", "order": 0}, "application/problem+json")
        elif url.path.startswith("/v1/orders/"):
            self._answer(200, {"id": int(url.path.rpartition("/")[2]), "port": self.server.server_port})
        elif url.path == "/v1/orders":
            self._create(headers, body)
        elif url.path == "/v1/events":
            self._stream(int(parse_qs(url.query).get("count", ["0"])[0]))
        else:
            self._answer(204, None)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names that http.server asks for

    def _create(self, headers: dict[str, str], body: bytes) -> None:
        if headers["content-type"] == "application/msgpack":
            order = msgspec.msgpack.decode(body)
            self._answer(201, msgspec.msgpack.encode({**order, "port": self.server.server_port}), "application/msgpack")
        else:
            self._answer(201, {**json.loads(body), "port": self.server.server_port})

    def _answer(self, status: int, document: Any, media_type: str = "application/json") -> None:
        data = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, count: int) -> None:
        """Records until there are `count` of them, or without end: until the reader goes."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        number = 0
        try:
            while not count or number < count:
                number += 1
                line = json.dumps({"id": number, "port": self.server.server_port}).encode() + b"\n"
                self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
                if not self.server.wait() or number * TICK > _LONGEST:
                    self.close_connection = True
                    return
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
            self.server.left.set()
