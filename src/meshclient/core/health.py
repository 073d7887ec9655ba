"""When each endpoint of a service is checked, and what its checks so far say; no clock, no I/O.

Thresholds are Envoy's: several failures in a row take an endpoint out, several successes bring it back. An endpoint
that has just been listed counts as well until then: its registry vouches for it, and a first list has to serve the
first call.

Each endpoint has a place of its own within the interval and is checked there in every round. The places follow the
golden ratio, so however many there are they are spread evenly (the three-gap theorem), and nobody moves when others
come and go. A random start spreads the processes that check the same instances; the jitter keeps them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from math import floor
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshclient.core.balance.picker import Uniform

# Of the interval; its multiples, modulo 1, fill it evenly from the first on.
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class HealthRule:
    """How often endpoints are checked, and how many checks decide.

    Args:
        interval: seconds between two checks of an endpoint.
        healthy: successes in a row that bring an endpoint back.
        unhealthy: failures in a row that take one out.
        jitter: share of the interval (0 to 1) by which a check comes later than its place, at most.
    """

    interval: float = 10.0
    healthy: int = 2
    unhealthy: int = 3
    jitter: float = 0.1


class Condition:
    """What the checks of one endpoint say.

    Attributes:
        endpoint: its registry's latest word on it.
        passing: whether it may be called.
        streak: checks in a row that said otherwise.
        place: seconds on the clock at which the first round would have met it.
    """

    __slots__ = ("endpoint", "passing", "place", "streak")

    def __init__(self, endpoint: Endpoint, place: float) -> None:
        self.endpoint = endpoint
        self.passing = True
        self.streak = 0
        self.place = place


class Checkup:
    """The checks of one service's endpoints.

    Args:
        rule: how often, and how many decide.
        uniform: chance in [0, 1).
    """

    def __init__(self, rule: HealthRule, uniform: Uniform) -> None:
        self._rule = rule
        self._uniform = uniform
        self._places = _places(uniform())
        self._conditions: dict[tuple[str, str, int, str], Condition] = {}
        # Each condition stands here once, or is being checked; those of endpoints that left are passed over.
        self._due: list[tuple[float, int, Condition]] = []
        self._order = count()

    def follow(self, endpoints: Sequence[Endpoint], now: float) -> None:
        """Take over a new list. Endpoints that stay, by identity, keep their place and what is known of them."""
        known, self._conditions = self._conditions, {}
        for endpoint in endpoints:
            condition = known.get(endpoint.key)
            if condition is None:
                condition = Condition(endpoint, now + next(self._places) * self._rule.interval)
                self._plan(condition, condition.place)
            condition.endpoint = endpoint
            self._conditions[endpoint.key] = condition
        if len(self._due) > 2 * len(self._conditions):
            self._due = [entry for entry in self._due if self.holds(entry[2])]
            heapify(self._due)

    def resume(self, now: float) -> None:
        """Go on in another process, where nothing is being checked yet."""
        self._due.clear()
        for condition in self._conditions.values():
            self._plan(condition, self._next_round(condition, now))

    @property
    def next(self) -> float | None:
        """When the next check is due, or None where there is nobody to check."""
        while self._due and not self.holds(self._due[0][2]):
            heappop(self._due)
        return self._due[0][0] if self._due else None

    def take(self, now: float) -> Condition | None:
        """An endpoint whose check is due, or None. It is not due again before `ended`."""
        when = self.next
        return None if when is None or when > now else heappop(self._due)[2]

    def holds(self, condition: Condition) -> bool:
        """Whether the endpoint is still listed."""
        return self._conditions.get(condition.endpoint.key) is condition

    def ended(self, condition: Condition, now: float, *, passed: bool | None) -> bool:
        """A check is over; whether it changed what holds for the endpoint.

        Args:
            condition: as `take` gave it.
            now: seconds on the clock.
            passed: how it went, or None where that says nothing about the endpoint.
        """
        if not self.holds(condition):
            return False
        # A round that was missed, since the check took long or the process stood still, is not made up for.
        self._plan(condition, self._next_round(condition, now))
        if passed is None:
            return False
        if passed is condition.passing:
            condition.streak = 0
            return False
        condition.streak += 1
        if condition.streak < (self._rule.healthy if passed else self._rule.unhealthy):
            return False
        condition.passing, condition.streak = passed, 0
        return True

    def _next_round(self, condition: Condition, now: float) -> float:
        interval = self._rule.interval
        rounds = floor((now - condition.place) / interval) + 1
        return condition.place + rounds * interval

    def _plan(self, condition: Condition, when: float) -> None:
        late = self._rule.jitter * self._rule.interval * self._uniform()
        heappush(self._due, (when + late, next(self._order), condition))


def _places(first: float) -> Iterator[float]:
    """Places in [0, 1), one after the other, that are spread evenly however many are taken."""
    place = first % 1.0
    while True:
        yield place
        place = (place + GOLDEN) % 1.0
