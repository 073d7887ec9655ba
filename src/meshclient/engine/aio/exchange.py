"""The exchanges on one connection, one after another.

It is the protocol of its transport and the reader of its responses at once, and the task that sends a request waits on
one future until what it asked for is here: nothing runs in between that could be spared. What is rare, such as errors,
limits and parts of a body, is decided beside that path.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, cast

from meshclient.engine import complaints
from meshclient.engine.aio.loss import loss
from meshclient.engine.aio.upgraded import AsyncUpgraded
from meshclient.engine.errors import MalformedResponse, StaleConnection, WireError
from meshclient.engine.response_reader import ResponseReader
from meshclient.engine.sweep import LOOK, TOLERANCE

if TYPE_CHECKING:
    from meshclient.engine.aio.pool import AsyncPool
    from meshclient.engine.marks import Marks

# What a task waits for.
WHOLE, HEAD, PART, DRAIN, CONTINUE = range(5)
# Bytes of a streamed body that may lie here unread before the peer is held back.
UNREAD = 256 * 1024


class Exchange(ResponseReader, asyncio.Protocol):
    """A connection as far as whole exchanges go; `Streaming` adds bodies in parts, `AsyncConnection` its pool.

    Attributes:
        uses: exchanges begun on it, the one under way included.
        busy: whether somebody has taken it.
        began: clock when that was.
        headed_at: clock when the last response head arrived.
        closed_because: why it is closed; empty while it is open.
        over: whether its transport is closed as well.
    """

    __slots__ = (
        "_clock", "_dated", "_early", "_failure", "_gap", "_looked", "_loop", "_marks", "_odd", "_paused", "_reading",
        "_sending", "_stood", "_sweep", "_target", "_then", "_transport", "_unread_from", "_upgraded", "_wait",
        "_waiter", "began", "busy", "closed_because", "due", "headed_at", "over", "uses", "watched",
    )  # fmt: skip

    def __init__(self, pool: AsyncPool) -> None:
        super().__init__(pool.response_limits)
        self._target = pool.target
        self._loop = pool.loop
        self._clock = pool.clock
        self._sweep = pool.sweep
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._waiter: asyncio.Future[None] | None = None
        self._failure: WireError | None = None
        self._upgraded: AsyncUpgraded | None = None
        self._marks: Marks | None = None
        self._wait = WHOLE
        self._then = self._gap = self.due = inf
        self._stood = self.headed_at = self.began = 0.0
        self._unread_from = self.uses = 0
        # Whether anything is other than with a response that comes at once and as a whole; all that is rare then
        # costs the others one look.
        self._odd = True
        self._reading = self.busy = True
        self._dated = self._paused = self._early = self._sending = self._looked = self.watched = self.over = False
        self.closed_because = ""

    def release(self) -> None:
        """The exchange is over."""
        raise NotImplementedError

    def close(self, why: str, *, at_once: bool = False) -> None:
        """Close it, after what is still to be written or without."""
        raise NotImplementedError

    async def exchange(
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
        """Write a request and wait for its response.

        Args:
            data: the head, and the body as far as it is at hand.
            due: clock by which the response's head must be here. Time for which the loop stood still is given back
                once, up to `then`.
            then: clock by which all of the response must be here.
            gap: seconds that may pass between two parts of the response.
            bodiless: the response has no body, whatever its head says: HEAD.
            whole: wait for the whole response; yet only for the head of one with a status from 400 on, since the
                decision whether to repeat must not wait for a body. Otherwise wait for the head.
            more: further parts of the body follow by `write`; it does not wait.
            upgrade: the request asks for another protocol (RFC 9110 section 7.8).

        Raises:
            WireError: the connection is closed then, as it is after a cancellation unless the response was complete.
        """
        if self.closed_because:
            raise self._ended()
        self.expect(bodiless=bodiless, upgrade=upgrade)
        self.uses += 1
        # The head is a part as well; and no clock is read where there is no limit to parts.
        self.due = due if gap == inf else min(due, self._clock() + gap)
        self._then = then
        self._gap = gap
        self._wait = WHOLE if whole else HEAD
        if self._odd:
            self._begin()
        if not self.watched:
            self._sweep.watch(self)
        if more or upgrade:
            self._odd = True
        self._transport.write(data)
        if more:
            self._wait = HEAD
            self._sending = True
            return
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        except BaseException as error:
            self._interrupted(error)
            raise
        # What is wrong with a body is for whoever reads it, whatever came together.
        if self._failure is not None and (whole or not self.headed):
            raise self._ended()

    @property
    def waited(self) -> float:
        """Seconds for which the loop stood still between the request and the response's head."""
        stood, sweep = self._stood, self._sweep
        if self.headed_at - sweep.next <= TOLERANCE:
            return stood
        return stood + sweep.late(self.began, self.headed_at)

    @property
    def opened(self) -> bool:
        """Whether there ever was a transport, which will tell of its end."""
        return self._transport is not None

    # Called by the transport.

    def data_received(self, data: bytes) -> None:  # noqa: D102
        stray = self.complete
        if stray:
            self.close("the peer sent what nobody asked for", at_once=True)
            return
        try:
            self.feed(data)
        except MalformedResponse as error:
            self._fail(complaints.malformed(self._target, error))
            return
        if not self.complete:
            self._progress()
            return
        if self._odd:
            self._oddly()
        else:
            self.headed_at = self._clock()
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            try:
                waiter.set_result(None)
            except asyncio.InvalidStateError:
                # The task was cancelled in this turn of the loop, and sees to the rest.
                return

    def eof_received(self) -> None:  # noqa: D102
        if self.complete:
            self._gone(None)
        elif self.feed_end():
            self.close("its end was the end of the response", at_once=True)
            self._wake()
        else:
            self._lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)
        # So that `_paused` says whether all of a request has been handed over. TLS counts from the limit on.
        self._transport.set_write_buffer_limits(high=1 if self._target.tls else 0, low=0)
        if self.closed_because:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: D102
        self.over = True
        if not self.closed_because:
            self._gone(error)

    def pause_writing(self) -> None:  # noqa: D102
        self._paused = self._odd = True

    def resume_writing(self) -> None:  # noqa: D102
        self._paused = False
        if self._wait == DRAIN:
            self._wake()

    # Called by the sweep.

    def expire(self, now: float) -> None:
        """What the task waits for is late."""
        late = now - self.due
        if self._waiter is None:
            self.due = inf
        elif self._stood > TOLERANCE and not self._looked:
            # What has come meanwhile is read before anything is said to be late.
            self._looked = self._odd = True
            grace = 0.0 if self.headed else self._then - now
            self.due = now + max(LOOK, min(self._stood - late, grace))
        else:
            self._fail(self._late())

    def stand(self, late: float, now: float) -> None:
        """The loop stood still."""
        if self.headed:
            late -= now - self.headed_at
            now = self.headed_at
        self._odd = True
        self._stood += max(0.0, min(late, now - self.began))

    # Rare.

    def _begin(self) -> None:
        """The exchange before it was odd, or this one will be."""
        self._stood = 0.0
        self._unread_from = 0
        self._dated = self._looked = False
        # There is something to be learned from the first one.
        self._odd = self._paused or self.uses == 1
        if self._marks is not None:
            self._marks.wrote = self._clock()
            self._marks = None

    def _date(self) -> None:
        if not self._dated:
            self._dated = True
            self.headed_at = self._clock()

    def _oddly(self) -> None:
        """The response is complete; but it came in parts, or before its request was complete, or is the last one."""
        self._date()
        self._early = self._early or self._sending
        if self.upgraded:
            self._upgraded = AsyncUpgraded(self._transport, self._loop, self._target, self.connection_lost)

    def _progress(self) -> None:
        """Something came, and it is not the whole response."""
        self._odd = True
        wait = self._wait
        if not self.headed:
            if self.continued and wait == CONTINUE:
                self._wake()
            return
        self._date()
        if self._sending:
            self._early = True
        if wait == WHOLE and self.status < 400:
            self.due = min(self._then, self._clock() + self._gap)
            return
        if self._reading and self.received - self._unread_from > UNREAD:
            self._reading = False
            self._transport.pause_reading()
        if wait == PART and not self.parts:
            self.due = min(self._then, self._clock() + self._gap)
        elif wait != DRAIN or self.status >= 400:
            self._wake()

    def _interrupted(self, error: BaseException) -> None:
        self._waiter = None
        if self.complete:
            self.release()
        else:
            self.close(f"its exchange was interrupted ({type(error).__name__})", at_once=True)
            self.busy = False

    def _ended(self) -> WireError:
        """Why the exchange is over; the connection's slot is free."""
        self.busy = False
        if self._failure is not None:
            return self._failure
        return StaleConnection(f"{self._target}: the connection is closed: {self.closed_because}")

    def _gone(self, error: Exception | None) -> None:
        """The transport is."""
        if self.complete and self.uses:
            self.close("the peer closed it", at_once=True)
        else:
            self._lost(error)

    def _lost(self, error: Exception | None) -> None:
        answered = bool(self._fed or self.headed or self.continued)
        seconds = self._clock() - self.began
        self._fail(loss(self._target, error, self.uses, seconds, answered=answered))

    def _late(self) -> WireError:
        if self._wait == DRAIN or (self._paused and not self.headed):
            return complaints.unread(self._target)
        return complaints.late_response(self._target, headed=self.headed)

    def _fail(self, failure: WireError) -> None:
        self._failure = failure
        self.close(str(failure), at_once=True)
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
