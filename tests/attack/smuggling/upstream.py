"""The server behind the proxy: keeps what reaches it, byte by byte, and answers what is a request beyond doubt.

One thread and one poll for all connections, so that whoever is answered may rely on it: what had come before is kept.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attack.smuggling import reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from attack.smuggling.reading import Message

SENTINEL, BARRIER = b"/sentinel", b"/barrier"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """Raw bytes, and what the upstream does afterwards: ``""`` goes on, ``fin`` closes, ``reset`` resets."""

    raw: bytes
    end: str = ""


def plain(body: bytes, method: bytes = b"GET") -> Reply:
    """An answer without anything to object to."""
    return Reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + (b"" if method == b"HEAD" else body))


@dataclass(slots=True)
class Line:
    """A connection.

    Args:
        sock: its socket.
        pending: bytes that are no complete request yet.
        told: whether the request that is coming was told to continue.
    """

    sock: socket.socket
    pending: bytes = b""
    told: bool = False


@dataclass(slots=True)
class Record:
    """What has come since the last `Upstream.begin`.

    Args:
        requests: complete ones, in the order in which they were completed.
        faults: what came and is no request.
        abandoned: parts of requests whose connection was closed.
        sentinels: that came.
    """

    requests: list[Message] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    abandoned: list[bytes] = field(default_factory=list)
    sentinels: int = 0


class Upstream:
    """A context manager; listens on loopback."""

    def __init__(self, port: int = 0) -> None:
        """Prepare it for `port`, or any."""
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._poll = selectors.DefaultSelector()
        self._lines: list[Line] = []
        self._lock = threading.Lock()
        self._barriers: list[Line] = []
        self._record = Record()
        self._reply: Callable[[Message], Reply] | None = None
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self, reply: Callable[[Message], Reply] | None = None) -> None:
        """Forget what has come; answer with `reply` from now on what is neither sentinel nor barrier."""
        with self._lock:
            self._record, self._reply = Record(), reply

    @property
    def record(self) -> Record:
        """What has come."""
        with self._lock:
            return self._record

    def pending(self) -> list[bytes]:
        """Parts of requests on connections that are still open."""
        with self._lock:
            return [line.pending for line in self._lines if line.pending]

    def settled(self, patience: float) -> bool:
        """Wait until no connection holds a part of a request; False if that takes longer than `patience` seconds."""
        end = time.monotonic() + patience
        while self.pending():
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def drop(self) -> None:
        """Reset all connections."""
        with self._lock:
            for line in list(self._lines):
                self._close(line, reset=True)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._poll.register(self._listener, selectors.EVENT_READ)
        self._poll.register(self._woken, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything."""
        self._over = True
        self._wake.send(b"x")
        self._thread.join(10)
        self.drop()
        for each in (self._listener, self._wake, self._woken, self._poll):
            each.close()

    def _run(self) -> None:
        while not self._over:
            events = self._poll.select()
            with self._lock:
                self._gather(events)
                self._answer_all()
                while self._barriers:
                    # What came together with a barrier, on other connections, comes before it.
                    others = [event for event in self._poll.select(0) if event[0].fileobj is not self._woken]
                    self._gather(others)
                    self._answer_all()
                    if not others:
                        self._say(self._barriers.pop(), plain(b"barrier"))

    def _gather(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, _ in events:
            if key.fileobj is self._listener:
                sock = self._listener.accept()[0]
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._lines.append(line := Line(sock))
                self._poll.register(sock, selectors.EVENT_READ, line)
            elif isinstance(key.data, Line) and key.data in self._lines:
                self._read(key.data)

    def _answer_all(self) -> None:
        for line in list(self._lines):
            self._answer(line)

    def _read(self, line: Line) -> None:
        try:
            data = line.sock.recv(1 << 20)
        except OSError:
            data = b""
        line.pending += data
        if not data:
            if line.pending:
                self._record.abandoned.append(line.pending)
            self._close(line)

    def _answer(self, line: Line) -> None:
        while line.pending:
            try:
                message = reading.request(line.pending)
            except reading.Malformed as error:
                self._record.faults.append(f"{error} in {line.pending[:200]!r}")
                self._say(line, Reply(_REFUSED, "fin"))
                return
            if message is None:
                head, end, _ = line.pending.partition(b"\r\n\r\n")
                if end and b"100-continue" in head.lower() and not line.told:
                    line.told = True
                    self._say(line, Reply(_CONTINUE))
                return
            line.pending, line.told = line.pending[message.size :], False
            if not self._served(line, message):
                return

    def _served(self, line: Line, message: Message) -> bool:
        """Whether the connection goes on."""
        target = message.start[1]
        if target.endswith(BARRIER):
            self._barriers.append(line)
            return True
        if target.endswith(SENTINEL):
            self._record.sentinels += 1
            reply = plain(b"sentinel")
        else:
            self._record.requests.append(message)
            reply = self._reply(message) if self._reply else plain(b"ok", message.start[0])
        return self._say(line, reply)

    def _say(self, line: Line, reply: Reply) -> bool:
        try:
            line.sock.settimeout(5)
            line.sock.sendall(reply.raw)
            line.sock.settimeout(None)
        except OSError:
            self._close(line)
            return False
        if reply.end:
            self._close(line, reset=reply.end == "reset")
        return not reply.end

    def _close(self, line: Line, *, reset: bool = False) -> None:
        if line in self._lines:
            self._lines.remove(line)
            self._poll.unregister(line.sock)
            if reset:
                line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            line.sock.close()
