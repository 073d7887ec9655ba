"""Faults on purpose, for the time of a block.

    >>> from meshclient.testing import FakeEndpoint, FakeMesh
    >>> with FakeMesh({"orders": [FakeEndpoint()] * 3}) as mesh, mesh.client() as http:
    ...     with chaos(mesh, "orders", profile="flaky", seed=7):
    ...         seen = [http.get("http://orders/").extensions["mesh"] for _ in range(100)]
    >>> sorted({fault for report in seen for fault in report.injected})[0]
    "answered 503 (a fault that chaos 'flaky' asks for)"

In staging the same is had by configuration, and there it has to be asked for twice:

    [services.orders]
    faults = [{ profile = "flaky", in_staging = true }]
"""

from __future__ import annotations

import random
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from meshclient.core.chaos import PROFILES
from meshclient.core.injection import ERRORS, FaultRule, Injection
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshclient.mesh import Mesh
    from meshclient.testing.fake_mesh import FakeMesh

# No fault of an attempt: nobody can be asked where a service is.
REGISTRY_LOSS = "registry-loss"


@contextmanager
def chaos(
    mesh: Mesh,
    *services: str,
    profile: str | Sequence[FaultRule] = (),
    latency: float = 0.0,
    error_rate: float = 0.0,
    error: str = "",
    status: int = 503,
    instances: float = 1.0,
    seed: int = 0,
) -> Iterator[None]:
    """In this block attempts of `services` meet faults, beneath all policies; then none, or those they met before.

    Every fault says so: in ``response.extensions["mesh"].injected``, in the outcome of its attempt, and in the text of
    an error. The same seed draws the same faults for the same calls.

    Args:
        mesh: that the services belong to.
        services: at least one.
        profile: a name out of `meshclient.core.chaos.PROFILES`, ``registry-loss`` (of a `FakeMesh`: its registry cannot
            be asked), or rules of one's own. What follows comes on top.
        latency: seconds by which every attempt is held up.
        error_rate: share of the attempts, 0 to 1, that fail.
        error: how those end: ``connect_error``, ``connect_timeout``, ``timeout``, ``disconnected``,
            ``protocol_error``; empty for an answer of `status`.
        status: that answer's.
        instances: share of the instances to which `latency` and `error_rate` apply.
        seed: of what is drawn.

    Raises ValueError for a profile or an error that does not exist, for what is no share or no time, and where nothing
    is asked for.
    """
    if not services:
        raise ValueError("chaos of what? Name the services: chaos(mesh, 'orders', profile='flaky')")
    for what, value, most in (("error_rate", error_rate, 1), ("instances", instances, 1), ("latency", latency, inf)):
        if not 0 <= value <= most:
            msg = f"{what}={value} makes no chaos: write {'a share, 0 to 1' if most == 1 else 'seconds'}"
            raise ValueError(msg)
    if error and error not in ERRORS:
        msg = f"no chaos ends attempts in {error!r}: write one of {', '.join(ERRORS)}"
        raise ValueError(msg)
    rules = [] if profile == REGISTRY_LOSS else _rules(profile)
    if latency:
        rules.append(FaultRule(1.0, delay=latency, instances=instances))
    if error_rate:
        ending = Kind(error) if error else None
        rules.append(FaultRule(error_rate, error=ending, status=0 if error else status, instances=instances))
    if not rules and profile != REGISTRY_LOSS:
        msg = "chaos that does nothing: give it a profile, a latency or an error_rate"
        raise ValueError(msg)
    by = f"chaos {profile!r}" if isinstance(profile, str) and profile else "chaos"
    with ExitStack() as stack:
        for name in services:
            service, chance = mesh.service(name), random.Random(f"{seed} {name}")
            if profile == REGISTRY_LOSS:
                stack.enter_context(_lost(mesh, name))
            if rules:
                seeded = tuple(replace(rule, seed=seed) for rule in rules)
                stack.callback(service.inject, service.injection)
                service.inject(Injection(service.name, seeded, by=by, chance=chance.random))
        yield


def _rules(profile: str | Sequence[FaultRule]) -> list[FaultRule]:
    if not isinstance(profile, str):
        return list(profile)
    if profile not in PROFILES:
        msg = f"no chaos is called {profile!r}: write one of {', '.join([*PROFILES, REGISTRY_LOSS])}"
        raise ValueError(msg)
    return list(PROFILES[profile])


@contextmanager
def _lost(mesh: Mesh, name: str) -> Iterator[None]:
    registry = getattr(mesh, "registry", None)
    if registry is None:
        msg = f"{REGISTRY_LOSS!r} is for a FakeMesh: the registry of another mesh is not ours to take away"
        raise ValueError(msg)
    fake: FakeMesh = mesh  # type: ignore[assignment]
    before = fake.registry.said(name)
    fake.registry.fail(name, "chaos 'registry-loss' asks for it")
    try:
        yield
    finally:
        fake.registry.restore(name, before)
