"""Taking an endpoint out when it fails and its peers do not, and letting it back in by one probe.

Two rules find it: failures in a row (Finagle's failure accrual: five), and the failure ratio since its trouble began,
counted exactly (Linkerd's unified breaker does so over a window of time). Both compare it with its peers
(`meshclient.core.comparison`), so that they work with two endpoints, find two bad ones of nine, and take out nobody
when all fail together. The way back is Finagle's: an equal-jittered pause that doubles, then one probe. How many may be
out at once is Envoy's and gRPC's cap.

The record is per endpoint and pure; how many are out is asked of the caller, who sees them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from meshclient.core.comparison import is_worse
from meshclient.core.window import Window
from meshclient.model.outcome import Mark

# Seconds that the ratio looks back.
SPAN = 10.0
# Seconds after which a pause between two failures makes them unrelated: longer than blame keeps calls away from an
# endpoint, or one that is dead would never have failed often enough where calls are rare.
RELATED = 30.0
# Attempts since the trouble with an endpoint began, after which it is looked at anew.
LONGEST_SPELL = 100
# Failures that a ratio needs: fewer say nothing, and how many more it takes follows from what the peers did.
FEWEST = 3
# Part of its answers that are slow where an endpoint is.
SLOW_PART = 0.5
# Times `consecutive`: failures that are compared with what the peers did meanwhile, before a new comparison begins.
LONGEST_STREAK = 3


@dataclass(slots=True)
class Record:
    """Endings counted: of one endpoint, or of all endpoints of a service.

    Attributes:
        window: of the last `SPAN` seconds.
        good: successes since the beginning.
        bad: failures since the beginning.
    """

    window: Window = field(default_factory=lambda: Window(SPAN))
    good: int = 0
    bad: int = 0

    def add(self, now: float, *, failed: bool) -> None:
        """One more."""
        self.window.record(now, failed=failed)
        if failed:
            self.bad += 1
        else:
            self.good += 1


@dataclass(frozen=True, slots=True)
class Spell:
    """What had been counted when the trouble with an endpoint began, of it and of its peers."""

    good: int = 0
    bad: int = 0
    peers_good: int = 0
    peers_bad: int = 0

    @classmethod
    def since(cls, own: Record, fleet: Record) -> Spell:
        """The spell that begins with the latest failure, which is counted already."""
        return cls(own.good, own.bad - 1, fleet.good - own.good, fleet.bad - own.bad)


@dataclass(slots=True)
class Standing:
    """An endpoint's record.

    Attributes:
        failures: failures in a row.
        failed_at: when the latest of them was.
        streak: failures of those that `base` is compared with.
        base: successes and failures of its peers when that streak began.
        spell: what had been counted when its trouble began.
        ejections: how often it was ejected; forgotten step by step while it stays in rotation.
        until: when the next probe is due, or None while in rotation.
        probing: whether that probe is in flight.
        returned: when it came back from its latest ejection.
    """

    failures: int = 0
    failed_at: float = 0.0
    streak: int = 0
    base: tuple[int, int] = (0, 0)
    spell: Spell = Spell()
    ejections: int = 0
    until: float | None = None
    probing: bool = False
    returned: float = 0.0

    @property
    def ejected(self) -> bool:
        """Whether it is out of rotation."""
        return self.until is not None


class Change(Enum):
    """What a recorded ending did to the standing."""

    NONE = "none"
    EJECTED = "ejected"
    RESTORED = "restored"
    PROBE_AGAIN = "probe_again"


@dataclass(frozen=True, slots=True)
class Outlier:
    """The rule.

    With the default values and n endpoints, ``max(1, n // 2)`` may be out at once: 1 of 2, 1 of 3, 2 of 4, 4 of 9. So
    at least half of n >= 2 endpoints stay in rotation, which is just what the balancer's panic threshold of 0.5 asks
    for (of 3 endpoints 2 remain, 67 %): ejections alone never cause a panic, and a panic says that a registry has
    refused endpoints as well.

    Args:
        consecutive: failures in a row that eject, if the peers are well and did better in the same time.
        ratio: success ratio (0 to 1) since its trouble began below which an endpoint is ejected, after `consecutive`
            failures, if the peers did better in the same time; 0 for never.
        latency: times the usual latency of the service from which on an answer counts as slow; an endpoint is ejected
            when half of its answers are, and more than its peers'; 0 for never.
        samples: attempts that these ratios need.
        base: seconds of the first ejection; doubles with each failed probe, and each ejection soon after the last.
        limit: most seconds of an ejection.
        max_ejected: share of the endpoints that may be out, 0 to 1; one may always be, if there are two.
    """

    consecutive: int = 5
    ratio: float = 0.8
    latency: float = 0.0
    samples: int = 10
    base: float = 5.0
    limit: float = 300.0
    max_ejected: float = 0.5

    def cap(self, total: int) -> int:
        """How many of `total` may be out: ``max(1, floor(max_ejected * total))``, and never the only one.

        At least one, so that two or three endpoints, where a share rounds down to nothing, are protected at all
        (gRPC A50 does the same; Envoy's 10 % protects nobody below ten).
        """
        return max(1, int(self.max_ejected * total)) if total > 1 else 0

    def duration(self, ejections: int, chance: float) -> float:
        """Seconds out for the n-th ejection in a row, counted from 0: half fixed, half by `chance` in [0, 1)."""
        # The exponent is bounded because 2.0 ** 1024 overflows; 64 doublings pass any limit.
        bound = min(self.limit, self.base * 2.0 ** min(ejections, 64))
        return bound * (0.5 + 0.5 * chance)

    def succeeded(self, standing: Standing) -> None:
        """Take in that an attempt at an endpoint in rotation succeeded."""
        standing.failures = standing.streak = 0

    def failed(self, standing: Standing, own: Record, fleet: Record, now: float, *, relieved: bool = False) -> bool:
        """Take in that an attempt at an endpoint in rotation failed; whether it is to be ejected for that.

        `own` counts the endings at this endpoint and `fleet` those at all of the service, this one included in both.
        Where it is `relieved`, others that get no calls yet stand ready in its place, and a streak is enough: its peers
        may all be down with it.
        """
        if not standing.streak or now - standing.failed_at > RELATED:
            # What the peers did in quiet times long past says nothing about a failure now.
            standing.streak, standing.base = 0, (fleet.good - own.good, fleet.bad - own.bad)
        if now - standing.failed_at > RELATED or standing.returned > standing.failed_at:
            # What it was ejected for is over.
            standing.spell = Spell.since(own, fleet)
        standing.failures += 1
        standing.streak += 1
        standing.failed_at = now
        if relieved and standing.streak >= self.consecutive:
            return True
        return self._streak(standing, own, fleet, now) or self._spell(standing, own, fleet)

    def slow(self, own: Window, fleet: Window, now: float) -> bool:
        """Whether an endpoint is to be ejected for its slow answers; the windows count those as failures."""
        own.advance(now)
        fleet.advance(now)
        total = own.total
        if total < self.samples or own.failures < SLOW_PART * total:
            return False
        return is_worse(own.failures, total, fleet.failures - own.failures, fleet.total - total)

    def eject(self, standing: Standing, now: float, chance: float) -> None:
        """Take it out for a while."""
        # One step of the growth is forgotten for each `SPAN` seconds without an ejection (Envoy's interval).
        clean = int(max(0.0, now - standing.returned) / SPAN) if standing.until is None else 0
        standing.ejections = max(0, standing.ejections - clean)
        standing.until = now + self.duration(standing.ejections, chance)
        standing.ejections += 1

    def probed(self, standing: Standing, mark: Mark, now: float, chance: float) -> Change:
        """Take in how the probe of an ejected endpoint ended.

        A neutral ending (cancelled, never left this process) makes it due again at once, so that a probe cannot be
        lost.
        """
        standing.probing = False
        if mark is Mark.SUCCESS:
            standing.failures = standing.streak = 0
            standing.until = None
            standing.returned = now
            return Change.RESTORED
        if mark is Mark.FAILURE:
            standing.failures += 1
            self.eject(standing, now, chance)
            return Change.EJECTED
        standing.until = now
        return Change.PROBE_AGAIN

    def _streak(self, standing: Standing, own: Record, fleet: Record, now: float) -> bool:
        if standing.streak < self.consecutive:
            return False
        good, bad = standing.base
        peers_good, peers_bad = fleet.good - own.good - good, fleet.bad - own.bad - bad
        fleet.window.advance(now)
        own.window.advance(now)
        peers = fleet.window.total - own.window.total
        well = fleet.window.successes - own.window.successes >= self.ratio * peers
        # Where none of the others was tried since it last did well, trying them is the only way to learn.
        untold = not peers_good and not peers_bad and standing.failures == standing.streak
        if well and (untold or is_worse(standing.streak, standing.streak, peers_bad, peers_good + peers_bad)):
            return True
        if standing.streak >= LONGEST_STREAK * self.consecutive:
            # Judged in parts: at the end of an outage the first peer to succeed would otherwise stand against hundreds
            # of failures from before.
            standing.streak, standing.base = 0, (fleet.good - own.good, fleet.bad - own.bad)
        return False

    def _spell(self, standing: Standing, own: Record, fleet: Record) -> bool:
        """Whether too much has failed since the trouble began.

        Not within a window of time: an endpoint that fails gets few calls, and would be measured by what it did before.
        """
        began = standing.spell
        bad = own.bad - began.bad
        total = own.good - began.good + bad
        fair = bad <= (1 - self.ratio) * total
        if bad >= FEWEST and not fair:
            peers_bad = fleet.bad - own.bad - began.peers_bad
            peers_good = fleet.good - own.good - began.peers_good
            if is_worse(bad, total, peers_bad, peers_good + peers_bad):
                return True
        if (fair and total >= self.samples) or total >= LONGEST_SPELL:
            # This failure may be the first of the next.
            standing.spell = Spell.since(own, fleet)
        return False
