"""One service as it runs: its list, its endpoints' histories, its retry budget and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Protocol
from weakref import ref

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.keyed import Keyed
from meshclient.core.shadow import Shadow
from meshclient.discovery.runtime.loop import fork_safe_lock, inherit
from meshclient.discovery.transition import events
from meshclient.mesh import policies
from meshclient.mesh.strategies import retry_policy
from meshclient.model.events import (
    EndpointEjected,
)
from meshclient.model.report import SnapshotReport
from meshclient.model.snapshot import Failed, Pending
from meshclient.telemetry.propagation.outbound import Outbound
from meshclient.telemetry.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from meshclient.config.policy_shape import RetryConfig
    from meshclient.config.shape import RouteConfig, ServiceConfig
    from meshclient.core.balance.node import Key
    from meshclient.core.balance.picker import Picker
    from meshclient.core.circuit import Circuit
    from meshclient.core.injection import Injection
    from meshclient.core.limit.turn import Limiter
    from meshclient.core.retry import RetryPolicy
    from meshclient.discovery.confluence import Confluence
    from meshclient.discovery.resolver import Chance
    from meshclient.discovery.runtime.background import Changed
    from meshclient.mesh.branches import Branches
    from meshclient.mesh.circuit_rule import CircuitRule
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Ready, Snapshot
    from meshclient.telemetry.calls import CallMeter
    from meshclient.telemetry.spans import AttemptSpans


class Watch(Protocol):
    """How a service comes by its list: in the background or on demand."""

    @property
    def snapshot(self) -> Snapshot:
        """The latest list."""
        ...

    def wait(self, stale: Snapshot, timeout: float | None) -> bool:
        """Block until the snapshot is another one; False when `timeout` seconds pass first."""
        ...

    async def wait_async(self, stale: Snapshot, timeout: float | None) -> bool:
        """As `wait`."""
        ...

    @property
    def course(self) -> Confluence:
        """The same with where it comes from and what is held."""
        ...

    def refresh(self) -> None:
        """Let the resolver know that calls fail here."""
        ...

    def stop(self) -> None:
        """Ask the watch to end."""
        ...

    def close(self, timeout: float = ...) -> None:
        """End the watch, and wait for it at most so many seconds."""
        ...

    async def aclose(self) -> None:
        """As `close`."""
        ...


class Follower(Protocol):
    """Keeps something for each endpoint of a service, such as connections."""

    def follow(self, removed: Collection[Endpoint], added: Collection[Endpoint]) -> None:
        """The list is another; called on the thread of the watch, and must not wait."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a call of the service, or of one of its routes; as in `ServiceConfig`, ready to use."""

    deadline: float | None
    attempt_timeout: float
    connect_timeout: float
    retry: RetryPolicy
    methods: frozenset[str]


