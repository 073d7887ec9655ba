"""From what is configured to what decides: one function for each policy."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING

from meshclient.core.balance.aperture import aperture, random_subset
from meshclient.core.balance.load_report import LoadWeights
from meshclient.core.balance.slow_start import SlowStart
from meshclient.core.balance.sticky import Sticky
from meshclient.core.balance.weighing import Weighing
from meshclient.core.hedge import Hedging
from meshclient.core.limit.adaptive import Adaptive
from meshclient.core.limit.gate import Gate
from meshclient.core.outlier import Outlier
from meshclient.core.retry_budget import RetryBudget
from meshclient.core.shadow import ShadowCircuit
from meshclient.core.throttle import Throttle
from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.errors import ConfigError
from meshclient.mesh.checking import Checking
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.mesh.circuit_store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from meshclient.config.policy_shape import CircuitConfig, SessionConfig, SubsetConfig
    from meshclient.config.shape import ServiceConfig
    from meshclient.core.balance.picker import Uniform
    from meshclient.core.circuit import Circuit
    from meshclient.core.shadow import Shadow
    from meshclient.mesh.checking import Checked
    from meshclient.model.endpoint import Endpoint

# Seconds after which a circuit's probe without an ending is given up, where calls have no deadline.
PROBE_LIMIT = 30.0
KEYED = frozenset({"ring_hash", "maglev"})


def rehearse(services: Iterable[ServiceConfig]) -> None:
    """Import, open and read once what the first call would otherwise wait for, perhaps on an event loop.

    Raises ConfigError and PluginError for what cannot be used: whoever makes a mesh is to know it, not who calls first.
    """
    for config in services:
        sticky(config.session, "rehearsal")
        if config.circuit is not None:
            # For pybreaker's sake, which most never need.
            import_module("meshclient.mesh.circuits")
            if config.circuit.store:
                open_store(config.circuit.store)


def outlier(config: ServiceConfig) -> Outlier | None:
    """What ejects endpoints."""
    ejection = config.ejection
    if ejection is None:
        return None
    return Outlier(
        consecutive=ejection.consecutive,
        ratio=ejection.ratio,
        latency=ejection.latency,
        base=ejection.base,
        limit=ejection.limit,
        max_ejected=ejection.max_ejected,
    )


def weighing(config: ServiceConfig, zone: str) -> Weighing:
    """How large a part of the calls each endpoint gets.

    Where keys decide, weights stand still: each change would move keys from endpoint to endpoint.
    """
    moving = config.balancer not in KEYED
    return Weighing(
        zone=zone if config.zone_aware else "",
        slow_start=SlowStart(config.slow_start) if config.slow_start and moving else None,
        reports=LoadWeights() if config.load_reports and moving else None,
    )


def checking(
    config: ServiceConfig, name: str, checked: Checked, clock: Callable[[], float], uniform: Uniform
) -> Checking | None:
    """What checks endpoints beside their calls."""
    return Checking(name, config.health, checked=checked, clock=clock, uniform=uniform) if config.health else None


def budget(config: ServiceConfig) -> RetryBudget:
    """What all repeats of a service share."""
    retry = config.retry
    return RetryBudget(retry.budget, retry.budget_floor, fork_safe_lock()) if retry else RetryBudget()


def hedging(config: ServiceConfig) -> Hedging | None:
    """When a second attempt is sent beside the first."""
    return Hedging(config.hedge.extra, config.hedge.quantile, fork_safe_lock()) if config.hedge else None


def limiter(config: ServiceConfig, shadow: Shadow) -> Gate | None:
    """How many calls may be under way."""
    limit = config.limit
    if limit is None:
        return None
    bound = Adaptive(most=max(limit.concurrency, 1)) if limit.adaptive else limit.concurrency
    return Gate(bound, limit.queue, limit.patience, shadow="limit" in shadow, lock=fork_safe_lock())


def circuit(
    config: ServiceConfig,
    service: str,
    shadow: Shadow,
    open_circuit: Callable[[str, CircuitRule, str], Circuit] | None,
) -> Circuit | None:
    """What refuses calls while the service is down: the circuit, where one is configured, or the throttle."""
    made: Circuit
    if config.circuit is not None and open_circuit is not None:
        made, policy = open_circuit(service, _rule(config.circuit, config.deadline), config.circuit.store), "circuit"
    elif config.throttle is not None:
        throttle = config.throttle
        made = Throttle(throttle.k, throttle.window, throttle.min_calls, throttle.most, fork_safe_lock())
        policy = "throttle"
    else:
        return None
    return ShadowCircuit(made, policy, shadow) if policy in shadow else made


def _rule(config: CircuitConfig, deadline: float | None) -> CircuitRule:
    return CircuitRule(
        ratio=config.ratio or None,
        window=config.window,
        min_calls=config.min_calls,
        consecutive=config.consecutive,
        first=config.open.first,
        limit=config.open.limit,
        probe=PROBE_LIMIT if deadline is None else 2 * deadline,
    )


def sticky(session: SessionConfig | None, service: str, secret: bytes | None = None) -> Sticky | None:
    """What names endpoints in cookies. Raises ConfigError for a secret that cannot be used."""
    if session is None:
        return None
    if not session.secret_file:
        return Sticky(secret or token_bytes(32), service)
    try:
        return Sticky(Path(session.secret_file).read_bytes().strip(), service)
    except (OSError, ValueError) as exc:
        msg = f"the secret of sessions in {session.secret_file} cannot be used: {exc}"
        raise ConfigError(msg) from exc


def in_view(subset: SubsetConfig | None, endpoints: Sequence[Endpoint], seed: str) -> Sequence[Endpoint]:
    """The endpoints that this process uses, with its part of their weight; `seed` differs from process to process."""
    if subset is None or len(endpoints) < subset.fleet:
        return endpoints
    listed = sorted(endpoints, key=lambda endpoint: endpoint.key)
    if subset.peers:
        found = aperture(subset.position, subset.peers, len(listed), least=subset.size, smallest_fleet=subset.fleet)
        return [replace(listed[at], weight=listed[at].weight * part) for at, part in found]
    chosen = random_subset([str(endpoint.key) for endpoint in listed], subset.size, seed)
    return [listed[at] for at in chosen]
