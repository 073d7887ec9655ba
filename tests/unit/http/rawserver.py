"""A server on loopback that says exactly what a test tells it to, byte by byte."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
_JOIN_LIMIT = 5.0


@dataclass(frozen=True)
class Request:
    """What arrived: the head without its last line break, and the decoded body."""

    head: str
    body: bytes

    @property
    def method(self) -> str:
        """The first word."""
        return self.head.partition(" ")[0]

    @property
    def target(self) -> str:
        """The second word."""
        return self.head.split(" ", 2)[1]

    def header(self, name: str) -> str | None:
        """A header's first value."""
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


class Connection:
    """One client's connection, in the hands of the server's rule."""

    def __init__(self, sock: socket.socket, server: RawServer, number: int) -> None:
        self.sock = sock
        self.number = number
        self._server = server
        self._file = sock.makefile("rb")

    def request(self) -> Request | None:
        """The next request, or None when the client is gone."""
        lines: list[bytes] = []
        while (line := self._file.readline()) not in (b"\r\n", b""):
            lines.append(line)
        if not line or not lines:
            return None
        request = Request(b"".join(lines).decode("latin-1").rstrip("\r\n"), b"")
        request = Request(request.head, self._body(request))
        self._server.requests.append(request)
        return request

    def _body(self, request: Request) -> bytes:
        if request.header("transfer-encoding") != "chunked":
            return self._exactly(int(request.header("content-length") or 0))
        parts = []
        while size := int(self._file.readline(), 16):
            parts.append(self._exactly(size))
            self._file.readline()
        self._file.readline()
        return b"".join(parts)

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise ConnectionError("the client ended in the middle of its body")
        return data

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(data)

    def reset(self) -> None:
        """End with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """End with FIN, unless `reset` came first."""
        self._file.close()
        self.sock.close()


class RawServer:
    """Hands each connection to `rule`, on a thread of its own; closes it afterwards.

    Attributes:
        requests: all that arrived, in order.
        connections: how many were accepted.
    """

    def __init__(
        self, rule: Callable[[Connection], None], *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self._rule = rule
        self._tls = tls
        self.requests: list[Request] = []
        self.connections = 0
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closed = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self._closed:
                sock.close()
                return
            self.connections += 1
            self._sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._sockets.append(sock)
            connection = Connection(sock, self, number)
            try:
                self._rule(connection)
            finally:
                connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(_JOIN_LIMIT)
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_JOIN_LIMIT)
        for sock in self._sockets:
            sock.close()


def always(answer: bytes) -> Callable[[Connection], None]:
    """A rule: the same answer to every request."""

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(answer)

    return rule


def refusing() -> str:
    """The URL of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
