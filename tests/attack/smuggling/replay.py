"""One case against one proxy: the bytes are sent, and everything is read that comes of them, on both sides."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attack.smuggling import reading
from attack.smuggling.case import HOST
from attack.smuggling.upstream import BARRIER, SENTINEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from attack.smuggling.case import Case
    from attack.smuggling.reading import Message
    from attack.smuggling.upstream import Record, Reply, Upstream

_LONG = 5000
_LAST = b"GET %b HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n"


# Of these the request was understood, only not liked: what follows it on the connection is a request.
UNDERSTOOD = frozenset((403, 404, 405, 421))


def _goes_on(status: int) -> bool:
    return status < 400 or status in UNDERSTOOD


@dataclass(slots=True)
class Heard:
    """What a client got on one connection.

    Args:
        answers: final responses, complete ones.
        interim: responses before them.
        rest: bytes that are no complete response.
        fault: what is wrong with `rest`; empty where it is only cut.
        ended: whether the proxy ended the connection: ``fin``, ``reset``, or ``""`` for not while we waited.
    """

    answers: list[Message] = field(default_factory=list)
    interim: list[Message] = field(default_factory=list)
    rest: bytes = b""
    fault: str = ""
    ended: str = ""

    def receive(self, sock: socket.socket, limit: float) -> None:
        """Wait for more, for `limit` seconds at most."""
        sock.settimeout(limit)
        try:
            data = sock.recv(1 << 20)
        except TimeoutError:
            return
        except OSError:
            self.ended = "reset"
            return
        self.rest += data
        if not data:
            self.ended = "fin"

    def read(self, methods: list[bytes]) -> None:
        """Take the responses out of `rest` that are complete."""
        while self.rest and not self.fault:
            number = len(self.answers)
            method = methods[number] if number < len(methods) else b"GET"
            try:
                message = reading.response(self.rest, method, ended=self.ended == "fin")
            except reading.Malformed as error:
                self.fault = str(error)
                return
            if message is None:
                return
            self.rest = self.rest[message.size :]
            (self.interim if 100 <= message.status < 200 and message.status != 101 else self.answers).append(message)

    @property
    def statuses(self) -> list[int]:
        """Of the final responses."""
        return [answer.status for answer in self.answers]


@dataclass(slots=True)
class Observation:
    """What became of a case.

    Args:
        heard: by the client.
        record: of the upstream.
        hanging: parts of requests that the proxy has neither completed nor given up.
        alive: whether the proxy serves others afterwards.
    """

    heard: Heard
    record: Record
    hanging: list[bytes]
    alive: bool


@dataclass(frozen=True, slots=True)
class Proxy:
    """What is attacked.

    Args:
        address: of its listener.
        upstream: that it forwards to.
        host: by which it knows the upstream; stands where the cases say ``orders``.
        patience: seconds after which nothing more is expected.
        piece: bytes that are sent at a time, where a case is not long; 0 for all at once.
    """

    address: tuple[str, int]
    upstream: Upstream
    host: bytes = HOST
    patience: float = 10.0
    piece: int = 0

    def send(self, case: Case) -> Observation:
        """Play a case of a request."""
        expected = case.expected
        answers = max(
            1, len(expected.forwarded) + bool(expected.refused and not expected.optional and expected.forwarded)
        )
        methods = [wanted.method for wanted in expected.forwarded] or [case.raw.lstrip().split(b" ", 1)[0]]
        return self.observe(case.raw, case.end, answers, methods)

    def observe(
        self,
        raw: bytes,
        end: str = "",
        answers: int = 1,
        methods: list[bytes] | None = None,
        reply: Callable[[Message], Reply] | None = None,
    ) -> Observation:
        """Send `raw`; after so many answers send one more request, and read until the proxy closes the connection."""
        self.upstream.begin(reply)
        heard = self._converse(self._named(raw), end, answers, methods or [], replying=reply is not None)
        alive = self.alive()
        settled = self.upstream.settled(self.patience)
        observation = Observation(heard, self.upstream.record, [] if settled else self.upstream.pending(), alive)
        if not settled:
            self.upstream.drop()
        return observation

    def _named(self, raw: bytes) -> bytes:
        return raw if self.host == HOST else raw.replace(HOST, self.host).replace(HOST.upper(), self.host.upper())

    def _converse(self, raw: bytes, end: str, answers: int, methods: list[bytes], *, replying: bool) -> Heard:
        heard = Heard()
        with socket.create_connection(self.address, self.patience) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # It may have said what it has to say, and closed, before it has got all.
            with contextlib.suppress(OSError):
                step = self.piece if self.piece and len(raw) < _LONG else len(raw)
                for at in range(0, len(raw), max(step, 1)):
                    sock.sendall(raw[at : at + step])
            if end == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                heard.ended = "reset"
                return heard
            if end == "fin":
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_WR)
            asked = bool(end)
            # Where it is the upstream's answer that is bad, any status may be followed by more.
            until = time.monotonic() + self.patience
            while (left := until - time.monotonic()) > 0:
                heard.receive(sock, left)
                heard.read(methods)
                if heard.ended or heard.fault:
                    break
                if not asked and len(heard.answers) >= answers and (replying or _goes_on(heard.statuses[-1])):
                    asked = True
                    with contextlib.suppress(OSError):
                        sock.sendall(self._named(_LAST % SENTINEL))
        return heard

    def alive(self) -> bool:
        """Whether one request more is answered, on a connection of its own: what was sent before has come before it."""
        # Once more where the proxy had it on a connection that the upstream closed at this moment.
        return any(self._barrier() for _ in range(3))

    def _barrier(self) -> bool:
        data = b""
        try:
            with socket.create_connection(self.address, self.patience) as sock:
                sock.settimeout(self.patience)
                sock.sendall(self._named(_LAST % BARRIER))
                while more := sock.recv(1 << 16):
                    data += more
        except OSError:
            pass
        return data.endswith(b"barrier")
