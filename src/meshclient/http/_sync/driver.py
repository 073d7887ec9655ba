# Generated from src/meshclient/http/_async/driver.py by scripts/unasync.py; edit that file, then run `make sync`.
"""Carries out the commands of one exchange.

Decides nothing: it sends, waits and closes what the generator of `meshclient.core.exchange` says, names how an attempt
ended, and dresses the result for httpx.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import httpx

from meshclient.core.call import Call
from meshclient.core.commands import Cancel, Finished, SnapshotChanged, Start, TimerFired, TurnCame
from meshclient.core.exchange import exchange, resume
from meshclient.errors import DeadlineExceeded, MeshError
from meshclient.http._sync.replay import Body
from meshclient.http._sync.sending import Landing, Sender
from meshclient.http._sync.stream import MeshStream
from meshclient.http.classification import classify_error, http_version
from meshclient.http.diagnosis import no_head
from meshclient.http.errors import annotate, caused_by, deadline_exceeded, flavoured
from meshclient.http.race import Race
from meshclient.http.routing import logical_location
from meshclient.http.told import telling_of
from meshclient.http.trail import Trail
from meshclient.http.waiting import new_list, passed, pause, runs, turn
from meshclient.mesh.naming import SCHEME
from meshclient.model.deadline import Deadline
from meshclient.model.outcome import CANCELLED
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshclient.core.commands import Attempt, Command, Signal, Wait
    from meshclient.http._sync.wire import Wire
    from meshclient.http.begun import Begun
    from meshclient.http.options import CallOptions
    from meshclient.mesh import MeshService


class Driver:
    """One call of `service`.

    Args:
        request: as httpx made it, addressed to the service.
        service: the service's running state.
        options: how this call is made.
        wire: carries an attempt.
        begun: what has been done already by the short road, if it has.
    """

    def __init__(
        self,
        request: httpx.Request,
        service: MeshService,
        options: CallOptions,
        wire: Wire,
        begun: Begun | None = None,
    ) -> None:
        self._begun = begun
        self._request = request
        self._service = service
        self._options = options
        self._error: Exception | None = None
        self._response: httpx.Response | None = None
        self._landed: Attempt | None = None
        body = Body(request)
        started = service.clock() if begun is None else begun.started
        self._call = Call(
            method=request.method,
            idempotent=options.idempotent,
            started=started,
            deadline=Deadline.after(options.deadline, started),
            attempt_timeout=options.attempt_timeout,
            retry=options.retry,
            obstacle=body.obstacle,
            key=options.key,
            stuck=options.stuck,
            # A body that is read from a stream cannot be read twice at once.
            hedge=options.hedge
            and options.idempotent
            and isinstance(body.stream, httpx.ByteStream)
            # Nor is a repeat multiplied here.
            and service.hedging is not None
            and not options.chained
            # Two attempts at once are two tasks, which on trio need a nursery that a call does not have.
            and bool(runs()),
            chained=options.chained,
            priority=options.priority,
        )
        body.wrote = begun is not None and begun.sent
        self._telling = telling_of(request, service, started)
        self._sender = Sender(
            request, service, options, wire, body, self._call, self._telling, "" if begun is None else begun.trace_id
        )

    def run(self) -> httpx.Response:
        """The response to the last attempt, or the error it ended in."""
        telling = self._telling
        if telling is None:
            return self._run()
        try:
            response = self._run()
        except BaseException as error:
            telling.ended(error)
            raise
        telling.ended()
        return response

    def _run(self) -> httpx.Response:
        try:
            attempt = self._drive(self._steps())
        except DeadlineExceeded:
            raise self._deadline_exceeded(self._report()) from self._error
        except MeshError as error:
            raise flavoured(error, self._report(), self._request) from self._error
        except Exception as error:
            # The user's own, from a strategy.
            annotate(error, self._report())
            raise
        # Held no longer: the response refers to this driver through its stream, and a cycle would outlive the call.
        response, self._response = self._response, None
        if response is None:
            raise caused_by(self._failure(attempt), self._error)
        if self._request.url.scheme == SCHEME and response.has_redirect_location:
            location = logical_location(self._request, attempt.pick.endpoint, response.headers["location"])
            response.headers["location"] = location
        stuck = self._call.stuck
        if self._service.sticky is not None and (stuck is None or attempt.pick.endpoint.key != stuck()):
            cookie = self._service.session_cookie(attempt.pick.endpoint)
            response.headers = httpx.Headers([*response.headers.multi_items(), ("set-cookie", cookie)])
        response.stream = MeshStream(response.stream, self, attempt)  # type: ignore[arg-type]
        response.extensions["mesh"] = self._report()
        return response

    def _steps(self) -> Generator[Command, Signal | None, Attempt]:
        begun, self._begun = self._begun, None
        if begun is None:
            return exchange(self._call, self._service)
        first = None
        if begun.attempt is not None and begun.outcome is not None:
            landing = Landing(begun.outcome, begun.waited, begun.response, begun.error)
            if self._telling is not None:
                version = "" if begun.response is None else http_version(begun.response)
                self._telling.taken_over(begun.attempt, begun.outcome, version, begun.span)
            first = self._take(begun.attempt, landing)
        return resume(self._call, self._service, begun.stay, first)

    def _drive(self, steps: Generator[Command, Signal | None, Attempt]) -> Attempt:
        live: Attempt | None = None
        race: Race[Landing] | None = Race() if self._call.hedge else None
        signal: Signal | None = None
        try:
            while True:
                command = steps.send(signal)
                signal = None
                if isinstance(command, Start):
                    live = self._start(command.attempt, race)
                elif isinstance(command, Cancel):
                    live = None
                    self._give_up(command.attempt, race)
                elif live is not None:
                    # Nothing is in flight once it returned: the Wait of a back-off must not send it again.
                    attempt, live = live, None
                    signal = self._take(attempt, self._sender.send(attempt))
                elif race is not None and race.live:
                    first = race.first(command.timeout)
                    signal = TimerFired() if first is None else self._take(*first)
                else:
                    signal = self._idle(command)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        except BaseException:
            self._forget_response()
            raise
        finally:
            # Does nothing after a return; otherwise the call was cancelled, and what it holds is handed back.
            steps.close()
            if race is not None:
                race.close()

    def _start(self, attempt: Attempt, race: Race[Landing] | None) -> Attempt | None:
        """Begin to send `attempt`; itself where that has to wait until nothing else is to be done."""
        if self._telling is not None:
            self._telling.started(attempt)
        self._forget_response()
        if race is None:
            return attempt
        race.start(attempt, partial(self._sender.send, attempt))
        return None

    def _give_up(self, attempt: Attempt, race: Race[Landing] | None) -> None:
        if race is not None:
            race.cancel(attempt)
        if attempt.raw is None:
            attempt.raw = no_head(attempt)
        if self._landed is attempt:
            self._forget_response()

    def _idle(self, command: Wait) -> Signal:
        """Wait with nothing in flight."""
        if command.stale is not None:
            changed = new_list(self._service, command.stale, command.timeout)
            return SnapshotChanged() if changed else self._timer_fired(command)
        if command.turn is not None:
            return TurnCame() if turn(command.turn, command.timeout) else self._timer_fired(command)
        self._forget_response()
        pause(command.timeout, self._service.clock)
        return TimerFired()

    def _timer_fired(self, command: Wait) -> TimerFired:
        passed(command.timeout, self._service.clock)
        return TimerFired()

    def _take(self, attempt: Attempt, landing: Landing) -> Finished:
        self._landed, self._response, self._error = attempt, landing.response, landing.error
        if landing.response is not None:
            # As a client will do; a strategy may want to see it before.
            landing.response.request = self._request
        attempt.raw = landing.response or landing.error
        if self._telling is not None:
            self._telling.landed(landing.outcome)
        return Finished(attempt, landing.outcome, landing.waited)

    def _forget_response(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()

    def _failure(self, attempt: Attempt) -> Exception:
        report = self._report()
        if self.time_left() <= 0:
            return self._deadline_exceeded(report)
        error = self._error
        if error is None:
            error = no_head(attempt)
        annotate(error, report)
        return error

    def _deadline_exceeded(self, report: CallReport) -> Exception:
        return deadline_exceeded(report, self._request, self._options.deadline or 0.0)

    def _report(self) -> CallReport:
        left = None if self._options.deadline is None else self.time_left()
        call = self._call
        reports = tuple(call.reports)
        hedged = call.hedge and any(report.hedge for report in reports)
        return CallReport(self._service.name, reports, self._service.snapshot_report(), left, hedged)

    # For the response body, which outlives `run`.

    def now(self) -> float:
        """Seconds on the service's clock."""
        return self._service.clock()

    def time_left(self) -> float:
        """Seconds until the call's deadline; infinity without one."""
        return self._call.deadline.remaining(self._service.clock())

    def broken_body(self, attempt: Attempt, error: Exception) -> Exception:
        """Hand the pick back with `error`, which cut the body short, and make of it what the reader shall see."""
        report = self._report()
        if self.time_left() <= 0:
            # The call's own time was up: a long body is not the endpoint's failure.
            attempt.pick.done(CANCELLED, self.now())
            return self._deadline_exceeded(report)
        attempt.pick.done(classify_error(error, Trail(self.now, None)), self.now())
        annotate(error, report)
        return error
