"""When calls are made, and which."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from meshclient.testing.simulate.timeline import Timeline

    # Makes a call, and tells when it is over.
    Make = Callable[[Callable[[], None]], None]


class Arrivals(Protocol):
    """A rule for when calls are made."""

    def begin(self, timeline: Timeline, random: Random, until: float, make: Make) -> None:
        """Make calls from now on until `until`."""
        ...


@dataclass(frozen=True, slots=True)
class Poisson:
    """Open loop: so many calls a second, each independent of all others, whether answers come or not.

    A caller that waits for answers before it asks again hides the pauses of a server (G. Tene, "coordinated omission").

    Args:
        rate: calls per second.
    """

    rate: float

    def begin(self, timeline: Timeline, random: Random, until: float, make: Make) -> None:
        """Make calls from now on until `until`."""
        _poisson(timeline, random, self.rate, until, make)


@dataclass(frozen=True, slots=True)
class Phased:
    """Open loop, at a rate that changes.

    Args:
        phases: so many seconds at so many calls per second, one after the other; the last goes on.
    """

    phases: tuple[tuple[float, float], ...]

    def begin(self, timeline: Timeline, random: Random, until: float, make: Make) -> None:
        """Make calls from now on until `until`."""
        begin, last = timeline.now, len(self.phases) - 1
        for at, (seconds, rate) in enumerate(self.phases):
            end = until if at == last else min(until, begin + seconds)
            timeline.at(begin, partial(_poisson, timeline, random, rate, end, make))
            begin = end


@dataclass(frozen=True, slots=True)
class Closed:
    """Closed loop: so many workers, each of which calls again when its call is over.

    Args:
        workers: how many.
        pause: seconds between an answer and the next call, on average.
    """

    workers: int
    pause: float = 0.0

    def begin(self, timeline: Timeline, random: Random, until: float, make: Make) -> None:
        """Make calls from now on until `until`."""

        def work() -> None:
            if timeline.now < until:
                make(rest)

        def rest() -> None:
            # Never at the same moment: a call that fails at once would be made for ever.
            timeline.after(random.expovariate(1 / self.pause) if self.pause else 1e-6, work)

        for _ in range(self.workers):
            timeline.after(random.random() * 0.01, work)


def _poisson(timeline: Timeline, random: Random, rate: float, until: float, make: Make) -> None:
    def arrive() -> None:
        make(_nothing)
        plan()

    def plan() -> None:
        moment = timeline.now + random.expovariate(rate)
        if moment < until:
            timeline.at(moment, arrive)

    plan()


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a service.

    Args:
        arrivals: when.
        posts: share of calls that are POST, 0 to 1; the others are GET.
        path: of every URL.
        impatient: share of calls that their caller cancels, 0 to 1.
        patience: seconds after which it does so, at most.
    """

    arrivals: Arrivals = Poisson(200.0)
    posts: float = 0.0
    path: str = "/"
    impatient: float = 0.0
    patience: float = 0.05


DEFAULT_LOAD = Load()
