"""How the lists of all meshes stand, read while OpenTelemetry collects: an age that was written down is wrong by then.

Meshes are found weakly, and their services where they keep them: a mesh that was dropped, a mesh that was closed and a
name that is watched no more are in the next collection no longer. Reading is no use of a service and keeps none from
being released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from meshclient.model.endpoint import Health
from meshclient.model.snapshot import Empty, Failed
from meshclient.telemetry.attributes import ENDPOINT_STATE, RESOLVER, SERVICE, SNAPSHOT_STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from opentelemetry.metrics import CallbackOptions, Observation

    from meshclient.discovery.confluence import Confluence
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.snapshot import Snapshot

# Told of at zero as well, so that an alert on "none available" has something to look at.
_ALWAYS = ("available", "ejected", "draining", "warming", "excluded")
# What the balancer says of an endpoint, where these words say it too: one on probation is out but for its probe.
_STATES = {"in_rotation": "available", "avoided": "available", "standby": "available", "probing": "ejected"}


class Part(Protocol):
    """An endpoint and the part it has."""

    @property
    def endpoint(self) -> Endpoint:
        """As its registry describes it."""
        ...

    @property
    def state(self) -> str:
        """In the words of the balancer."""
        ...

    @property
    def warmth(self) -> float:
        """The part of its weight that it has for being new; 1 for all of it."""
        ...


class Balanced(Protocol):
    """A service's endpoints."""

    def status(self, now: float) -> Sequence[Part]:
        """Each of them."""
        ...


class Watched(Protocol):
    """A service's list."""

    @property
    def course(self) -> Confluence:
        """The latest one, and what each registry says; reading it is no use of the service."""
        ...


class Service(Protocol):
    """A service as it runs."""

    @property
    def clock(self) -> Callable[[], float]:
        """Monotonic seconds."""
        ...

    @property
    def watch(self) -> Watched:
        """Its list."""
        ...

    @property
    def balancer(self) -> Balanced:
        """Its endpoints."""
        ...


class Services(Protocol):
    """What a mesh has in use."""

    @property
    def services(self) -> Mapping[str, Service]:
        """By name; empty once the mesh is closed."""
        ...


# By identity. Who adds and who collects are on different threads, and each does so in one step of the interpreter.
_MESHES: WeakValueDictionary[int, Services] = WeakValueDictionary()


def include(services: Services) -> None:
    """Look at these as well, as long as somebody holds them."""
    _MESHES[id(services)] = services


def age(snapshot: Snapshot, now: float) -> float:
    """Seconds since a list was last confirmed; where there never was one, since it was asked for or began to fail."""
    known = snapshot.last if isinstance(snapshot, Failed) and snapshot.last is not None else snapshot
    return max(0.0, now - known.at)


def held_endpoints(course: Confluence) -> int:
    """How many endpoints are in use although their registry lists them no more."""
    known = course.snapshot.last if isinstance(course.snapshot, Failed) else course.snapshot
    if isinstance(known, Empty):
        return len(known.endpoints)
    missing = {endpoint.key for hold in course.holds for endpoint in hold.missing}
    return len(missing.intersection(endpoint.key for endpoint in course.snapshot.endpoints)) if missing else 0


def endpoint_state(part: Part) -> str:
    """An endpoint's state in the words of the metric."""
    if part.endpoint.health is Health.DRAINING:
        return "draining"
    state = _STATES.get(part.state, part.state)
    return "warming" if state == "available" and part.warmth < 1 else state


def found_ages(running: Iterable[tuple[str, Service]]) -> dict[tuple[str, str, str], float]:
    """The age of what each registry said of a service. Where two meshes ask it, the greater one."""
    found: dict[tuple[str, str, str], float] = {}
    for name, service in running:
        for course in service.watch.course.courses:
            key = (name, course.snapshot.source, course.snapshot.state)
            found[key] = max(found.get(key, 0.0), age(course.snapshot, service.clock()))
    return found


def found_held(running: Iterable[tuple[str, Service]]) -> dict[tuple[str, str], int]:
    """The endpoints of each service that are held."""
    found: dict[tuple[str, str], int] = {}
    for name, service in running:
        course = service.watch.course
        key = (name, course.snapshot.source)
        found[key] = found.get(key, 0) + held_endpoints(course)
    return found


def found_endpoints(running: Iterable[tuple[str, Service]]) -> dict[tuple[str, str], int]:
    """The endpoints of each service by state."""
    found: dict[tuple[str, str], int] = {}
    for name, service in running:
        for state in _ALWAYS:
            found.setdefault((name, state), 0)
        for part in service.balancer.status(service.clock()):
            key = (name, endpoint_state(part))
            found[key] = found.get(key, 0) + 1
    return found


def ages(_: CallbackOptions) -> list[Observation]:
    """As `found_ages`."""
    return _observed((SERVICE, RESOLVER, SNAPSHOT_STATE), found_ages(_running()).items())


def held(_: CallbackOptions) -> list[Observation]:
    """As `found_held`."""
    return _observed((SERVICE, RESOLVER), found_held(_running()).items())


def endpoints(_: CallbackOptions) -> list[Observation]:
    """As `found_endpoints`."""
    return _observed((SERVICE, ENDPOINT_STATE), found_endpoints(_running()).items())


def _running() -> Iterator[tuple[str, Service]]:
    for mesh in _MESHES.valuerefs():
        if (alive := mesh()) is not None:
            yield from list(alive.services.items())


def _observed(names: tuple[str, ...], found: Iterable[tuple[tuple[str, ...], float]]) -> list[Observation]:
    from opentelemetry.metrics import Observation

    return [Observation(value, dict(zip(names, key, strict=True))) for key, value in found]
