"""An endpoint that has just begun gets its share of the calls little by little.

Source: Envoy's slow start. Caches, connection pools and just-in-time compilers are cold at first. Unlike in Envoy an
endpoint also warms up when it comes back from ejection, since whatever felled it may only just have passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Seconds that count as passed at once: Envoy starts there too, where a curve begins with nothing.
FIRST_STEP = 1.0


@dataclass(frozen=True, slots=True)
class SlowStart:
    """The rule.

    Args:
        window: seconds until an endpoint has its full weight; 0 for at once.
        least: part of its weight that it has at least, above 0 to 1.
        aggression: above 0; 1 rises evenly, more rises sooner.
    """

    window: float = 30.0
    least: float = 0.1
    aggression: float = 1.0

    def factor(self, age: float) -> float:
        """The part of its weight for an endpoint that began `age` seconds ago: never falls, and 1 after the window."""
        if not self._young(age):
            return 1.0
        part: float = (max(age, FIRST_STEP) / self.window) ** (1 / self.aggression)
        return max(self.least, part)

    def factors(self, ages: Sequence[float]) -> list[float]:
        """The parts for all endpoints of a set, by their ages.

        All have their full weight while half of them or more would warm up, as when a whole deployment or this process
        is new: the others would have to take on more than double their share, and among newcomers alone the weights
        would only favour the older ones.
        """
        young = sum(map(self._young, ages))
        if not young or 2 * young >= len(ages):
            return [1.0] * len(ages)
        return [self.factor(age) for age in ages]

    def _young(self, age: float) -> bool:
        return max(age, FIRST_STEP) < self.window
