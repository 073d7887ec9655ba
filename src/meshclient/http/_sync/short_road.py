# Generated from src/meshclient/http/_async/short_road.py by scripts/unasync.py; edit that file, then run `make sync`.
"""Plain calls, without httpx's machinery and without the generator.

A call that nothing but its URL, headers and body make, to a service that has no policy beyond those of every service,
and that ends well, is prepared, sent and told in a few steps here. Whatever else it turns out to be goes on over
httpx's road, with what has been decided so far (`Begun`): there is one place for repeats, errors and odd responses.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from meshclient.core.first_attempt import begin
from meshclient.engine.errors import ReadTimeout, WireError
from meshclient.engine.marks import Marks
from meshclient.errors import CircuitOpen, MeshError
from meshclient.http._sync.broken import broken
from meshclient.http.begun import BEGUN, Begun
from meshclient.http.classification import classify_response
from meshclient.http.diagnosis import failed, interrupted
from meshclient.http.engine_errors import translated
from meshclient.http.errors import flavoured
from meshclient.http.plain.request import PlainRequests
from meshclient.http.plain.response import respond
from meshclient.http.routing import POOL_SHARE, wished
from meshclient.http.trail import Trail
from meshclient.model.outcome import Kind, classify_status
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from meshclient.core.balance.node import Node
    from meshclient.core.first_attempt import FirstAttempt
    from meshclient.engine.blocking.connection import Connection
    from meshclient.http._sync.lane import Lane
    from meshclient.http._sync.lanes import Lanes
    from meshclient.http.options import CallOptions
    from meshclient.http.plain.call import PlainCall
    from meshclient.mesh import Mesh, MeshService

# A user who sets one of the mesh's own headers means to replace it.
_OWN_HEADERS = b"\r\nmesh-"


class ShortRoad:
    """The short road of one client.

    Args:
        mesh: what is known of services.
        lanes: the ways to their endpoints.
        client: whose calls these are.
    """

    def __init__(self, mesh: Mesh, lanes: Lanes, client: httpx.Client) -> None:
        self.requests = PlainRequests(client)
        self._mesh = mesh
        self._lanes = lanes
        self._client = client
        self._timeouts: Mapping[str, float | None] = {}
        self._given: Mapping[str, float | None] = {}

    def send(self, call: PlainCall) -> httpx.Response | httpx.Request | None:
        """The response to `call`; or a request by which httpx's road goes on with it; or None, and nothing was done.

        Raises ConfigError for what the call asks, and CircuitOpen.
        """
        try:
            service = self._mesh.service_of(call.scheme, call.host)
        except MeshError:
            # httpx's road finds out again, and says so in full.
            return None
        if service is None or _OWN_HEADERS in call.head:
            return None
        lane = self._lanes.find(service, call.scheme, call.host)
        if not lane.plain:
            return None
        options = lane.options(call)
        deadline, timeout = options.deadline, options.attempt_timeout
        if deadline is not None and deadline < timeout:
            timeout = deadline
        if options.retry.retry is not None or timeout <= 0:
            return None
        started = service.clock()
        try:
            first = begin(service, started, timeout, options.key)
        except CircuitOpen as error:
            report = CallReport(service.name, (), service.snapshot_report(), deadline)
            raise flavoured(error, report, call.request()) from None
        if first is None:
            return None
        node = first.node
        if node is None:
            return _onward(call, Begun(service, options, started, first.stay()))
        return self._attempt(call, lane, options, first, node)

    def _attempt(
        self, call: PlainCall, lane: Lane, options: CallOptions, first: FirstAttempt, node: Node
    ) -> httpx.Response | httpx.Request:
        started, timeout = first.started, first.timeout
        due = started + timeout
        then = inf if options.deadline is None else started + options.deadline
        if call.timeouts is not self._timeouts:
            self._timeouts, self._given = call.timeouts, wished(call.timeouts)
        given = self._given
        gap = given.get("read") or inf if given else inf
        connection, marks = None, None
        try:
            pool = lane.pool(node.endpoint)
            connection = pool.take()
            if connection is None:
                marks = Marks()
                connection = pool.acquire(*_patience(first, options, given), marks, due)
            connection.exchange(
                call.head + lane.marks(timeout, chained=options.chained) + call.content,
                due,
                then,
                gap=gap,
                bodiless=call.method == "HEAD",
            )
            outcome = classify_status(connection.status)
            body = _rest(connection) if outcome.kind is Kind.OK and not connection.complete else connection.take()
        except WireError as error:
            return self._failed(call, lane, options, first, connection, marks, error)
        except BaseException:
            first.cancelled(lane.service.clock())
            raise
        if outcome.kind is not Kind.OK:
            return self._unwell(call, lane, options, first, connection, marks)
        now = lane.service.clock()
        began = started if marks is None or marks.began is None else marks.began
        first.succeeded(outcome, max(0.0, connection.headed_at - began - connection.waited), now)
        status, reason, version = connection.status, connection.reason, connection.version
        headers = connection.headers
        connection.release()
        story = _Story(lane.service, first, options.deadline)
        return respond(call, status, reason, version, headers, body, now - started, story, self._client)

    def _unwell(
        self,
        call: PlainCall,
        lane: Lane,
        options: CallOptions,
        first: FirstAttempt,
        connection: Connection,
        marks: Marks | None,
    ) -> httpx.Request:
        """The head says that the call may have to be repeated; the body may still be to come."""
        service, request = lane.service, call.request()
        response = lane.response(connection, request)
        began = first.started if marks is None or marks.began is None else marks.began
        return _onward(
            call,
            Begun(
                service,
                options,
                first.started,
                first.stay(),
                first.attempt(),
                classify_response(response),
                began - first.started + connection.waited + service.clock() - connection.headed_at,
                response=response,
                sent=True,
            ),
            request,
        )

    def _failed(
        self,
        call: PlainCall,
        lane: Lane,
        options: CallOptions,
        first: FirstAttempt,
        connection: Connection | None,
        marks: Marks | None,
        error: WireError,
    ) -> httpx.Request:
        service, request = lane.service, call.request()
        begun = Begun(service, options, first.started, first.stay(), first.attempt())
        if begun.attempt is None:
            return _onward(call, begun, request)
        trail = Trail(service.clock, None)
        trail.began = first.started if marks is None else marks.began
        trail.connected = marks is not None and marks.connected
        stood = 0.0
        if connection is not None:
            begun.sent, stood = True, connection.waited
            trail.wrote = trail.began
        failure: Exception = translated(error, request)
        failure.__cause__ = error
        if connection is not None and connection.headed:
            # The body broke; whoever reads it meets the error, and what has come of it before.
            begun.response = broken(connection, request, failure)
            begun.outcome = classify_response(begun.response)
        elif isinstance(error, ReadTimeout) and service.clock() >= first.started + first.timeout:
            begun.outcome, begun.error = interrupted(begun.attempt, trail, stood, options.connect_timeout)
        else:
            begun.outcome = failed(begun.attempt, trail, failure, stood, options.connect_timeout)
            begun.error = failure
        begun.waited = trail.waited(first.started) + stood
        return _onward(call, begun, request)


class _Story:
    """What ``response.extensions`` says beyond httpx's own, told when somebody asks."""

    __slots__ = ("_deadline", "_first", "_service")

    def __init__(self, service: MeshService, first: FirstAttempt, deadline: float | None) -> None:
        self._service = service
        self._first = first
        self._deadline = deadline

    def __call__(self) -> dict[str, object]:
        first, service = self._first, self._service
        report = first.report()
        left = None if self._deadline is None else max(0.0, self._deadline - (first.ended - first.started))
        snapshot = service.snapshot_report(first.snapshot, first.ended)
        return {"mesh": CallReport(service.name, () if report is None else (report,), snapshot, left)}


def _rest(connection: Connection) -> bytes:
    """The body of a response that says that something is wrong with the request, of which only the head was awaited."""
    parts = [connection.take()]
    while part := connection.read():
        parts.append(part)
    return b"".join(parts)


def _patience(first: FirstAttempt, options: CallOptions, given: Mapping[str, float | None]) -> tuple[float, float]:
    """Until when to wait for a connection, and how many seconds one that is opened may take."""
    pool, connect = POOL_SHARE * first.timeout, min(options.connect_timeout, first.timeout)
    pool, connect = min(pool, given.get("pool") or pool), min(connect, given.get("connect") or connect)
    return first.started + pool, connect


def _onward(call: PlainCall, begun: Begun, request: httpx.Request | None = None) -> httpx.Request:
    request = call.request() if request is None else request
    request.extensions[BEGUN] = begun
    return request
