"""Sends one attempt to its endpoint, and names how it ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

import httpx

from meshclient.core.balance.load_report import HEADER
from meshclient.http.ambient import ATTEMPT_HEADER, TIMEOUT_HEADER, format_timeout
from meshclient.http.classification import classify_response, http_version
from meshclient.http.diagnosis import failed, interrupted
from meshclient.http.routing import attempt_timeouts, given_timeouts, least
from meshclient.http.trail import Trail
from meshclient.http.waiting import async_bound, async_limit, async_stood
from meshclient.model.outcome import Kind, Outcome

if TYPE_CHECKING:
    from meshclient.core.call import Call
    from meshclient.core.commands import Attempt
    from meshclient.http._async.replay import AsyncBody
    from meshclient.http._async.wire import AsyncWire
    from meshclient.http.options import CallOptions
    from meshclient.http.rein import Rein
    from meshclient.mesh import MeshService
    from meshclient.telemetry.telling import CallTelling


@dataclass(slots=True)
class AsyncLanding:
    """What an attempt brought: a response or an error.

    `waited` is how many of its seconds were this process's own.
    """

    outcome: Outcome
    waited: float = 0.0
    response: httpx.Response | None = None
    error: Exception | None = None

    async def aclose(self) -> None:
        """Throw it away."""
        if self.response is not None:
            await self.response.aclose()


class AsyncSender:
    """Sends the attempts of one call.

    Args:
        request: as httpx made it, addressed to the service.
        service: the service's running state.
        options: how the call is made.
        wire: carries an attempt.
        body: the request's body.
        call: what the attempts belong to.
        telling: told of each attempt, or None.
        trace_id: of the trace that an earlier attempt began, if one did.
    """

    def __init__(  # noqa: PLR0917 - what a call consists of
        self,
        request: httpx.Request,
        service: MeshService,
        options: CallOptions,
        wire: AsyncWire,
        body: AsyncBody,
        call: Call,
        telling: CallTelling | None = None,
        trace_id: str = "",
    ) -> None:
        self._request = request
        self._service = service
        self._options = options
        self._wire = wire
        self._body = body
        self._call = call
        self._telling = telling
        self._outbound = service.outbound
        self._trace_id = trace_id

    async def send(self, attempt: Attempt, rein: Rein | None = None) -> AsyncLanding:
        """Send `attempt`, within its time limit; `rein` ends it, where it runs in a thread of its own."""
        if self._telling is None:
            return await self._send(attempt, rein)
        telling = self._telling.attempt(attempt, self._request.headers.get_list)
        try:
            landing = await self._send(attempt, rein)
        except BaseException as error:
            telling.gave_up(error)
            raise
        if rein is not None and rein.pulled and landing.error is not None:
            telling.gave_up(landing.error)
            return landing
        telling.landed(landing.outcome, "" if landing.response is None else http_version(landing.response))
        return landing

    async def _send(self, attempt: Attempt, rein: Rein | None) -> AsyncLanding:
        given, seconds, pick = given_timeouts(self._request), attempt.timeout, attempt.pick
        trail = Trail(self._service.clock, self._request.extensions.get("trace"))
        trail.rein = rein
        timeouts = attempt_timeouts(given, self._options.connect_timeout, async_bound(seconds))
        before = async_stood()
        try:
            async with async_limit(seconds, self._call.deadline.remaining(pick.started) - seconds, before):
                response = await self._wire.send(
                    self._request, pick.endpoint, self._body.stream, self._marks(attempt), timeouts, trail
                )
        except TimeoutError:
            return _marked(self._interrupted(attempt, trail, async_stood() - before), trail)
        except Exception as error:  # noqa: BLE001 - named below, and raised again unless another attempt follows
            if self._body.failure is error:
                outcome = Outcome(Kind.CANCELLED, detail=f"the request body failed: {error!r}")
            else:
                outcome = failed(attempt, trail, error, async_stood() - before, self._options.connect_timeout)
            return _marked(AsyncLanding(outcome, error=error), trail)
        finally:
            self._body.wrote = self._body.wrote or trail.wrote is not None
        # It is read again for the body, which has the whole call's time and not the attempt's.
        timeouts["read"] = least(given.get("read"), self._call.deadline.remaining(self._service.clock()))
        if self._service.load_reports and (said := response.headers.get(HEADER)) is not None:
            self._service.balancer.reported(pick.endpoint.key, said, self._service.clock())
        waited = trail.waited(pick.started) + async_stood() - before
        landing = AsyncLanding(classify_response(response), waited, response)
        return _marked(landing, trail) if trail.injected else landing

    def _marks(self, attempt: Attempt) -> dict[str, str]:
        """What tells the server how long this attempt waits for it, whether it is a repeat, and of which trace."""
        marks: dict[str, str] = {}
        if self._outbound is not None:
            # The trace that one attempt begins is that of the others.
            headers, self._trace_id, _ = self._outbound.headers(self._trace_id, self._request.headers)
            marks.update(headers)
        if attempt.timeout < inf:
            marks[TIMEOUT_HEADER] = format_timeout(attempt.timeout)
        if attempt.number > 1 or self._call.chained:
            marks[ATTEMPT_HEADER] = str(max(2, attempt.number))
        return marks

    def _interrupted(self, attempt: Attempt, trail: Trail, stood: float) -> AsyncLanding:
        if self._body.failure is not None:
            error = httpx.WriteTimeout(
                f"the request body's own stream did not end within {attempt.timeout:.3g}s (attempt_timeout)"
            )
            return AsyncLanding(Outcome(Kind.CANCELLED, detail=str(error)), error=error)
        outcome, failure = interrupted(attempt, trail, stood, self._options.connect_timeout)
        return AsyncLanding(outcome, error=failure)


def _marked(landing: AsyncLanding, trail: Trail) -> AsyncLanding:
    """So that nobody hunts a fault that was put there on purpose."""
    if trail.injected:
        landing.outcome = replace(landing.outcome, injected=trail.injected)
    return landing
