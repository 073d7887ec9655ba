"""Endpoints, nodes, time and chance for the tests of the decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.node import Node
from meshclient.core.balance.p2c import P2C
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.outcome import Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.balance.node import Key
    from meshclient.core.balance.pick import Pick
    from meshclient.core.balance.picker import Picker, Uniform
    from meshclient.model.events import Event

OK = Outcome(Kind.OK, 200)
UNAVAILABLE = Outcome(Kind.SERVER_ERROR, 503)
REFUSED = Outcome(Kind.CONNECT_ERROR, detail="refused")


@dataclass
class Clock:
    """Time that passes when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


def endpoint(
    number: int,
    *,
    weight: float = 1.0,
    priority: int = 0,
    health: Health = Health.UNKNOWN,
    metadata: Mapping[str, str] | None = None,
) -> Endpoint:
    """The endpoint with this number: 10.0.0.1 and so on."""
    return Endpoint(
        f"10.0.{number // 250}.{number % 250 + 1}",
        8080,
        weight=weight,
        priority=priority,
        health=health,
        metadata=metadata or {},
    )


def endpoints(count: int) -> list[Endpoint]:
    """So many of them."""
    return [endpoint(number) for number in range(count)]


def nodes(weights: Iterable[float], cost: float = 0.01) -> list[Node]:
    """A node of each weight, with the same expected latency."""
    return [Node(endpoint(number, weight=weight), cost, 0.0) for number, weight in enumerate(weights)]


def balancer(
    listed: Iterable[Endpoint],
    *,
    outlier: Outlier | None = Outlier(),  # noqa: B008 - frozen
    picker: Callable[[Uniform], Picker] = P2C,
    panic: float = 0.5,
    seed: int = 7,
    now: float = 1000.0,
    emit: Callable[[Event], None] | None = None,
) -> Balancer:
    """A balancer that has taken over `listed`."""
    uniform = Random(seed).random
    made = Balancer("orders", picker(uniform), outlier, panic=panic, uniform=uniform, emit=emit)
    made.update(list(listed), now)
    return made


def expected_rotation(
    listed: Iterable[Endpoint], ejected: set[Key], threshold: float
) -> tuple[set[Key], bool, set[int]]:
    """Who takes part, whether it is panic, and the sound levels: the rule written out a second time, level by level."""
    candidates = [e for e in listed if e.health is not Health.DRAINING]
    levels = {p: [e for e in candidates if e.priority == p] for p in sorted({e.priority for e in candidates})}
    good = {p: [e for e in lv if e.health is not Health.CRITICAL and e.key not in ejected] for p, lv in levels.items()}
    sound = {p for p, level in levels.items() if good[p] and len(good[p]) / len(level) >= threshold}
    carried = {p: Fraction(14, 10) * len(good[p]) / len(level) for p, level in levels.items()}
    able = sum(carried.values(), Fraction())
    panicking = {p for p, level in levels.items() if able < 1 and len(good[p]) / len(level) < threshold}
    if not able or panicking == levels.keys():
        return {e.key for e in candidates}, bool(candidates), sound
    taking: set[Key] = set()
    panic, left = False, Fraction(1)
    for p, level in levels.items():
        if left > 0 and carried[p]:
            taking |= {e.key for e in (level if p in panicking else good[p])}
            panic = panic or p in panicking
        left -= carried[p] / min(able, Fraction(1))
    return taking, panic, sound


def taken(made: Balancer, now: float = 1000, tried: Sequence[Endpoint] = ()) -> Pick:
    """A pick, which there must be."""
    pick = made.pick(now, [e.key for e in tried])
    assert pick is not None
    return pick


def use(made: Balancer, target: Endpoint, outcome: Outcome, now: float = 1000, latency: float = 0.01) -> None:
    """One attempt at `target`, whoever else the rule would have chosen."""
    others = [status.endpoint for status in made.status(now) if status.endpoint.key != target.key]
    # A probe is carried by a call's first attempt only.
    due = any(status.endpoint.key == target.key and status.returns_in == 0 for status in made.status(now))
    pick = taken(made, now, () if due else others)
    assert pick.endpoint.key == target.key
    pick.answer(latency if outcome.kind is Kind.OK else None)
    pick.done(outcome, now)


def states(made: Balancer, now: float = 1000) -> list[str]:
    """As the balancer sees them, in the order of the list."""
    return [status.state for status in made.status(now)]
