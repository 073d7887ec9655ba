"""Reading and writing on one socket within the limits of an exchange, as far as it is not as short as it can be.

Reads are limited in time by the kernel. The limit is set anew only when it is too long for what is wanted, or much too
short: a call that takes so long is read for a second time, with the rest.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from meshclient.engine import complaints
from meshclient.engine.blocking.failure import failure
from meshclient.engine.blocking.line import line_on
from meshclient.engine.errors import MalformedResponse, ReadTimeout, WireError, WriteTimeout
from meshclient.engine.response_reader import ResponseReader

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from meshclient.engine.limits import ResponseLimits
    from meshclient.engine.target import Target

# Bytes asked for in one read.
READ = 64 * 1024
# Seconds by which the limit of a read may be too long, and the part of what is wanted that it has to reach.
LATE = 0.001
EARLY = 0.5


class Wire(ResponseReader):
    """A socket and the exchange that is under way on it.

    Attributes:
        clock: that all times are on.
        closed_because: why it closed; empty while it is open.
        headed_at: when the head arrived.
        since: when something arrived last.
        target: where it leads.
        uses: exchanges begun on it.
        wrote: when the exchange began.
    """

    __slots__ = (
        "_due", "_flags", "_gap", "_limit", "_line", "_recv", "_send", "_then", "clock", "closed_because",
        "headed_at", "since", "target", "uses", "wrote",
    )  # fmt: skip

    def __init__(self, limits: ResponseLimits, sock: socket.socket, target: Target, clock: Callable[[], float]) -> None:
        super().__init__(limits)
        self._line = line = line_on(sock)
        self._recv = line.recv
        self._send = line.send
        self._flags = line.flags
        self._set_limit(inf)
        self._due = self._then = self._gap = inf
        self.clock = clock
        self.target = target
        self.uses = 0
        self.closed_because = ""
        self.since = self.headed_at = self.wrote = clock()

    @property
    def heard(self) -> bool:
        """Whether anything of the response has arrived."""
        return self.since > self.wrote or self.headed

    def abandon(self, why: str) -> None:
        """Close it now."""
        raise NotImplementedError

    def read_raw(self, seconds: float = inf) -> bytes:
        """After an upgrade: what came after `surplus`, empty at the end. Raises Disconnected, ReadTimeout."""
        try:
            if not self._line.ready(seconds)[0]:
                raise ReadTimeout(f"{self.target} sent nothing in time")
            return self._line.read_now() or b""
        except BaseException as error:
            self._fail(error)
            raise

    def write_raw(self, data: bytes, seconds: float = inf) -> None:
        """After an upgrade: write all of it. Raises Disconnected, WriteTimeout."""
        rest = memoryview(data)
        end = self.clock() + seconds
        try:
            while rest:
                rest = rest[self._line.write_now(rest) :]
                if rest and not any(self._line.ready(end - self.clock(), to_read=False, to_write=True)):
                    raise WriteTimeout(f"{self.target} did not take {len(rest)} bytes in time")
        except BaseException as error:
            self._fail(error)
            raise

    def _spoil(self) -> None:
        """Whatever the response says, no other request may follow."""
        raise NotImplementedError

    def _set_limit(self, seconds: float) -> None:
        # Not known while it is being changed.
        self._limit = -1.0
        self._line.limit(seconds)
        self._limit = seconds

    def _push(self, data: memoryview) -> None:
        """Write all of it, unless the response comes first."""
        line = self._line
        began = now = self.clock()
        end = min(self._due, self._then)
        while data and not (self.complete or self.status >= 400):
            if now >= end or now >= began + self._gap:
                raise complaints.unread(self.target)
            try:
                sent = line.write_now(data)
            except OSError:
                # It takes no more; it may have said why before it closed.
                self._read_on(whole=False)
                break
            if sent:
                data = data[sent:]
                began = now
            elif line.ready(min(end, began + self._gap) - now, to_write=True)[0]:
                self._listen()
            now = self.clock()
        if data:
            # Half a request was sent: whatever the response says, no other may follow.
            self._spoil()

    def _read_on(self, *, whole: bool) -> None:
        while not self.complete and not (self.headed and (not whole or self.status >= 400)):
            self._read(self.clock())

    def _read(self, began: float) -> None:
        """The next piece, which is waited for since `began`."""
        end = min(self._then, self._then if self.headed else self._due, began + self._gap)
        while True:
            rest = end - self.clock()
            if rest <= 0.0:
                raise self._late()
            if self._limit > rest + LATE or self._limit < rest * EARLY:
                self._set_limit(rest)
            try:
                piece = self._recv(READ)
            except (BlockingIOError, TimeoutError):
                # The limit may have been shorter than the rest.
                continue
            self._arrived(piece)
            return

    def _listen(self) -> None:
        piece = self._line.read_now()
        if piece is not None:
            self._arrived(piece)

    def _arrived(self, piece: bytes) -> None:
        if not piece:
            self._ended()
            return
        was = self.headed
        self.since = self.clock()
        self.feed(piece)
        if self.headed and not was:
            self.headed_at = self.since

    def _ended(self) -> None:
        if not self.feed_end():
            raise failure(self, None)

    def _late(self) -> ReadTimeout:
        return complaints.late_response(self.target, headed=self.headed)

    def _fail(self, error: BaseException) -> None:
        """Close it; what a socket or the parser raised is raised as the error of the situation."""
        if isinstance(error, MalformedResponse):
            said: WireError = complaints.malformed(self.target, error)
        elif isinstance(error, OSError):
            said = failure(self, error)
        else:
            wire = isinstance(error, WireError)
            self.abandon(str(error) if wire else f"its exchange was interrupted: {type(error).__name__}")
            return
        self.abandon(str(said))
        raise said from (error if isinstance(error, OSError) else None)
