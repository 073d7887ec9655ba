"""A service for whole calls whose every trace can be compared: one source of chance, and a book of its permits."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from random import Random
from typing import TYPE_CHECKING

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.keyed import Keyed
from meshclient.core.shadow import Shadow
from unit.core.portrait import portrait
from unit.core.script import Orders
from unit.core.twins import PICKERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.balance.picker import Uniform
    from meshclient.core.circuit import Circuit, Permit, Refusal
    from meshclient.core.outlier import Outlier
    from meshclient.core.retry_budget import RetryBudget
    from meshclient.model.outcome import Mark
    from meshclient.model.snapshot import Snapshot
    from unit.core.fleet import Clock


class Gate:
    """A circuit, and a book of who was let in and came out again; nobody comes out twice."""

    blanket = None

    def __init__(self, inner: Circuit) -> None:
        self.inner = inner
        self.book: list[tuple[object, ...]] = []
        self.inside = 0

    def admit(self, now: float, chance: float) -> Permit | None:
        permit = self.inner.admit(now, chance)
        self.book.append(("admitted" if permit is not None else "refused", now, chance))
        self.inside += permit is not None
        return None if permit is None else Pass(self, permit)

    def refusal(self, now: float) -> Refusal:
        return self.inner.refusal(now)


@dataclass
class Pass:
    """A permit of a gate."""

    gate: Gate
    permit: Permit | None

    def done(self, mark: Mark, now: float) -> None:
        permit, self.permit = self.permit, None
        assert permit is not None
        self.gate.inside -= 1
        self.gate.book.append((mark, now))
        permit.done(mark, now)


@dataclass(frozen=True)
class House:
    """What a service is made of."""

    snapshot: Snapshot
    picker: str
    outlier: Outlier | None
    circuit: Callable[[Clock, Uniform], Circuit] | None
    budget: Callable[[], RetryBudget]
    shadow: tuple[str, ...]
    seed: int

    def open(self, clock: Clock) -> Shop:
        return Shop(self, clock)


class Shop(Orders):
    """The service; all of its chance comes from one source, so that whoever draws more often is found out."""

    def __init__(self, house: House, clock: Clock) -> None:
        super().__init__((), snapshot=house.snapshot, budget=house.budget())
        self.clock = self.time = clock
        self.random = Random(house.seed)
        self.uniform = self.random.random
        picker = PICKERS[house.picker](self.uniform)
        self.balancer = Balancer(
            self.name,
            picker,
            house.outlier,
            panic=0.5,
            uniform=self.uniform,
            emit=self.emit,
            load=picker.load if isinstance(picker, Keyed) else None,
            fresh=-inf,
        )
        self.balancer.update(self.snapshot.endpoints, clock.now)
        made = None if house.circuit is None else house.circuit(clock, self.uniform)
        # A blanket permit is nobody's.
        self.gate = None if made is None or made.blanket is not None else Gate(made)
        self.circuit = self.gate or made
        self.shadow = Shadow(self.name, house.shadow, self.emit)
        self.trips = 0

    def unreached(self) -> None:
        self.trips += 1

    def portrait(self) -> object:
        """All that a call may leave behind."""
        # Counts what is only noted.
        self.balancer.status(self.time.now)
        booked = self.gate and (self.gate.book, self.gate.inside, portrait(self.gate.inner))
        gate = booked or portrait(self.circuit)
        kept = portrait(self.balancer), portrait(self.budget), gate, self.trips, self.shadow.counts
        return self.events, kept, self.random.getstate()
