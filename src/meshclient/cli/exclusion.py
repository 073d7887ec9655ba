"""Which endpoints of a list get no calls, and why, by the rules of the balancer itself.

Only what follows from the list and the configuration can be told here: what a process has ejected, that process knows
(``meshclient endpoints --admin``).
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, NamedTuple

from meshclient.cli.listing import endpoint_document
from meshclient.core.balance.node import Node
from meshclient.core.balance.rotation import rotate
from meshclient.mesh import policies
from meshclient.model.endpoint import Health
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed, Pending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meshclient.config.shape import MeshConfig, ServiceConfig
    from meshclient.config.traffic_shape import TrafficConfig
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.snapshot import LeftOut, Snapshot


class Exclusion(NamedTuple):
    """An endpoint, or a record that is none, that no call goes to.

    Args:
        label: what the registry calls it, where it has no endpoint to show.
        reason: one word of `REASONS`.
        detail: for a person.
        endpoint: where it is, as far as that is known.
    """

    label: str
    reason: str
    detail: str
    endpoint: Endpoint | None

    def document(self) -> dict[str, object]:
        """JSON-ready data."""
        return {
            "endpoint": endpoint_document(self.endpoint) if self.endpoint else None,
            "label": self.label or None,
            "reason": self.reason,
            "detail": self.detail,
        }


REASONS = ("critical", "draining", "no_weight", "malformed", "subset", "variant", "standby", "zone")


def exclusions(config: MeshConfig, service: str, snapshot: Snapshot) -> list[Exclusion]:
    """Those of the list in its order, then what its registry has beside."""
    rules = config.service(ServiceName(service))
    listed = list(_of_list(rules, config.zone, snapshot.endpoints))
    answer = snapshot.last if isinstance(snapshot, Failed) else snapshot
    beside: Sequence[LeftOut] = () if answer is None or isinstance(answer, Pending) else answer.left_out
    return listed + [Exclusion(each.label, each.reason, each.detail, each.endpoint) for each in beside]


def _of_list(rules: ServiceConfig, zone: str, endpoints: Sequence[Endpoint]) -> Iterator[Exclusion]:
    in_view = policies.in_view(rules.subset, endpoints, str(random.random()))
    viewed = {endpoint.key for endpoint in in_view}
    reached = _reached(rules.traffic) if rules.traffic is not None else _everybody
    nodes = {endpoint.key: Node(endpoint, 0.0, 0.0) for endpoint in in_view if reached(endpoint)}
    rotation = rotate(nodes.values(), rules.ejection.panic if rules.ejection else 0.0)
    policies.weighing(rules, zone).weigh(rotation, time.monotonic())
    turning = {node.key for node in rotation.nodes}
    serving = ", ".join(map(str, rotation.shares))
    for endpoint in endpoints:
        node = nodes.get(endpoint.key)
        if endpoint.health is Health.DRAINING:
            yield _because(endpoint, "draining", "health is draining")
        elif endpoint.key not in viewed:
            yield _because(endpoint, "subset", f"not in the subset: {len(viewed)} of {len(endpoints)}")
        elif node is None:
            yield _because(endpoint, "variant", "no calls go to its variant")
        elif endpoint.key in turning and node.weight > 0:
            continue
        elif endpoint.key in turning:
            yield _because(endpoint, "zone", f"calls stay in zone {zone}")
        elif not endpoint.usable:
            yield _because(endpoint, "critical", "health is critical")
        else:
            yield _because(endpoint, "standby", f"priority {endpoint.priority} waits for {serving}")


def _because(endpoint: Endpoint, reason: str, detail: str) -> Exclusion:
    return Exclusion(endpoint.id, reason, detail, endpoint)


def _everybody(_: Endpoint) -> bool:
    return True


def _reached(traffic: TrafficConfig) -> Callable[[Endpoint], bool]:
    """Tells whether any route, or a share of the split, leads to an endpoint of this service."""
    subsets = {label: variant.subset for label, variant in traffic.variants.items() if not variant.service}
    targets = {name for name, share in traffic.split.items() if share} | {rule.to for rule in traffic.routes}
    # Without a split, what no route takes goes to the rest.
    rest = not traffic.split or any(target not in traffic.variants for target in targets)

    def reached(endpoint: Endpoint) -> bool:
        holding = [label for label, subset in subsets.items() if subset.holds(endpoint)]
        return not targets.isdisjoint(holding) if holding else rest

    return reached
