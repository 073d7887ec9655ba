"""One connection, and the exchanges on it, one after another.

What an exchange costs is the kernel's share and little else, so the road of a plain one is laid out in `exchange`: a
write, a read, the parser. Reads are limited in time by the kernel; the limit is set anew only when it is too long for
the call, or much too short. What is rare stands below.

The parser has the connection and the connection has the parser, so a lost one is freed by the garbage collector, in no
order one could count on. Its socket is therefore closed by a finalizer that holds it.
"""

from __future__ import annotations

import weakref
from math import inf
from typing import TYPE_CHECKING

from meshclient.engine.blocking.line import SafeLine, shut
from meshclient.engine.blocking.wire import EARLY, LATE, READ, Wire
from meshclient.engine.errors import MalformedResponse
from meshclient.engine.keep_alive import kept_for

if TYPE_CHECKING:
    import socket

    from meshclient.engine.blocking.engine import Engine
    from meshclient.engine.blocking.gate import Slot
    from meshclient.engine.blocking.pool import Pool
    from meshclient.engine.marks import Marks

# Every so many exchanges a connection does what is seldom needed.
_SELDOM = 64


class Connection(Wire):
    """A connection; used by one thread at a time, which got it from `Pool.take` or `Pool.acquire`.

    Attributes:
        busy: whether somebody has it.
        epoch: of its pool when it was opened.
        marks: of the attempt that it was opened for, or waited for.
        patience: seconds it may be idle.
        waited: nobody has to wait for a thread of ours.
    """

    __slots__ = (
        "__weakref__", "_back", "_engine", "_finalizer", "_malady", "_slot", "busy", "epoch", "marks", "patience",
        "pool",
    )  # fmt: skip

    waited = 0.0

    def __init__(self, pool: Pool, sock: socket.socket, epoch: int, slot: Slot | None, engine: Engine) -> None:
        # First, so that the socket is closed whatever happens to the rest.
        self._finalizer = weakref.finalize(self, shut, sock)
        super().__init__(engine.response, sock, pool.target, engine.clock)
        self.pool = pool
        self._back = pool.back()
        self._engine = engine
        self._slot = slot
        self._malady: MalformedResponse | None = None
        self.epoch = epoch
        self.marks: Marks | None = None
        self.busy = True
        self.patience = engine.limits.idle_seconds
        engine.opened(self)

    def exchange(  # noqa: C901, PLR0912 - the one road where a call of a method would be felt
        self,
        data: bytes,
        due: float,
        then: float = inf,
        *,
        gap: float = inf,
        bodiless: bool = False,
        whole: bool = True,
        more: bool = False,
        upgrade: bool = False,
    ) -> None:
        """Send a request and wait for its response.

        On any exception the connection is closed and its place in the pool is free.

        Args:
            data: its head, and its body as far as it is here.
            due: on the clock, when the response's head has to be here.
            then: when all of it has to be here.
            gap: seconds between two reads, at most.
            bodiless: the request is a HEAD.
            whole: wait for the whole response; but with a status from 400 on for its head only, since a decision about
                a repeat must not wait for a body. Otherwise wait for the head.
            more: a body follows, through `write`; does not wait at all.
            upgrade: the request asks for another protocol (RFC 9110 section 7.8).

        Raises WireError.
        """
        try:
            self.expect(bodiless=bodiless, upgrade=upgrade)
            self._malady = None
            self.uses += 1
            self._due = due
            self._then = then
            self._gap = gap
            self.wrote = now = self.clock()
            # Not min(): that is a call.
            rest = (due if due < then else then) - now  # noqa: FURB136
            if gap < rest:  # noqa: PLR1730
                rest = gap
            if self.marks is not None:
                self.marks.wrote = now
                self.marks = None
            limit = self._limit
            if limit > rest + LATE or limit < rest * EARLY:
                if rest <= 0.0:
                    raise self._late()
                self._set_limit(rest)
            try:
                sent = self._send(data, self._flags)
            except OSError:
                # It blocks, or the peer takes no more of it; `_push` tells which.
                sent = 0
            if more:
                # A response that comes before `head` is called ends a request that is not whole.
                self._spoil()
            if sent != len(data):
                self._push(memoryview(data)[sent:])
            if more:
                return
            if not self.headed:
                try:
                    piece = self._recv(READ)
                except (BlockingIOError, TimeoutError):
                    self._read(now)
                else:
                    if piece:
                        self.headed_at = self.since = self.clock()
                        self.feed(piece)
                        if self.complete:
                            return
                    else:
                        self._ended()
            self._read_on(whole=whole)
        except MalformedResponse as error:
            self._malformed(error, whole=whole)
        except BaseException as error:
            self._fail(error)
            raise

    def write(self, data: bytes) -> None:
        """A part of the body, after `exchange` with `more`; waits until it is written. Raises WireError.

        Once the response is complete, or its status is 400 or above, the server wants no more: nothing is written then,
        and the caller can stop (`headed`).
        """
        try:
            self._push(memoryview(data))
        except BaseException as error:
            self._fail(error)
            raise

    def proceed(self, seconds: float) -> bool:
        """Whether the body is to be written, after `exchange` with `more` and a head that has Expect: 100-continue.

        False where the response is here instead. A server that says nothing for so many seconds may not know the
        field (RFC 9110 section 10.1.1). Raises WireError.
        """
        try:
            now = self.clock()
            end = now + seconds
            last = min(self._due, self._then)
            while not self.continued and not self.headed and now < end:
                if now >= last:
                    raise self._late()
                if self._line.ready(min(end, last) - now)[0]:
                    self._listen()
                now = self.clock()
        except BaseException as error:
            self._fail(error)
            raise
        return not self.headed

    def head(self) -> None:
        """Wait for the response's head, after the last part of the body. Raises WireError."""
        if not self.headed:
            self._back = self.pool.back()
        try:
            self._read_on(whole=False)
        except MalformedResponse as error:
            self._malformed(error, whole=False)
        except BaseException as error:
            self._fail(error)
            raise

    def read(self) -> bytes:
        """What is here of the body, waiting for some; b"" at its end. Raises WireError."""
        try:
            while not self.parts:
                if self.complete:
                    return b""
                if self._malady is not None:
                    raise self._malady
                self._read(self.clock())
        except BaseException as error:
            self._fail(error)
            raise
        return self.take()

    def _malformed(self, error: MalformedResponse, *, whole: bool) -> None:
        """What is wrong with a body is for whoever reads it, whatever came together."""
        if whole or not self.headed:
            self._fail(error)
        self._malady = error

    def release(self) -> None:
        """The exchange is over: the connection is kept if it can be, and closed otherwise. Again changes nothing."""
        if not self.busy:
            return
        # Another thread may have cut it when the response was here.
        if self.closed_because or not (self.complete and self.keep):
            self.abandon(self._why_not())
            return
        if self.uses % _SELDOM == 1:
            self._seldom()
        # As `hand_back`.
        self.busy = False
        self._back(self)
        if self.epoch != self.pool.epoch:
            self.pool.close_retired()

    def hand_back(self) -> None:
        """It is idle from now on."""
        self.busy = False
        self._back(self)
        # After it is back: whoever retires the pool finds it there, or it finds that.
        if self.epoch != self.pool.epoch:
            self.pool.close_retired()

    def abandon(self, why: str) -> None:
        """Close it now."""
        self.busy = self.keep = False
        self.closed_because = self.closed_because or why
        with self._engine.lock:
            self._finalizer()
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.give_back()
        self.pool.forget(self)

    def cut(self, why: str) -> None:
        """End it, from any thread; who uses it meets the end. To be called under the engine's lock."""
        self.closed_because = self.closed_because or why
        if self._finalizer.alive:
            self._line.cut()

    def interrupt(self, why: str) -> None:
        """As `cut`, for who does not have the lock."""
        with self._engine.lock:
            self.cut(why)

    def orphan(self) -> None:
        """This is a forked child: the connection is its parent's, who does not notice that it is closed here."""
        self.busy = self.keep = False
        self.closed_because = "it belongs to the process that forked this one"
        self._finalizer()

    def usable(self, now: float) -> bool:
        """Whether it may be used again after a while; it is closed if not."""
        why = ""
        if now - self.since >= self.patience:
            why = "it was idle for too long"
        elif self._line.ready(0.0)[0]:
            try:
                piece = self._line.read_now()
            except OSError:
                piece = b""
            if piece is not None:
                why = "the server spoke out of turn" if piece else "the server closed it while it was idle"
        if why:
            self.abandon(why)
        return not why

    def _spoil(self) -> None:
        self._back = _refuse

    def _why_not(self) -> str:
        if not self.complete:
            return "its response was not read to the end"
        return "another protocol took it over" if self.upgraded else "the server does not keep it"

    def _seldom(self) -> None:
        engine = self._engine
        if self.uses == 1:
            self.patience = min(self.patience, kept_for(self.headers))
            tls, line = self.target.tls, self._line
            if tls is not None and isinstance(line, SafeLine):
                tls.learn(line.sock, self.target.server_name or self.target.host)
        engine.sweep(self.since)


def _refuse(connection: Connection) -> None:
    connection.abandon("its response was there before the request was written")
