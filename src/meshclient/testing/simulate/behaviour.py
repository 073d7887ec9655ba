"""How instances behave when they are well: values that say what becomes of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from meshclient.model.outcome import classify_status
from meshclient.testing.simulate.latency import Latency, LogNormal
from meshclient.testing.simulate.reply import Reply

if TYPE_CHECKING:
    from meshclient.testing.simulate.reply import Visit

# An instance in good health: half of its answers within 10 ms, 1 % take more than 25 ms.
USUAL = LogNormal(0.010)
# What a shed request gets, and seconds until it gets it.
_SHED = Reply(0.001, classify_status(503), executed=False)


class Behaviour(Protocol):
    """What becomes of requests at an instance."""

    def reply(self, visit: Visit) -> Reply:
        """What becomes of this one."""
        ...


@dataclass(frozen=True, slots=True)
class Healthy:
    """Answers, however many requests there are.

    Args:
        latency: seconds to the response head.
    """

    latency: Latency = USUAL

    def reply(self, visit: Visit) -> Reply:
        """An answer."""
        return Reply(self.latency.draw(visit.random))


WELL = Healthy()


@dataclass(frozen=True, slots=True)
class Staffed:
    """Has so many workers and a queue: latency rises with what is asked of it, and beyond that it sheds with 503.

    Args:
        latency: seconds of work.
        workers: how many requests it works on at once.
        queue: how many may wait.
    """

    latency: Latency = USUAL
    workers: int = 8
    queue: int = 100

    def reply(self, visit: Visit) -> Reply:
        """An answer, after those before it."""
        seconds = visit.station.enter(visit.at, self.latency.draw(visit.random), self.workers, self.queue)
        return _SHED if seconds is None else Reply(seconds)


@dataclass(frozen=True, slots=True)
class Recovering:
    """Comes back weak: with part of its workers, more of them as time goes by.

    Args:
        staffed: how it is when it has recovered.
        since: when it came back, in seconds of the run.
        over: seconds until it has all its workers.
        share: of the workers it begins with, 0 to 1.
    """

    staffed: Staffed
    since: float
    over: float = 10.0
    share: float = 0.2

    def reply(self, visit: Visit) -> Reply:
        """An answer, after those before it."""
        grown = min(1.0, max(0.0, visit.at - self.since) / self.over)
        workers = max(1, round(self.staffed.workers * (self.share + (1 - self.share) * grown)))
        return Staffed(self.staffed.latency, workers, self.staffed.queue).reply(visit)