class MeshService:
    """The running state of one service; what `meshclient.core.exchange` works with.

    Args:
        name: the service.
        config: how it is called.
        picker: chooses among its endpoints.
        open_watch: begins to watch its list, given who is to be told of a change before and after it can be seen, and
            of what else happens to the list.
        clock: monotonic seconds.
        rng: chance.
        emit: told of events, or None.
        zone: the one this process runs in, or empty.
        open_circuit: makes the circuit of a service, given its name, its rule and the URI of the store that shares it.
        tally: counts its calls and logs what changes; by default one of its own.
        new_traces: what is said of traces that begin with a call.

    Attributes:
        caches: whether any of its responses are kept.
        meter: counts its calls, or None.
        spans: makes spans of its attempts where the process traces, or None.
        outbound: says in which trace its attempts are, or None.
        stuck: endpoints by their names in cookies, where there are sessions.
        used: seconds on the clock when it was last asked for.
        released: whether it is watched no more, since that was long ago; to be asked for anew.
    """

    def __init__(
        self,
        name: ServiceName,
        config: ServiceConfig,
        *,
        picker: Picker,
        open_watch: Callable[[Changed, Changed, Callable[[Event], None]], Watch],
        clock: Callable[[], float],
        rng: Chance,
        emit: Callable[[Event], None] | None,
        zone: str = "",
        open_circuit: Callable[[str, CircuitRule, str], Circuit] | None = None,
        tally: Tally | None = None,
        new_traces: str = "undecided",
    ) -> None:
        tally = Tally() if tally is None else tally
        self._heard = tally.heard
        self.meter: CallMeter | None = tally.meter(name.value)
        self.spans: AttemptSpans | None = tally.spans(name.value, config.balancer)
        self.outbound = Outbound(config.propagators, new_traces=new_traces) if config.propagators else None
        self.name = name.value
        self.config = config
        self.clock = clock
        self.uniform = rng.random
        self.emit = emit
        self.used = clock()
        self.released = False
        self.own_settings = _settings(config, config.deadline, config.attempt_timeout, config.retry)
        self.routed = bool(config.routes)
        self.caches = config.cache is not None or any(route.cache is not None for route in config.routes)
        self._routes: dict[RouteConfig, Settings] = {
            route: _settings(config, route.deadline, route.attempt_timeout, route.retry) for route in config.routes
        }
        self.hash_key = config.hash_key
        self.load_reports = config.load_reports
        self.shadow = Shadow(self.name, config.shadow, self._tell)
        self.circuit = policies.circuit(config, self.name, self.shadow, open_circuit)
        self.limiter: Limiter | None = policies.limiter(config, self.shadow)
        self.hedging = policies.hedging(config)
        self.budget = policies.budget(config)
        self.sticky = policies.sticky(config.session, self.name)
        self.stuck: Mapping[str, Key] = {}
        self._seed = str(rng.random())
        self.balancer = Balancer(
            self.name,
            picker,
            policies.outlier(config),
            panic=config.ejection.panic if config.ejection else 0.0,
            uniform=rng.random,
            emit=self._heed,
            lock=fork_safe_lock(),
            weighing=policies.weighing(config, zone),
            load=picker.load if isinstance(picker, Keyed) else None,
            most=config.limit.endpoint if config.limit else 0,
            shadow=self.shadow if "ejection" in self.shadow else None,
        )
        self._checking = policies.checking(config, self.name, self.balancer.checked, self.clock, self.uniform)
        # A list from before is taken over under the lock of the mesh, where no observer may be called; what comes of
        # that is told with the next answer.
        self.branches: Branches | None = None
        self.injection: Injection | None = None
        self._followers: tuple[ref[Follower], ...] = ()
        self._followers_lock = fork_safe_lock()
        self._opening = True
        self._unsaid: list[Event] = []
        self.watch = open_watch(self._take_over, self._announce, self._tell)
        self._opening = False
        if self._checking is not None:
            self._checking.begin(self.watch, self._tell)
        inherit(self)

    def bereave(self) -> None:
        """In a forked child: the calls under way are the parent's, and none of them ends here."""
        now = self.clock()
        self.balancer.bereave(now)
        if self.limiter is not None:
            self.limiter.bereave(now)

    @property
    def snapshot(self) -> Snapshot:
        """The latest list; whoever reads it uses the service."""
        self.used = self.clock()
        return self.watch.snapshot

    def stuck_to(self, value: str) -> Key | None:
        """The endpoint that a session's cookie with this value names, if it is on the latest list."""
        return self.stuck.get(value)

    def session_cookie(self, endpoint: Endpoint) -> str:
        """The cookie by which a session stays with `endpoint`; only where there are sessions."""
        session, sticky = self.config.session, self.sticky
        if session is None or sticky is None:
            return ""
        return f"{session.cookie}={sticky.value(endpoint)}; Path=/; HttpOnly; SameSite=Lax"

    def follow(self, follower: Follower) -> None:
        """Tell `follower`, which is held weakly, of endpoints that come and go."""
        with self._followers_lock:
            # Replaced as a whole: the thread of the watch reads it at any time.
            self._followers = (*(known for known in self._followers if known() is not None), ref(follower))

    def inject(self, injection: Injection | None) -> None:
        """From the next attempt on these faults are met, by its variants too, or none."""
        self.injection = injection
        for part in self.branches.parts if self.branches is not None else ():
            part.inject(injection)
        for known in self._followers:
            if (follower := known()) is not None:
                # Whether a call may take the short road depends on it.
                follower.follow((), ())

    def unreached(self) -> None:
        """Let the resolver know that the list may be out of date; it is told once a second at most."""
        self.watch.refresh()

    def settings(self, path: str) -> Settings:
        """What holds for a request for `path`."""
        route = self.config.route(path)
        return self._routes[route] if route else self.own_settings

    def snapshot_report(self, snapshot: Snapshot | None = None, now: float | None = None) -> SnapshotReport:
        """The state and age of a list, by default of the latest one now, for the story of a call."""
        snapshot = self.watch.snapshot if snapshot is None else snapshot
        now = self.clock() if now is None else now
        cause = snapshot.cause if isinstance(snapshot, Failed) else ""
        listed = snapshot.last if isinstance(snapshot, Failed) else snapshot
        age = None if listed is None or isinstance(listed, Pending) else max(0.0, now - listed.at)
        return SnapshotReport(snapshot.state, snapshot.source, snapshot.version, age, cause)

    def _take_over(self, before: Snapshot, after: Ready | Empty | Failed) -> None:
        if before.endpoints == after.endpoints:
            return
        endpoints = policies.in_view(self.config.subset, after.endpoints, self._seed)
        if self.sticky is not None:
            self.stuck = {self.sticky.value(endpoint): endpoint.key for endpoint in endpoints}
        self.balancer.update(endpoints, self.clock())
        for known in self._followers:
            if (follower := known()) is not None:
                self._tell_follower(follower, before, endpoints)
        if self._checking is not None:
            self._checking.follow(endpoints)

    def _tell_follower(self, follower: Follower, before: Snapshot, endpoints: Sequence[Endpoint]) -> None:
        known, listed = {e.key for e in before.endpoints}, {e.key for e in endpoints}
        removed = [endpoint for endpoint in before.endpoints if endpoint.key not in listed]
        added = [endpoint for endpoint in endpoints if endpoint.key not in known]
        follower.follow(removed, added)

    def _announce(self, before: Snapshot, after: Ready | Empty | Failed) -> None:
        unsaid, self._unsaid = self._unsaid, []
        for event in (*unsaid, *events(self.name, before, after)):
            self._tell(event)

    def _tell(self, event: Event) -> None:
        self._heard(event)
        if self.emit is not None:
            self.emit(event)

    def _heed(self, event: Event) -> None:
        """What the balancer tells; an endpoint that fails here may be gone from the registry already."""
        if self._opening:
            self._unsaid.append(event)
            return
        self._heard(event)
        if isinstance(event, EndpointEjected):
            self.watch.refresh()
        if self.emit is not None:
            self.emit(event)


def _settings(
    config: ServiceConfig, deadline: float | None, attempt_timeout: float | None, retry: RetryConfig | None
) -> Settings:
    return Settings(
        deadline=deadline,
        attempt_timeout=inf if attempt_timeout is None else attempt_timeout,
        connect_timeout=config.connect_timeout,
        retry=retry_policy(retry),
        methods=frozenset(retry.methods) if retry else frozenset(),
    )
