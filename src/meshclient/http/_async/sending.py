"""Sends one attempt to its endpoint, and names how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import httpx

from meshclient.core.balance.load_report import HEADER
from meshclient.core.record import late
from meshclient.http.ambient import ATTEMPT_HEADER, TIMEOUT_HEADER, format_timeout
from meshclient.http.classification import classify_error, classify_response
from meshclient.http.routing import attempt_timeouts, given_timeouts, least, routed
from meshclient.http.trail import Trail
from meshclient.http.waiting import async_bound, async_limit, async_stood
from meshclient.model.outcome import Kind, Outcome

if TYPE_CHECKING:
    from meshclient.core.call import Call
    from meshclient.core.commands import Attempt
    from meshclient.http._async.replay import AsyncBody
    from meshclient.http.options import CallOptions
    from meshclient.mesh import MeshService

# Share of its time limit for which this process may have stood still before a timeout is its own fault.
STALL_SHARE = 0.1


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


def no_head(attempt: Attempt) -> httpx.ReadTimeout:
    """The error of an attempt whose time was up."""
    return httpx.ReadTimeout(
        f"{attempt.pick.endpoint.url} gave no response head within {attempt.timeout:.3g}s (attempt_timeout)"
    )


class AsyncSender:
    """Sends the attempts of one call.

    Args:
        request: as httpx made it, addressed to the service.
        service: the service's running state.
        options: how the call is made.
        wire: sends a request to an address.
        body: the request's body.
        call: what the attempts belong to.
    """

    def __init__(  # noqa: PLR0917 - what a call consists of
        self,
        request: httpx.Request,
        service: MeshService,
        options: CallOptions,
        wire: httpx.AsyncBaseTransport,
        body: AsyncBody,
        call: Call,
    ) -> None:
        self._request = request
        self._service = service
        self._options = options
        self._wire = wire
        self._body = body
        self._call = call

    async def send(self, attempt: Attempt) -> AsyncLanding:
        """Send `attempt`, within its time limit."""
        given, seconds, pick = given_timeouts(self._request), attempt.timeout, attempt.pick
        trail = Trail(self._service.clock, self._request.extensions.get("trace"))
        timeouts = attempt_timeouts(given, self._options.connect_timeout, async_bound(seconds))
        before = async_stood()
        try:
            request = routed(self._request, pick.endpoint, self._body.stream, timeouts, trail.async_trace)
            self._mark(request, attempt)
            async with async_limit(seconds, self._call.deadline.remaining(pick.started) - seconds, before):
                response = await self._wire.handle_async_request(request)
        except TimeoutError as error:
            return self._interrupted(attempt, trail, error, async_stood() - before)
        except Exception as error:  # noqa: BLE001 - named below, and raised again unless another attempt follows
            if self._body.failure is error:
                outcome = Outcome(Kind.CANCELLED, detail=f"the request body failed: {error!r}")
            else:
                outcome = self._own_fault(classify_error(error, trail), async_stood() - before, seconds)
            return AsyncLanding(outcome, error=error)
        finally:
            self._body.wrote = self._body.wrote or trail.wrote is not None
        # The transport reads both again for the body, which has the whole call's time and not the attempt's.
        request.extensions["trace"] = trail.onward
        timeouts["read"] = least(given.get("read"), self._call.deadline.remaining(self._service.clock()))
        if self._service.load_reports and (said := response.headers.get(HEADER)) is not None:
            self._service.balancer.reported(pick.endpoint.key, said, self._service.clock())
        waited = trail.waited(pick.started) + async_stood() - before
        return AsyncLanding(classify_response(response), waited, response)

    def _mark(self, request: httpx.Request, attempt: Attempt) -> None:
        """Tell the server how long this attempt waits for it, and whether it is a repeat."""
        if attempt.timeout < inf:
            request.headers[TIMEOUT_HEADER] = format_timeout(attempt.timeout)
        if attempt.number > 1 or self._call.chained:
            request.headers[ATTEMPT_HEADER] = str(max(2, attempt.number))

    def _interrupted(self, attempt: Attempt, trail: Trail, error: Exception, stood: float) -> AsyncLanding:
        seconds = attempt.timeout
        if self._body.failure is not None:
            error = httpx.WriteTimeout(
                f"the request body's own stream did not end within {seconds:.3g}s (attempt_timeout)"
            )
            return AsyncLanding(Outcome(Kind.CANCELLED, detail=str(error)), error=error)
        if trail.waited(attempt.pick.started) - stood > seconds / 2:
            error = httpx.PoolTimeout(
                f"most of the {seconds:.3g}s for an attempt went by until a connection was free; raise httpx.Limits"
            )
            return AsyncLanding(classify_error(error, trail), error=error)
        if trail.connected and trail.wrote is None:
            error = httpx.ConnectTimeout(f"no connection to {attempt.pick.endpoint.url} in {seconds:.3g}s")
            return AsyncLanding(self._own_fault(classify_error(error, trail), stood, seconds), error=error)
        return AsyncLanding(self._own_fault(late(attempt), stood, seconds), error=no_head(attempt))

    def _own_fault(self, outcome: Outcome, stood: float, seconds: float) -> Outcome:
        """A timeout for which this process stood still is nobody else's."""
        if outcome.kind is Kind.CONNECT_TIMEOUT:
            seconds = min(seconds, self._options.connect_timeout)
        elif outcome.kind is not Kind.TIMEOUT:
            return outcome
        if stood < STALL_SHARE * seconds:
            return outcome
        kind = Kind.CONNECT_STALLED if outcome.kind is Kind.CONNECT_TIMEOUT else Kind.STALLED
        return Outcome(kind, detail=f"{outcome.detail}, of which this process itself stood still for {stood:.3g}s")
