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
from meshclient.engine.errors import WireError
from meshclient.engine.marks import Marks
from meshclient.errors import CircuitOpen, MeshError
from meshclient.http._sync.departure import Departure
from meshclient.http._sync.engine_network_stream import ConnectionInfo
from meshclient.http._sync.passage import Passage, rest
from meshclient.http.errors import flavoured
from meshclient.http.plain.request import PlainRequests, prepare_the_ground
from meshclient.http.plain.response import respond
from meshclient.http.routing import POOL_SHARE, wished
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
        passes: whether calls of hosts that are no service may go straight there too: there is no proxy.
    """

    def __init__(self, mesh: Mesh, lanes: Lanes, client: httpx.Client, *, passes: bool) -> None:
        prepare_the_ground()
        self.requests = PlainRequests(client)
        self._mesh = mesh
        self._lanes = lanes
        self._passage = Passage(lanes.engine, lanes.tls, client) if passes else None
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
        if service is None:
            return None if self._passage is None else self._passage.send(call)
        if _OWN_HEADERS in call.head:
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
            return Departure(call, lane, options, first).unsent()
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
            if outcome.kind is not Kind.OK:
                return Departure(call, lane, options, first).unwell(connection, marks)
            body = connection.take() if connection.complete else rest(connection)
        except WireError as error:
            return Departure(call, lane, options, first).failed(connection, marks, error)
        except BaseException:
            first.cancelled(lane.service.clock())
            raise
        now = lane.service.clock()
        began = started if marks is None or marks.began is None else marks.began
        headed = connection.headed_at
        first.succeeded(outcome, max(0.0, headed - began - connection.waited), now, headed)
        status, reason, version = connection.status, connection.reason, connection.version
        headers = connection.headers
        connection.release()
        story = _Story(lane.service, first, options.deadline, connection)
        return respond(call, status, reason, version, headers, body, now - started, story, self._client, lane.most)


class _Story:
    """What ``response.extensions`` says beyond httpx's own, told when somebody asks."""

    __slots__ = ("_connection", "_deadline", "_first", "_service")

    def __init__(
        self, service: MeshService, first: FirstAttempt, deadline: float | None, connection: Connection
    ) -> None:
        self._connection = connection
        self._service = service
        self._first = first
        self._deadline = deadline

    def __call__(self) -> dict[str, object]:
        first, service = self._first, self._service
        report = first.report()
        left = None if self._deadline is None else max(0.0, self._deadline - (first.ended - first.started))
        snapshot = service.snapshot_report(first.snapshot, first.ended)
        story = CallReport(service.name, () if report is None else (report,), snapshot, left)
        return {"network_stream": ConnectionInfo(self._connection), "mesh": story}


def _patience(first: FirstAttempt, options: CallOptions, given: Mapping[str, float | None]) -> tuple[float, float]:
    """Until when to wait for a connection, and how many seconds one that is opened may take."""
    pool, connect = POOL_SHARE * first.timeout, min(options.connect_timeout, first.timeout)
    pool, connect = min(pool, given.get("pool") or pool), min(connect, given.get("connect") or connect)
    return first.started + pool, connect
