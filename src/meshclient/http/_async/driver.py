"""Carries out the commands of one exchange over an httpx transport, one attempt at a time.

Decides nothing: it sends, waits and closes what the generator of `meshclient.core.exchange` says, names how an attempt
ended, and dresses the result for httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.core.call import Call
from meshclient.core.commands import Cancel, Finished, SnapshotChanged, Start, TimerFired
from meshclient.core.exchange import exchange
from meshclient.errors import DeadlineExceeded, MeshError
from meshclient.http._async.replay import AsyncBody
from meshclient.http._async.stream import AsyncMeshStream
from meshclient.http.classification import classify_error, classify_response
from meshclient.http.errors import annotate, caused_by, deadline_exceeded, flavoured
from meshclient.http.routing import attempt_timeouts, given_timeouts, least, logical_location, routed
from meshclient.http.trail import Trail
from meshclient.http.waiting import async_limit, async_new_list, async_pause
from meshclient.mesh.naming import SCHEME
from meshclient.model.deadline import Deadline
from meshclient.model.outcome import CANCELLED, Kind, Outcome
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshclient.core.commands import Attempt, Command, Signal
    from meshclient.http.options import CallOptions
    from meshclient.mesh import MeshService


class AsyncDriver:
    """One call of `service`.

    Args:
        request: as httpx made it, addressed to the service.
        service: the service's running state.
        options: how this call is made.
        wire: sends a request to an address.
    """

    def __init__(
        self, request: httpx.Request, service: MeshService, options: CallOptions, wire: httpx.AsyncBaseTransport
    ) -> None:
        self._request = request
        self._service = service
        self._options = options
        self._wire = wire
        self._error: Exception | None = None
        self._response: httpx.Response | None = None
        self._body = AsyncBody(request)
        started = service.clock()
        self._call = Call(
            method=request.method,
            idempotent=options.idempotent,
            started=started,
            deadline=Deadline.after(options.deadline, started),
            attempt_timeout=options.attempt_timeout,
            retry=options.retry,
            obstacle=self._body.obstacle,
        )

    async def run(self) -> httpx.Response:
        """The response to the last attempt, or the error it ended in."""
        try:
            attempt = await self._drive(exchange(self._call, self._service))
        except DeadlineExceeded:
            await self._forget_response()
            raise self._deadline_exceeded(self._report()) from self._error
        except MeshError as error:
            await self._forget_response()
            raise flavoured(error, self._report(), self._request) from self._error
        # Held no longer: the response refers to this driver through its stream, and a cycle would outlive the call.
        response, self._response = self._response, None
        if response is None:
            raise caused_by(self._failure(attempt), self._error)
        if self._request.url.scheme == SCHEME and response.has_redirect_location:
            location = logical_location(self._request, attempt.pick.endpoint, response.headers["location"])
            response.headers["location"] = location
        response.stream = AsyncMeshStream(response.stream, self, attempt)  # type: ignore[arg-type]
        response.extensions["mesh"] = self._report()
        return response

    async def _drive(self, steps: Generator[Command, Signal | None, Attempt]) -> Attempt:
        live: Attempt | None = None
        signal: Signal | None = None
        try:
            while True:
                command = steps.send(signal)
                signal = None
                if isinstance(command, Start):
                    live = command.attempt
                    await self._forget_response()
                elif isinstance(command, Cancel):
                    live = None
                elif live is not None:
                    # Nothing is in flight once it returned: the Wait of a back-off must not send it again.
                    attempt, live = live, None
                    signal = await self._send(attempt, command.timeout)
                elif command.stale is not None:
                    changed = await async_new_list(self._service, command.stale, command.timeout)
                    signal = SnapshotChanged() if changed else TimerFired()
                else:
                    await self._forget_response()
                    await async_pause(command.timeout)
                    signal = TimerFired()
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            # Does nothing after a return; otherwise the call was cancelled, and what it holds is handed back.
            steps.close()

    async def _send(self, attempt: Attempt, timeout: float) -> Signal:
        options, given = self._options, given_timeouts(self._request)
        trail = Trail(self._service.clock, self._request.extensions.get("trace"))
        timeouts = attempt_timeouts(given, options.connect_timeout, timeout)
        try:
            request = routed(self._request, attempt.pick.endpoint, self._body.stream, timeouts, trail.async_trace)
            async with async_limit(timeout):
                response = await self._wire.handle_async_request(request)
        except TimeoutError as error:
            self._error = error
            return self._interrupted(attempt, trail, timeout)
        except Exception as error:  # noqa: BLE001 - named below, and raised again unless another attempt follows
            self._error = error
            if self._body.failure is error:
                return Finished(attempt, Outcome(Kind.CANCELLED, detail=f"the request body failed: {error!r}"))
            return Finished(attempt, classify_error(error, trail))
        finally:
            self._body.wrote = self._body.wrote or trail.wrote is not None
        self._error = None
        self._response = response
        # The transport reads both again for the body, which has the whole call's time and not the attempt's.
        request.extensions["trace"] = trail.onward
        timeouts["read"] = least(given.get("read"), self.time_left())
        return Finished(attempt, classify_response(response), trail.waited(attempt.pick.started))

    def _interrupted(self, attempt: Attempt, trail: Trail, timeout: float) -> Signal:
        if self._body.failure is not None:
            self._error = httpx.WriteTimeout(
                f"the request body's own stream did not end within {attempt.timeout:.3g}s (attempt_timeout)"
            )
            return Finished(attempt, Outcome(Kind.CANCELLED, detail=str(self._error)))
        if trail.waited(attempt.pick.started) > timeout / 2:
            self._error = httpx.PoolTimeout(
                f"most of the {timeout:.3g}s for an attempt went by until a connection was free; raise httpx.Limits"
            )
            return Finished(attempt, classify_error(self._error, trail))
        if trail.connected and trail.wrote is None:
            self._error = httpx.ConnectTimeout(
                f"no connection to {attempt.pick.endpoint.url} in {attempt.timeout:.3g}s"
            )
            return Finished(attempt, classify_error(self._error, trail))
        return TimerFired()

    async def _forget_response(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            await response.aclose()

    def _failure(self, attempt: Attempt) -> Exception:
        report = self._report()
        if self.time_left() <= 0:
            return self._deadline_exceeded(report)
        error = self._error
        if error is None or isinstance(error, TimeoutError):
            error = httpx.ReadTimeout(
                f"{attempt.pick.endpoint.url} gave no response head within {attempt.timeout:.3g}s (attempt_timeout)",
                request=self._request,
            )
        annotate(error, report)
        return error

    def _deadline_exceeded(self, report: CallReport) -> Exception:
        return deadline_exceeded(report, self._request, self._options.deadline or 0.0)

    def _report(self) -> CallReport:
        left = None if self._options.deadline is None else self.time_left()
        return CallReport(self._service.name, tuple(self._call.reports), self._service.snapshot_report(), left)

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
