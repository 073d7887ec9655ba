"""A plain call leaves the short road: what has become of it so far, as httpx's road takes it on."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from meshclient.engine.errors import ReadTimeout
from meshclient.http._async.broken import async_broken
from meshclient.http.begun import BEGUN, Begun
from meshclient.http.classification import classify_response
from meshclient.http.diagnosis import failed, interrupted
from meshclient.http.engine_errors import translated
from meshclient.http.routing import given_timeouts, least
from meshclient.http.trail import Trail

if TYPE_CHECKING:
    import httpx

    from meshclient.core.commands import Attempt
    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.engine.errors import WireError
    from meshclient.engine.marks import Marks
    from meshclient.http._async.lane import AsyncLane
    from meshclient.http._async.story import AsyncStory
    from meshclient.http.options import CallOptions
    from meshclient.http.plain.call import PlainCall


class AsyncDeparture:
    """Of `call`, whose attempt was `first`."""

    def __init__(self, call: PlainCall, lane: AsyncLane, options: CallOptions, first: AsyncStory) -> None:
        self._lane = lane
        self._options = options
        self._first = first
        self._request = call.request()
        self._begun = Begun(
            lane.service,
            options,
            first.started,
            first.stay(),
            first.attempt(),
            trace_id=first.trace_id,
            span=first.span,
        )
        self._request.extensions[BEGUN] = self._begun

    def unsent(self) -> httpx.Request:
        """Nothing could be picked the short way."""
        return self._request

    def unwell(self, connection: AsyncConnection, marks: Marks | None) -> httpx.Request:
        """There is a head that says that the call may have to be repeated; the body may be still to come."""
        begun, now = self._begun, self._lane.service.clock()
        ends = inf if self._options.deadline is None else self._first.started + self._options.deadline
        read = least(given_timeouts(self._request).get("read"), ends - now)
        # What follows the head was not the endpoint's time either. Asked first: the connection may be another's then.
        begun.waited = self._began(marks) - self._first.started + connection.waited + now - connection.headed_at
        response = self._lane.response(connection, self._request, read)
        begun.response, begun.sent = response, True
        begun.outcome = classify_response(response)
        if self._first.span is not None:
            self._first.span.end(begun.outcome, connection.version)
        return self._request

    def failed(self, connection: AsyncConnection | None, marks: Marks | None, error: WireError) -> httpx.Request:
        """The exchange failed."""
        begun = self._begun
        if begun.attempt is None:
            return self._request
        try:
            return self._failed(begun, begun.attempt, connection, marks, error)
        finally:
            if self._first.span is not None:
                self._first.span.end(begun.outcome)

    def _failed(
        self,
        begun: Begun,
        attempt: Attempt,
        connection: AsyncConnection | None,
        marks: Marks | None,
        error: WireError,
    ) -> httpx.Request:
        first, clock = self._first, self._lane.service.clock
        trail = Trail(clock, None)
        trail.began = None if marks is not None and marks.began is None else self._began(marks)
        trail.connected = marks is not None and marks.connected
        stood = 0.0
        if connection is not None:
            begun.sent, stood = True, connection.waited
            trail.wrote = trail.began
        failure: Exception = translated(error, self._request)
        failure.__cause__ = error
        limit = self._options.connect_timeout
        if connection is not None and connection.headed:
            # The body broke; whoever reads it meets the error.
            begun.response = async_broken(connection, self._request, failure)
            begun.outcome = classify_response(begun.response)
        elif isinstance(error, ReadTimeout) and clock() >= first.started + first.timeout:
            begun.outcome, begun.error = interrupted(attempt, trail, stood, limit)
        else:
            begun.outcome = failed(attempt, trail, failure, stood, limit)
            begun.error = failure
        begun.waited = trail.waited(first.started) + stood
        if begun.response is not None and connection is not None:
            begun.waited += clock() - connection.headed_at
        return self._request

    def _began(self, marks: Marks | None) -> float:
        return self._first.started if marks is None or marks.began is None else marks.began
