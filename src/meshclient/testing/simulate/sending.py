"""One attempt on its way, within its time limit: what `meshclient.http._async.sending` does, in virtual time."""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING

from meshclient.core.commands import Finished
from meshclient.core.record import late
from meshclient.engine.sweep import LOOK, TOLERANCE
from meshclient.http.ambient import ATTEMPT_HEADER, TIMEOUT_HEADER, format_timeout
from meshclient.http.diagnosis import STALL_SHARE
from meshclient.model.outcome import Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.call import Call
    from meshclient.core.commands import Attempt
    from meshclient.testing.simulate.caller import Caller
    from meshclient.testing.simulate.request import Request
    from meshclient.testing.simulate.timeline import Due


class Sending:
    """An attempt in flight.

    Args:
        caller: whose it is.
        attempt: as the exchange began it.
        land: told once how it ended; not where it is cancelled.
    """

    __slots__ = ("_attempt", "_before", "_caller", "_connect", "_land", "_limit", "_looked", "_over")

    def __init__(self, caller: Caller, attempt: Attempt, land: Callable[[Finished], None]) -> None:
        self._caller = caller
        self._attempt = attempt
        self._land = land
        self._before = caller.lag.stood()
        self._connect = inf
        self._limit: Due | None = None
        self._looked = False
        self._over = False

    def begin(self, request: Request, call: Call, connect_timeout: float) -> None:
        """Send it; a connection may take `connect_timeout` seconds."""
        caller, attempt = self._caller, self._attempt
        self._connect = min(connect_timeout, attempt.timeout)
        if attempt.timeout < inf:
            due = caller.loop.time() + attempt.timeout
            self._limit = caller.loop.call_at(due, partial(self._strike, due))
        sent = request._replace(headers=_headers(call, attempt), connect_timeout=self._connect)
        caller.send(sent, attempt.pick.endpoint, self._arrive)

    def cancel(self) -> None:
        """Give it up: what is still to come reaches nobody."""
        self._over = True
        if self._limit is not None:
            self._limit.cancel()

    def _arrive(self, outcome: Outcome) -> None:
        if not self._over:
            self._caller.loop.run(partial(self._take, outcome))

    def _take(self, outcome: Outcome) -> None:
        answered = outcome.status is not None
        stood = self._caller.lag.stood() - self._before
        self._end(outcome if answered else self._own_fault(outcome, stood), stood if answered else 0.0)

    def _strike(self, due: float) -> None:
        loop = self._caller.loop
        if not self._looked and loop.time() - due > TOLERANCE:
            # As `PatientTimeout`: what has come while the loop stood still is read first.
            self._looked = True
            self._limit = loop.call_at(loop.time() + LOOK, partial(self._strike, due))
            return
        self._end(self._own_fault(late(self._attempt), self._caller.lag.stood() - self._before), 0.0)

    def _own_fault(self, outcome: Outcome, stood: float) -> Outcome:
        """As `AsyncSender`: a timeout for which this process stood still is nobody else's."""
        seconds = {Kind.TIMEOUT: self._attempt.timeout, Kind.CONNECT_TIMEOUT: self._connect}.get(outcome.kind, inf)
        return outcome if stood < STALL_SHARE * seconds else Outcome(Kind.STALLED, detail=outcome.detail)

    def _end(self, outcome: Outcome, waited: float) -> None:
        if not self._over:
            self.cancel()
            self._land(Finished(self._attempt, outcome, waited))


def _headers(call: Call, attempt: Attempt) -> dict[str, str]:
    """As `AsyncSender` makes them."""
    headers = {}
    if attempt.timeout < inf:
        headers[TIMEOUT_HEADER] = format_timeout(attempt.timeout)
    if attempt.number > 1 or call.chained:
        headers[ATTEMPT_HEADER] = str(max(2, attempt.number))
    return headers
