"""A fresh balancer of a service with its real list, and what it picks when nothing is sent.

It is the service's own machinery: a `MeshService` made as the mesh makes one, of the same settings, over the same
list; only its chance is seeded, so that the same question has the same answer. What this process has learnt of
endpoints is nothing, and so is what the trial knows of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from meshclient.core.balance.status import EndpointStatus
from meshclient.core.traffic.subset import Subset
from meshclient.mesh.balancers import find_balancer
from meshclient.mesh.policies import KEYED
from meshclient.mesh.service import MeshService
from meshclient.mesh.subset import SubsetWatch
from meshclient.model.outcome import CANCELLED, Kind, Outcome
from meshclient.model.service import ServiceName
from meshclient.telemetry.tally import Tally

if TYPE_CHECKING:
    from meshclient.core.balance.node import Key
    from meshclient.core.balance.rotation import Rotation
    from meshclient.mesh import MeshService as Service
    from meshclient.model.events import Event

# Every pick ends well after so many seconds, one at a time: then nothing but weights tells endpoints apart.
LATENCY = 0.01
GAP = 0.02
# As many endpoints are told of the way a call goes on by; it has so many attempts at most anyway.
FALLBACKS = 5
_GOOD = Outcome(Kind.OK, 200)


class _Untold(Tally):
    """Of what happens in a trial nothing is logged: the service itself has said the same already."""

    def heard(self, event: Event) -> None:
        """Pass over it."""


@dataclass(frozen=True, slots=True)
class Share:
    """What became of an endpoint in the trial.

    Args:
        status: as the balancer sees it.
        turns: whether it takes part in picking; in a panic those do as well that are refused by their registry.
        weight: what it is drawn by, zone, level and warmth included; 0 where it is not drawn.
        expected: its part of the calls by weight, 0 to 1.
        picks: how often it was picked.
        actual: that as a part of all picks.
    """

    status: EndpointStatus
    turns: bool
    weight: float
    expected: float
    picks: int
    actual: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it.

    Args:
        shares: of each endpoint in view, in the order of the list.
        rotation: who takes part.
        picks: how many there were.
        seed: of their chance.
        key: what they were sticky by, or None.
        keyed: whether the balancer goes by keys.
        order: where an attempt of the call goes, then a repeat, then the next, as URLs; of a balancer that goes by
            keys, and has one.
    """

    shares: tuple[Share, ...]
    rotation: Rotation
    picks: int
    seed: int
    key: str | None
    keyed: bool
    order: tuple[str, ...]


def tried(service: Service, *, zone: str, picks: int, seed: int, key: str | None) -> Trial:
    """Pick `picks` times among the endpoints that `service` has now.

    Args:
        service: whose settings and list; it is left as it is.
        zone: that of this process.
        picks: how often.
        seed: of all chance.
        key: what the call is sticky by, or None.
    """
    rng = Random(seed)
    # An active check would send something.
    config = replace(service.config, health=None)
    fresh = MeshService(
        ServiceName(service.name),
        config,
        picker=find_balancer(config.balancer)(rng.random),
        open_watch=lambda changed, *_: SubsetWatch(service.watch, Subset(), changed),
        clock=service.clock,
        rng=rng,
        emit=None,
        zone=zone,
        tally=_Untold(metrics=False, spans="none"),
    )
    now = service.clock()
    # Whoever asks for the list has the balancer take it over.
    _ = fresh.snapshot
    balancer = fresh.balancer
    weights = {node.key: node.weight for node in balancer.rotation.nodes}
    statuses = balancer.status(now)
    keyed = config.balancer in KEYED
    order = _order(fresh, now, key) if keyed and key is not None else ()
    counted: Counter[Key] = Counter()
    for at in range(picks):
        then = now + at * GAP
        pick = balancer.pick(then, key=key)
        if pick is None:
            break
        counted[pick.endpoint.key] += 1
        pick.answer(LATENCY)
        pick.done(_GOOD, then + LATENCY)
    whole = sum(weights.values())
    # Where all have weight 0 all are drawn alike.
    even = 1 / len(weights) if weights and not whole else 0.0
    shares = tuple(
        Share(
            status,
            status.endpoint.key in weights,
            weight := weights.get(status.endpoint.key, 0.0),
            weight / whole if whole else even if status.endpoint.key in weights else 0.0,
            count := counted[status.endpoint.key],
            count / picks,
        )
        for status in statuses
    )
    return Trial(shares, balancer.rotation, picks, seed, key, keyed, order)


def _order(service: Service, now: float, key: str) -> tuple[str, ...]:
    known: list[Key] = []
    urls: list[str] = []
    while len(known) < FALLBACKS:
        pick = service.balancer.pick(now, known, key=key)
        if pick is None:
            break
        pick.done(CANCELLED, now)
        if pick.endpoint.key in known:
            break
        known.append(pick.endpoint.key)
        urls.append(pick.endpoint.url)
    return tuple(urls)
