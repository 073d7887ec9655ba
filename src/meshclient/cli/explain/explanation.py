"""Everything that is known of a call that was not sent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.cli.explain.destination import Destination, destination
from meshclient.cli.explain.filters import Step, steps
from meshclient.cli.explain.settings import CallSettings
from meshclient.cli.explain.stack import Policy, stack
from meshclient.cli.explain.trial import Trial, tried
from meshclient.cli.listing import age, verdict
from meshclient.core.traffic.match import matched
from meshclient.discovery.course import Basis

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from meshclient import Mesh
    from meshclient.cli.complaint import Complaint
    from meshclient.config.loaded import Loaded
    from meshclient.config.shape import RouteConfig
    from meshclient.mesh import MeshService
    from meshclient.model.snapshot import Snapshot


# Seconds between two words to who waits.
_SLICE = 0.25


def _nothing(_seconds: float) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Part:
    """A registry that was asked.

    Args:
        snapshot: what it said.
        age: seconds since it was last confirmed, or None.
        used: whether calls go by what it said.
        stored: whether its list was read from disk.
        held: removals of it that are not believed yet.
    """

    snapshot: Snapshot
    age: float | None
    used: bool
    stored: bool
    held: int


@dataclass(frozen=True, slots=True)
class Variant:
    """Which variant of the service the call goes to.

    Args:
        name: as the traffic policy calls it; empty for the rest.
        service: the service that is called then.
        rule: number of the rule that leads there, counted from 1; None where the split decided.
        why: in words.
    """

    name: str
    service: str
    rule: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a service.

    Args:
        snapshot: the list, of the variant where there are variants.
        age: seconds since it was last confirmed, or None.
        parts: the registries behind it, from left to right.
        route: the pattern that the path fits; empty for none.
        route_why: in words.
        variant: where there is a traffic policy.
        key: what the call is sticky by, or None.
        steps: from the list to the endpoints that are drawn.
        policies: in their order.
        trial: which endpoints are picked.
        guard: ``circuit`` or ``throttle``, or empty.
        circuit: its state in this process.
        balancer: its name.
        complaint: why the call would fail, or None.
    """

    snapshot: Snapshot
    age: float | None
    parts: tuple[Part, ...]
    route: str
    route_why: str
    variant: Variant | None
    key: str | None
    steps: tuple[Step, ...]
    policies: tuple[Policy, ...]
    trial: Trial
    guard: str
    circuit: str
    balancer: str
    complaint: Complaint | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole.

    Args:
        method: of the request.
        url: as it was understood.
        destination: the service, or why there is none.
        settings: with their origins.
        called: None where the call passes straight through.
    """

    method: str
    url: str
    destination: Destination
    settings: CallSettings
    called: Called | None


def warmed(mesh: Mesh, name: str, timeout: float, waited: Callable[[float], None]) -> Snapshot:
    """The list of a service, as `Mesh.warm` has it; `waited` is told of the seconds so far."""
    begun = time.monotonic()
    while True:
        passed = time.monotonic() - begun
        waited(passed)
        ((_, snapshot),) = mesh.warm(name, timeout=min(_SLICE, max(0.0, timeout - passed))).items()
        if snapshot.state != "pending" or passed >= timeout:
            return snapshot


def explanation(
    mesh: Mesh,
    loaded: Loaded,
    request: httpx.Request,
    *,
    picks: int,
    seed: int,
    timeout: float,
    waited: Callable[[float], None] = _nothing,
) -> Explanation:
    """Find out what would become of `request`: asks registries, and sends nothing.

    Args:
        mesh: asks; its mode is that of a command.
        loaded: the configuration as a program has it.
        request: as a client would send it.
        picks: how often to pick.
        seed: of the chance in that.
        timeout: seconds to wait for the registry.
        waited: told now and then for how many seconds it has been waited for.
    """
    url = request.url
    service = mesh.service_of(url.scheme, url.host)
    found = destination(url.scheme, url.host, service.name if service else None, mesh.config)
    if service is None:
        return Explanation(request.method, str(url), found, CallSettings(loaded, "", ""), None)
    warmed(mesh, service.name, timeout, waited)
    variant, target = _variant(mesh, service, request)
    if target.snapshot.state == "pending" and target.name != service.name:
        warmed(mesh, target.name, timeout, waited)
    called = _called(mesh, service, target, request, variant, picks=picks, seed=seed)
    settings = CallSettings(loaded, target.name, called.route)
    return Explanation(request.method, str(url), found, settings, called)


def _called(
    mesh: Mesh,
    service: MeshService,
    target: MeshService,
    request: httpx.Request,
    variant: Variant | None,
    *,
    picks: int,
    seed: int,
) -> Called:
    from meshclient.http.options import call_options

    config, path = target.config, request.url.path
    options = call_options(request, target)
    route = config.route(path)
    zone = mesh.config.zone
    trial = tried(target, zone=zone, picks=picks, seed=seed, key=options.key)
    snapshot = target.snapshot
    whole = mesh.service(target.name).snapshot.endpoints
    guard = "circuit" if config.circuit else "throttle" if config.throttle else ""
    circuit = mesh.circuits.states.get(target.name, "closed") if config.circuit else "closed" if guard else ""
    return Called(
        snapshot=snapshot,
        age=age(snapshot, target.clock()),
        parts=_parts(target),
        route=route.pattern if route else "",
        route_why=_route_why(route, len(config.routes), path),
        variant=variant,
        key=options.key,
        steps=tuple(steps(whole, len(snapshot.endpoints) if variant else None, trial, config, zone)),
        policies=tuple(stack(config, options, route.cache if route else config.cache, request.method)),
        trial=trial,
        guard=guard,
        circuit=circuit,
        balancer=config.balancer,
        complaint=verdict(service.name, snapshot, "--timeout"),
    )


def _parts(service: MeshService) -> tuple[Part, ...]:
    whole, now = service.watch.course, service.clock()
    used = {endpoint.key for endpoint in whole.snapshot.endpoints}
    return tuple(
        Part(
            course.snapshot,
            age(course.snapshot, now),
            (len(whole.courses) == 1 and course.snapshot.state in ("ready", "empty"))
            or any(endpoint.key in used for endpoint in course.snapshot.endpoints),
            course.basis is Basis.DISK,
            len(course.hold.missing) if course.hold else 0,
        )
        for course in whole.courses
    )


def _variant(mesh: Mesh, service: MeshService, request: httpx.Request) -> tuple[Variant | None, MeshService]:
    from meshclient.core.traffic.head import Head
    from meshclient.http.options import call_options

    branches, traffic = service.branches, service.config.traffic
    if branches is None or traffic is None:
        return None, service
    head = Head(request.method, request.url.path, request.headers.get)
    course = branches.choose(mesh, head, call_options(request, service).key)
    name, rule = course.choice.variant, matched(traffic.routes, head)
    if rule is not None:
        number = traffic.routes.index(rule) + 1
        return Variant(name, course.target.name, number, f"rule {number} of {len(traffic.routes)} fits"), course.target
    if not traffic.split:
        why = f"none of {len(traffic.routes)} rules fits, and there is no split"
    else:
        share = traffic.split.get(name, 0.0) / sum(traffic.split.values())
        by = f"the key {course.choice.key!r} belongs to it" if course.choice.key is not None else "this time, by chance"
        why = f"{share:.0%} of the split; {by}"
    return Variant(name, course.target.name, None, why), course.target


def _route_why(route: RouteConfig | None, count: int, path: str) -> str:
    if route is not None:
        return f"the most specific of {count} that fits {path}"
    return f"{path} fits none of {count}" if count else "the service has none"
