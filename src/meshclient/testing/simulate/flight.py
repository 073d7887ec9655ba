"""One call on its way: the driver of the production exchange in virtual time.

As the drivers of httpx do, it carries out the commands of `meshclient.core.exchange` and decides nothing. It keeps a
set of live attempts, any number at once.
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING

from meshclient.core.call import Call
from meshclient.core.commands import Cancel, SnapshotChanged, Start, TimerFired, TurnCame
from meshclient.core.exchange import exchange
from meshclient.engine.sweep import LOOK, TOLERANCE
from meshclient.errors import MeshError
from meshclient.model.deadline import Deadline
from meshclient.model.outcome import Kind
from meshclient.testing.simulate.ending import Ending
from meshclient.testing.simulate.sending import Sending

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.commands import Attempt, Finished, Signal, Wait
    from meshclient.http.options import CallOptions
    from meshclient.testing.simulate.caller import Caller
    from meshclient.testing.simulate.request import Request
    from meshclient.testing.simulate.timeline import Due


class Flight:
    """A call of `caller`.

    Args:
        caller: whose call it is.
        request: what is asked.
        options: how.
        done: told once how it ended; not where it is cancelled.
    """

    __slots__ = ("_call", "_caller", "_connect", "_done", "_live", "_request", "_steps", "_timer", "_wait")

    def __init__(self, caller: Caller, request: Request, options: CallOptions, done: Callable[[Ending], None]) -> None:
        self._caller = caller
        self._request = request
        self._done = done
        self._connect = options.connect_timeout
        started = caller.clock()
        self._call = Call(
            method=request.method,
            idempotent=options.idempotent,
            started=started,
            deadline=Deadline.after(options.deadline, started),
            attempt_timeout=options.attempt_timeout,
            retry=options.retry,
            obstacle=str,
            key=options.key,
            hedge=options.hedge and options.idempotent,
            chained=options.chained,
            priority=options.priority,
        )
        self._live: dict[Attempt, Sending] = {}
        self._timer: Due | None = None
        self._wait: Wait | None = None
        self._steps = exchange(self._call, caller.service)

    def begin(self) -> None:
        """Run to the first wait."""
        # As a task is referred to by whoever waits for it.
        self._caller.flights.add(self)
        self._advance(None)

    def cancel(self) -> None:
        """Give the call up, as a caller does that no longer wants the answer."""
        self._leave()
        self._steps.close()

    def _advance(self, signal: Signal | None) -> None:
        self._disarm()
        try:
            while True:
                command = self._steps.send(signal)
                signal = None
                if isinstance(command, Start):
                    self._send(command.attempt)
                elif isinstance(command, Cancel):
                    if sending := self._live.pop(command.attempt, None):
                        sending.cancel()
                elif command.stale is not None and self._caller.service.watch.snapshot is not command.stale:
                    signal = SnapshotChanged()
                else:
                    self._arm(command)
                    return
        except StopIteration as end:
            self._finish(end.value)
        except MeshError as error:
            self._leave()
            self._done(Ending(type(error).__name__))

    def _arm(self, wait: Wait) -> None:
        loop, self._wait = self._caller.loop, wait
        # An attempt that is alone has its limit with it.
        if wait.timeout < inf and (self._call.hedge or not self._live):
            due = loop.time() + wait.timeout
            self._timer = loop.call_at(due, partial(self._expire, wait, due))
        if wait.stale is not None:
            self._caller.watch.subscribe(partial(self._wake, wait, SnapshotChanged()))
        if wait.turn is not None:
            wait.turn.watch(partial(self._wake, wait, TurnCame()))

    def _disarm(self) -> None:
        self._wait = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        self._caller.flights.discard(self)
        self._disarm()
        for sending in self._live.values():
            sending.cancel()
        self._live.clear()

    def _expire(self, wait: Wait, due: float) -> None:
        loop = self._caller.loop
        if self._wait is not wait:
            return
        if self._live and loop.time() - due > TOLERANCE:
            # As `AsyncRace`: the loop stood still, and an answer may have come in time.
            self._timer = loop.call_at(loop.time() + LOOK, partial(self._expire, wait, inf))
            return
        self._advance(TimerFired())

    def _wake(self, wait: Wait, signal: Signal) -> None:
        # Not from within: whoever wakes is in the middle of something.
        def resume() -> None:
            if self._wait is wait:
                self._advance(signal)

        self._caller.timeline.after(0.0, partial(self._caller.loop.run, resume))

    def _send(self, attempt: Attempt) -> None:
        self._live[attempt] = sending = Sending(self._caller, attempt, self._land)
        sending.begin(self._request, self._call, self._connect)

    def _land(self, finished: Finished) -> None:
        del self._live[finished.attempt]
        self._advance(finished)

    def _finish(self, attempt: Attempt) -> None:
        now, outcome = self._caller.clock(), attempt.outcome
        self._leave()
        # The body comes with the head here.
        attempt.pick.done(outcome, now)
        if outcome.kind is Kind.OK:
            self._done(Ending())
        elif outcome.status is None and self._call.deadline.expired(now):
            self._done(Ending("DeadlineExceeded"))
        else:
            self._done(Ending(str(outcome.kind)))
