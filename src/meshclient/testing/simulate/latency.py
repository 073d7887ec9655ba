"""How long an instance takes, as distributions to draw from."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from random import Random


class Latency(Protocol):
    """A distribution of seconds."""

    def draw(self, random: Random) -> float:
        """One sample."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same."""

    seconds: float

    def draw(self, random: Random) -> float:  # noqa: ARG002 - the signature of a distribution
        """One sample."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class LogNormal:
    """The usual shape of a server's latency: a long tail to the right.

    Args:
        median: seconds.
        sigma: spread of the logarithm; 0.4 puts the 99th percentile at 2.5 times the median.
    """

    median: float
    sigma: float = 0.4

    def draw(self, random: Random) -> float:
        """One sample."""
        return random.lognormvariate(log(self.median), self.sigma)


@dataclass(frozen=True, slots=True)
class Bimodal:
    """Two kinds of requests, such as hits and misses of a cache.

    Args:
        fast: the one kind.
        slow: the other.
        share: of the slow ones, 0 to 1.
    """

    fast: Latency
    slow: Latency
    share: float

    def draw(self, random: Random) -> float:
        """One sample."""
        return (self.slow if random.random() < self.share else self.fast).draw(random)


@dataclass(frozen=True, slots=True)
class Empirical:
    """What was measured, drawn with replacement.

    Args:
        samples: seconds; at least one.
    """

    samples: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.samples:
            raise ValueError("an empirical distribution needs at least one sample")

    def draw(self, random: Random) -> float:
        """One sample."""
        return self.samples[int(random.random() * len(self.samples))]
