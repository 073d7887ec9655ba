"""A process that calls a service: the production service object in virtual time, and the way to its instances."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, cast

import httpx

from meshclient.http.ambient import AMBIENT, NOTHING, Ambient
from meshclient.http.options import call_options
from meshclient.mesh.balancers import find_balancer
from meshclient.mesh.service import MeshService
from meshclient.model.service import ServiceName
from meshclient.testing.simulate.flight import Flight
from meshclient.testing.simulate.lag import LoopLag
from meshclient.testing.simulate.watch import ScriptedWatch

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from meshclient.config.shape import ServiceConfig
    from meshclient.core.circuit import Circuit
    from meshclient.discovery.runtime.background import Changed
    from meshclient.http.options import CallOptions
    from meshclient.mesh.circuit_rule import CircuitRule
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.outcome import Outcome
    from meshclient.testing.simulate.ending import Ending
    from meshclient.testing.simulate.loop import Loop
    from meshclient.testing.simulate.request import Request
    from meshclient.testing.simulate.timeline import Timeline

    Send = Callable[[Request, Endpoint, Callable[[Outcome], None]], None]

# What the clock of a service shows when a run begins: a real monotonic clock is never near 0.
EPOCH = 1000.0


class Caller:
    """Calls `service` as a process with a mesh does.

    Args:
        service: the name of what it calls.
        config: how.
        timeline: virtual time.
        loop: where it runs.
        send: carries a request to an endpoint, and the outcome back.
        seed: of its chance.
        hold: seconds for which a mass removal is not believed, or None.
        zone: where it runs, or empty.
        emit: told of events.

    Attributes:
        service: the running state, as in production.
        watch: its list.
        lag: by how much its loop stood still, measured as in production.
        flights: its calls under way.
    """

    def __init__(
        self,
        service: str,
        config: ServiceConfig,
        *,
        timeline: Timeline,
        loop: Loop,
        send: Send,
        seed: str,
        hold: float | None,
        zone: str,
        emit: Callable[[Event], None] | None,
    ) -> None:
        self.timeline = timeline
        self.loop = loop
        self.send = send
        self.lag = LoopLag(cast("AbstractEventLoop", loop))
        self.watch: ScriptedWatch
        self.flights: set[Flight] = set()
        rng = Random(seed)

        def open_watch(changed: Changed, announce: Changed, tell: Callable[[Event], None]) -> ScriptedWatch:
            self.watch = ScriptedWatch(service, self.clock, hold, changed=changed, announce=announce, tell=tell)
            return self.watch

        def open_circuit(service: str, rule: CircuitRule, _store: str) -> Circuit:
            from meshclient.mesh.circuits import Circuits

            return Circuits(clock=self.clock, uniform=rng.random, tell=emit).circuit(service, rule)

        self.service = MeshService(
            ServiceName(service),
            config,
            picker=find_balancer(config.balancer)(rng.random),
            open_watch=open_watch,
            clock=self.clock,
            rng=rng,
            emit=emit,
            zone=zone,
            open_circuit=open_circuit,
        )
        self._known: dict[tuple[str, str], tuple[httpx.Request, CallOptions]] = {}

    def clock(self) -> float:
        """Seconds on this process's monotonic clock."""
        return EPOCH + self.timeline.now

    def call(self, request: Request, done: Callable[[Ending], None], ambient: Ambient = NOTHING) -> Flight:
        """Begin a call; `done` is told how it ended. `ambient` is what holds where it is made."""
        flight = Flight(self, request, self._options(request, ambient), done)
        flight.begin()
        return flight

    def _options(self, request: Request, ambient: Ambient) -> CallOptions:
        """What production code makes of the configuration for such a request."""
        key = request.method, request.path
        if key not in self._known:
            asked = httpx.Request(request.method, f"mesh://{self.service.name}{request.path}")
            self._known[key] = asked, call_options(asked, self.service)
        asked, options = self._known[key]
        if ambient is NOTHING:
            return options
        token = AMBIENT.set(ambient)
        try:
            return call_options(asked, self.service)
        finally:
            AMBIENT.reset(token)
