"""A server of HTTP/2 over TLS on loopback, on the h2 package; it speaks HTTP/1.1 to nobody."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_LIMIT = 5.0


@dataclass
class Stream:
    """A request, and what is left to send of its answer."""

    connection: int
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)
    rest: bytes = b""


class Http2Server:
    """Answers every request with `status` and `body`, when `hold` requests wait for an answer on its connection.

    Args:
        context: with a certificate; "h2" is offered.
        status: of every answer.
        body: likewise.
        hold: requests.
        refuse: reset streams as ones that nothing was done for (RFC 9113 section 8.7) instead of answering.
        mute: path that is never answered.

    Attributes:
        requests: all that arrived whole, in order.
        connections: how many shook hands.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        status: int = 200,
        body: bytes = b"ok",
        hold: int = 1,
        refuse: bool = False,
        mute: str = "",
    ) -> None:
        context.set_alpn_protocols(["h2"])
        self._context = context
        self.status, self.body, self.hold, self.refuse, self.mute = status, body, hold, refuse, mute
        self.requests: list[Stream] = []
        self.connections = 0
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            sock = self._context.wrap_socket(plain, server_side=True)
            self._sockets.append(sock)
            self.connections += 1
            _Dialogue(self, sock, self.connections).run()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(_LIMIT)
        self.hang_up()
        for thread in self._threads:
            thread.join(_LIMIT)
        for sock in self._sockets:
            sock.close()

    def hang_up(self) -> None:
        """End all connections."""
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Dialogue:
    """One connection."""

    def __init__(self, server: Http2Server, sock: ssl.SSLSocket, number: int) -> None:
        self._server = server
        self._sock = sock
        self._number = number
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._streams: dict[int, Stream] = {}
        self._waiting: list[int] = []

    def run(self) -> None:
        """Until the client ends it."""
        self._h2.initiate_connection()
        self._flush()
        while data := self._sock.recv(1 << 16):
            for event in self._h2.receive_data(data):
                self._take(event)
            self._answer()
            self._flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            headers = {str(name): str(value) for name, value in event.headers}
            self._streams[event.stream_id] = Stream(self._number, headers)
        elif isinstance(event, h2.events.DataReceived):
            self._streams[event.stream_id].body += event.data
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._server.requests.append(self._streams[event.stream_id])
            if self._streams[event.stream_id].headers[":path"] != self._server.mute:
                self._waiting.append(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self._streams.pop(event.stream_id, None)

    def _answer(self) -> None:
        server = self._server
        if len(self._waiting) >= server.hold:
            waiting, self._waiting = self._waiting, []
            for number in waiting:
                if server.refuse:
                    self._h2.reset_stream(number, h2.errors.ErrorCodes.REFUSED_STREAM)
                    continue
                self._h2.send_headers(number, [(":status", str(server.status))])
                self._streams[number].rest = server.body
        for number, stream in list(self._streams.items()):
            while stream.rest and (room := self._room(number)) > 0:
                piece, stream.rest = stream.rest[:room], stream.rest[room:]
                self._h2.send_data(number, piece, end_stream=not stream.rest)

    def _room(self, number: int) -> int:
        return min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)

    def _flush(self) -> None:
        self._sock.sendall(self._h2.data_to_send())
