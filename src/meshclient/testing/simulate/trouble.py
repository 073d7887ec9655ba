"""What can be wrong with an instance: behaviours made of the behaviour it has when it is well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshclient.model.outcome import Kind, Outcome, classify_status
from meshclient.testing.simulate.reply import REFUSED, ROUND_TRIP, SILENT, UNREACHABLE, Reply

if TYPE_CHECKING:
    from meshclient.testing.simulate.behaviour import Behaviour
    from meshclient.testing.simulate.reply import Visit

_RESET = Outcome(Kind.DISCONNECTED, detail="connection reset by peer")
_STALE = Reply(ROUND_TRIP, Outcome(Kind.STALE_CONNECTION, detail="closed while idle"), executed=False)


@dataclass(frozen=True, slots=True)
class Slow:
    """Takes `factor` times as long."""

    well: Behaviour
    factor: float

    def reply(self, visit: Visit) -> Reply:
        """The same, later."""
        reply = self.well.reply(visit)
        return replace(reply, delay=reply.delay * self.factor)


@dataclass(frozen=True, slots=True)
class Failing:
    """Fails fast.

    Args:
        well: what it does with the rest.
        ratio: share of requests that fail, 0 to 1.
        status: what those get.
        seconds: how soon.
        retry_after: seconds it asks callers to wait, if it does.
    """

    well: Behaviour
    ratio: float = 1.0
    status: int = 503
    seconds: float = 0.001
    retry_after: float | None = None

    def reply(self, visit: Visit) -> Reply:
        """An error, or what it does otherwise."""
        if visit.random.random() >= self.ratio:
            return self.well.reply(visit)
        return Reply(self.seconds, classify_status(self.status, self.retry_after), executed=False)


@dataclass(frozen=True, slots=True)
class Hanging:
    """Never answers a share of requests, though it may have done their work."""

    well: Behaviour
    ratio: float = 1.0

    def reply(self, visit: Visit) -> Reply:
        """Silence, or what it does otherwise."""
        return SILENT if visit.random.random() < self.ratio else self.well.reply(visit)


@dataclass(frozen=True, slots=True)
class Gray:
    """Looks alive and is not: of its requests a share fails, a share hangs, the rest is well.

    Source: P. Huang et al., "Gray Failure: The Achilles' Heel of Cloud-Scale Systems", HotOS 2017.
    """

    well: Behaviour
    failing: float = 0.5
    hanging: float = 0.5

    def reply(self, visit: Visit) -> Reply:
        """One of the three."""
        chance = visit.random.random()
        if chance < self.failing:
            return Failing(self.well).reply(visit)
        return SILENT if chance < self.failing + self.hanging else self.well.reply(visit)


@dataclass(frozen=True, slots=True)
class Resetting:
    """Does its work for a share of requests, then resets the connection instead of answering."""

    well: Behaviour
    ratio: float = 1.0

    def reply(self, visit: Visit) -> Reply:
        """A reset in place of the answer, or the answer."""
        reply = self.well.reply(visit)
        return replace(reply, outcome=_RESET) if visit.random.random() < self.ratio else reply


@dataclass(frozen=True, slots=True)
class Closing:
    """Has closed the idle connection that a share of requests is sent on: they are not executed."""

    well: Behaviour
    ratio: float = 1.0

    def reply(self, visit: Visit) -> Reply:
        """A stale connection, or what it does otherwise."""
        return _STALE if visit.random.random() < self.ratio else self.well.reply(visit)


@dataclass(frozen=True, slots=True)
class Refusing:
    """Its process is gone: connections are refused."""

    def reply(self, visit: Visit) -> Reply:  # noqa: ARG002 - the signature of a behaviour
        """A refusal."""
        return REFUSED


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Its host is gone: packets are lost, and the caller's limit for connecting ends an attempt."""

    def reply(self, visit: Visit) -> Reply:  # noqa: ARG002 - the signature of a behaviour
        """Silence before a connection."""
        return UNREACHABLE


@dataclass(frozen=True, slots=True)
class Flapping:
    """Well and ill in turn, well first.

    Args:
        well: the one behaviour.
        ill: the other.
        period: seconds of both together.
        share: of the period that it is ill, 0 to 1.
    """

    well: Behaviour
    ill: Behaviour
    period: float
    share: float = 0.5

    def reply(self, visit: Visit) -> Reply:
        """What it does at this moment."""
        ill = visit.at % self.period >= self.period * (1 - self.share)
        return (self.ill if ill else self.well).reply(visit)
