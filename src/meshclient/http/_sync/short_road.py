# Generated from src/meshclient/http/_async/short_road.py by scripts/unasync.py; edit that file, then run `make sync`.
"""Plain calls without the generator, and those of a client without httpx's machinery.

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
from meshclient.http._sync.passage import rest
from meshclient.http._sync.story import Story
from meshclient.http.begun import ASKED
from meshclient.http.errors import flavoured
from meshclient.http.plain.made import arrived
from meshclient.http.plain.response import respond
from meshclient.http.wishes import Wishes
from meshclient.model.outcome import Kind, classify_status
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from meshclient.http._sync.lane import Lane
    from meshclient.http._sync.lanes import Lanes
    from meshclient.http._sync.passage import Passage
    from meshclient.http.caching.hit import Hit
    from meshclient.http.plain.call import PlainCall
    from meshclient.mesh import Mesh

# What statuses say that are the end of a call.
_WELL = {status: said for status in range(200, 600) if (said := classify_status(status)).kind is Kind.OK}
# Hosts that are no service; what a mesh takes for one does not change.
_REMEMBERED = 1024


class ShortRoad:
    """The short road of one client or transport.

    Args:
        mesh: what is known of services.
        lanes: the ways to their endpoints.
        client: whose calls these are; None for those of a transport, whose responses are read by others.
        passage: for calls of hosts that are no service, where they may go straight there too.
    """

    def __init__(
        self,
        mesh: Mesh,
        lanes: Lanes,
        client: httpx.Client | None = None,
        passage: Passage | None = None,
    ) -> None:
        self._mesh = mesh
        self._lanes = lanes
        self._passage = passage
        self._client = client
        self._whole = client is not None
        self._answer: Callable[..., httpx.Response] = arrived if client is None else respond
        self._hosts: set[tuple[str, str]] = set()
        self._given = Wishes({})

    def send(  # noqa: C901, PLR0911, PLR0912, PLR0915 - a frame for each step would cost every call
        self, call: PlainCall, *, onward: bool = False
    ) -> httpx.Response | httpx.Request | None:
        """The response to `call`; or a request by which httpx's road goes on with it; or None, and nothing was done.

        `onward` is a call that the cache has been asked for.

        Raises ConfigError for what the call asks, and CircuitOpen.
        """
        lane = self._lanes.known.get(call.place) or self._look_up(call.place)
        if lane is None:
            passage = self._passage if call.place in self._hosts else None
            if passage is None or (call.traced and not passage.traces.isdisjoint(call.traced)):
                return None
            return passage.send(call)
        service = lane.service
        # In this order, as `Roster.called`.
        service.used = started = service.clock()
        if service.released:
            return None
        if lane.shelf is not None and not onward:
            hit = lane.shelf.fresh(call) if service.branches is None else None
            if hit is not None:
                return self._hit(call, hit, lane.most)
            if self._client is None:
                return None
            # What the cache has to decide on is the transport's.
            request = call.request()
            request.extensions[ASKED] = True
            return request
        if not lane.plain or (call.traced and not lane.traces.isdisjoint(call.traced)):
            return None
        options = lane.options(call)
        timeout, deadline = options.limit, options.deadline
        if options.retry.retry is not None or timeout <= 0:
            return None
        try:
            first = begin(service, started, timeout, options.key, Story, service.watch.snapshot)
        except CircuitOpen as error:
            if service.meter is not None:
                service.meter.failed(call.method, error, 0.0, call.service_port)
            report = CallReport(service.name, (), service.snapshot_report(), options.deadline)
            raise flavoured(error, report, call.request()) from None
        if first is None:
            return None
        connection, marks = None, None
        try:
            lines, node, endpoint = first.opened(call), first.node, first.endpoint
            if node is None or endpoint is None:
                return Departure(call, lane, options, first).unsent()
            due = started + timeout
            given = self._given if call.timeouts is self._given.timeouts else self._hear(call.timeouts)
            pool = lane.pool(node.key, endpoint)
            connection = pool.take()
            if connection is None:
                marks = Marks()
                until, connect = given.patience(first, options)
                connection = pool.acquire(until, connect, marks, due)
            connection.exchange(
                call.head + lines + options.mark + call.content,
                due,
                inf if deadline is None else started + deadline,
                gap=given.read,
                bodiless=call.method == "HEAD",
                whole=self._whole,
            )
            outcome = _WELL.get(connection.status)
            if outcome is None or not (self._whole or connection.complete):
                return Departure(call, lane, options, first).unwell(connection, marks)
            body = connection.take() if connection.complete else rest(connection)
        except WireError as error:
            return Departure(call, lane, options, first).failed(connection, marks, error)
        except BaseException as error:
            first.given_up(call, error)
            if connection is not None and connection.busy:
                connection.abandon("its call was given up")
            raise
        now, headed = service.clock(), connection.headed_at
        latency = headed - (started if marks is None or marks.began is None else marks.began) - connection.waited
        first.succeeded(outcome, latency if latency > 0 else 0.0, now, headed)
        first.deadline, first.connection = deadline, connection
        first.told(call, headed)
        status, reason, version = connection.status, connection.reason, connection.version
        headers = connection.headers
        connection.release()
        return self._answer(call, status, reason, version, headers, body, now - started, first, self._client, lane.most)

    def _hit(self, call: PlainCall, hit: Hit, most: int) -> httpx.Response:
        return self._answer(
            call, hit.status, hit.reason, "1.1", hit.headers, hit.body, 0.0, hit.extensions, self._client, most
        )

    def _look_up(self, host: tuple[str, str]) -> Lane | None:
        """The lane of a service; None where there is none, or it cannot be told: httpx's road finds that out again."""
        if host in self._hosts:
            return None
        try:
            service = self._mesh.service_of(*host)
        except MeshError:
            return None
        if service is not None:
            lane = self._lanes.known[host] = self._lanes.find(service, *host)
            return lane
        if len(self._hosts) >= _REMEMBERED:
            self._hosts.clear()
        self._hosts.add(host)
        return None

    def _hear(self, timeouts: Mapping[str, float | None]) -> Wishes:
        """Take in httpx's timeouts, which seldom change from call to call."""
        if timeouts != self._given.timeouts:
            self._given = Wishes(timeouts)
        return self._given
