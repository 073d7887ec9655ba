"""One call on its way: the driver of the production exchange in virtual time.

As the drivers of httpx do, it carries out the commands of `meshclient.core.exchange` and decides nothing. It keeps a
set of live attempts, any number at once.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from meshclient.core.call import Call
from meshclient.core.commands import Cancel, Finished, SnapshotChanged, Start, TimerFired, TurnCame, Wait
from meshclient.core.exchange import exchange
from meshclient.errors import MeshError
from meshclient.model.deadline import Deadline
from meshclient.model.outcome import Kind
from meshclient.testing.simulate.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.commands import Attempt, Signal
    from meshclient.model.outcome import Outcome
    from meshclient.testing.simulate.caller import Caller
    from meshclient.testing.simulate.timeline import Due


class Ending(NamedTuple):
    """How a call ended: `failure` is empty, the kind of the last outcome, or the name of the error raised."""

    failure: str = ""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return not self.failure


class Flight:
    """A call of `caller`.

    Args:
        caller: whose call it is.
        request: what is asked.
        done: told once how it ended; not where it is cancelled.
    """

    __slots__ = ("_call", "_caller", "_done", "_live", "_options", "_request", "_steps", "_timer", "_wait")

    def __init__(self, caller: Caller, request: Request, done: Callable[[Ending], None]) -> None:
        self._caller = caller
        self._request = request
        self._done = done
        self._options = options = caller.options(request)
        started = caller.clock()
        self._call = Call(
            method=request.method,
            idempotent=options.idempotent,
            started=started,
            deadline=Deadline.after(options.deadline, started),
            attempt_timeout=options.attempt_timeout,
            retry=options.retry,
            obstacle=str,
        )
        self._live: dict[int, Attempt] = {}
        self._timer: Due | None = None
        self._wait: Wait | None = None
        self._steps = exchange(self._call, caller.service)

    def begin(self) -> None:
        """Run to the first wait."""
        self._advance(None)

    def cancel(self) -> None:
        """Give the call up, as a caller does that no longer wants the answer."""
        self._disarm()
        self._live.clear()
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
                    self._live.pop(id(command.attempt), None)
                elif command.stale is not None and self._caller.service.watch.snapshot is not command.stale:
                    signal = SnapshotChanged()
                else:
                    self._arm(command)
                    return
        except StopIteration as end:
            self._finish(end.value)
        except MeshError as error:
            self._live.clear()
            self._done(Ending(type(error).__name__))

    def _arm(self, wait: Wait) -> None:
        caller, self._wait = self._caller, wait
        if wait.timeout < inf:
            self._timer = caller.timeline.after(
                wait.timeout, lambda: caller.loop.run(lambda: self._expire(wait), timer=True)
            )
        if wait.stale is not None:
            caller.watch.subscribe(lambda: self._wake(wait, SnapshotChanged()))
        if wait.turn is not None:
            wait.turn.watch(lambda: self._wake(wait, TurnCame()))

    def _disarm(self) -> None:
        self._wait = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self, wait: Wait) -> None:
        if self._wait is wait:
            self._advance(TimerFired())

    def _wake(self, wait: Wait, signal: Signal) -> None:
        # Not from within: whoever wakes is in the middle of something.
        def resume() -> None:
            if self._wait is wait:
                self._advance(signal)

        self._caller.timeline.after(0.0, lambda: self._caller.loop.run(resume))

    def _send(self, attempt: Attempt) -> None:
        caller, request = self._caller, self._request
        self._live[id(attempt)] = attempt
        headers = caller.headers(self._call, attempt, request)
        patience = min(self._options.connect_timeout, attempt.timeout)
        sent = Request(request.id, request.method, request.path, headers, patience)
        caller.send(sent, attempt.pick.endpoint, lambda outcome: self._arrive(attempt, outcome))

    def _arrive(self, attempt: Attempt, outcome: Outcome) -> None:
        self._caller.loop.run(lambda: self._take(attempt, outcome))

    def _take(self, attempt: Attempt, outcome: Outcome) -> None:
        # An answer to an attempt that was given up, or came after the call's end, reaches nobody.
        if self._live.pop(id(attempt), None) is not None:
            self._advance(Finished(attempt, outcome))

    def _finish(self, attempt: Attempt) -> None:
        now, outcome = self._caller.clock(), attempt.outcome
        self._live.clear()
        # The body comes with the head here.
        attempt.pick.done(outcome, now)
        if outcome.kind is Kind.OK:
            self._done(Ending())
        elif outcome.status is None and self._call.deadline.expired(now):
            self._done(Ending("DeadlineExceeded"))
        else:
            self._done(Ending(str(outcome.kind)))
