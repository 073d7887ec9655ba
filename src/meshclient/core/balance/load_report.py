"""What servers say of their own load, and the weights that follow from it.

Source: Open Request Cost Aggregation (ORCA) as sent over plain HTTP, read as Envoy does; gRFC A58 for the weights.
A server that does more calls for each unit of utilisation gets more of them. What it says is its own word, so it is
checked, and moves its weight within bounds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = "endpoint-load-metrics"
# Characters of a report; a longer one is not read, so that reading costs nobody more than a few dozen microseconds.
LONGEST = 4096
# A report moves an endpoint's weight by no more than this, either way: one that claims to have no work must not draw
# all of it.
BOUND = 10.0

_NAMED = "named_metrics"
# Protocol buffers may be written in JSON with either spelling.
_CAMEL = {
    "cpuUtilization": "cpu_utilization",
    "memUtilization": "mem_utilization",
    "applicationUtilization": "application_utilization",
    "rpsFractional": "rps_fractional",
    "namedMetrics": _NAMED,
}
_NO_NAMED: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LoadReport:
    """One report; 0 stands for what it does not say.

    Args:
        cpu: utilisation of the processor, 0 to 1, more when overcommitted.
        memory: utilisation of the memory, 0 to 1.
        application: utilisation as the application sees it; goes before the processor's.
        rate: calls a second.
        errors: failed calls a second.
        named: the application's own metrics.
    """

    cpu: float = 0.0
    memory: float = 0.0
    application: float = 0.0
    rate: float = 0.0
    errors: float = 0.0
    named: Mapping[str, float] = field(default_factory=lambda: _NO_NAMED)

    @classmethod
    def parse(cls, text: str) -> LoadReport | None:
        """The report in a header ``endpoint-load-metrics``: ``TEXT name=value, ...`` or ``JSON {...}``.

        None for anything else, binary reports (``BIN ...``) among it, and for a report with a number that is negative
        or none, or in text with the same name twice. Names nobody knows are passed over. Never raises.
        """
        if len(text) > LONGEST:
            return None
        kind, _, body = text.strip().partition(" ")
        try:
            if kind == "TEXT":
                return _report(_pairs(body))
            if kind == "JSON":
                return _report(_items(body))
        except (ValueError, OverflowError, RecursionError):
            pass
        return None


@dataclass(slots=True)
class Reported:
    """What an endpoint has reported.

    Attributes:
        weight: from the latest report that gave one.
        since: when the first of an unbroken row of them came, or None when there is no row.
        latest: when the latest came.
    """

    weight: float = 0.0
    since: float | None = None
    latest: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadWeights:
    """The rule.

    Args:
        penalty: how much the share of failed calls adds to the utilisation.
        blackout: seconds from the first report until reports count, so that an endpoint does not get all the calls
            because it had none yet.
        expiry: seconds after which the latest report counts no more.
        interval: seconds within which an endpoint's reports are not worth reading twice.
    """

    penalty: float = 1.0
    blackout: float = 10.0
    expiry: float = 180.0
    interval: float = 1.0

    def wanted(self, reported: Reported, now: float) -> bool:
        """Whether to read another report: weights follow once a second, and reading costs more than choosing does."""
        return reported.since is None or not 0 <= now - reported.latest < self.interval

    def weight(self, report: LoadReport) -> float | None:
        """``rate / (utilisation + errors / rate * penalty)``, or None where the report does not say enough."""
        used = report.application or report.cpu
        if not report.rate or not used:
            return None
        weight = report.rate / (used + report.errors / report.rate * self.penalty)
        return weight if weight > 0 and isfinite(weight) else None

    def take(self, reported: Reported, report: LoadReport, now: float) -> None:
        """Take in a report that came at `now`, seconds on a monotonic clock; one without a weight changes nothing."""
        weight = self.weight(report)
        if weight is None:
            return
        if reported.since is None or now - reported.latest >= self.expiry:
            reported.since = now
        reported.weight, reported.latest = weight, now

    def read(self, reported: Reported, now: float) -> float | None:
        """The endpoint's weight, or None where it has none (yet, or any more)."""
        if reported.since is None or now - reported.latest >= self.expiry or now - reported.since < self.blackout:
            return None
        return reported.weight

    def factors(self, endpoints: Sequence[Reported], now: float) -> list[float]:
        """What to multiply the endpoints' weights by: in proportion to what they reported, 1 for the median.

        Within `BOUND` either way. Those without a weight get the mean of the others, so all get 1 where fewer than two
        have one. O(n log n): to be asked about once a second, not for each call.
        """
        weights = [self.read(reported, now) for reported in endpoints]
        known = [weight for weight in weights if weight is not None]
        if not known:
            return [1.0] * len(weights)
        # The median: a mean would let one false report push all others to the bound.
        middle = sorted(known)[len(known) // 2]
        factors = [None if weight is None else min(BOUND, max(1 / BOUND, weight / middle)) for weight in weights]
        bounded = [factor for factor in factors if factor is not None]
        mean = sum(bounded) / len(bounded)
        return [mean if factor is None else factor for factor in factors]


def _pairs(body: str) -> dict[str, object]:
    found: dict[str, object] = {}
    named: dict[str, object] = {}
    for pair in body.split(","):
        if not pair.strip():
            continue
        # Envoy takes the colon as well.
        name, value = pair.split("=" if "=" in pair else ":", 1)
        head, dot, tail = name.strip().partition(".")
        into, key = (named, tail) if dot and head == _NAMED else (found, name.strip())
        if key in into:
            raise ValueError(key)
        into[key] = value.strip()
    return {**found, _NAMED: named} if named else found


def _items(body: str) -> dict[str, object]:
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError(body)  # noqa: TRY004 - what is wrong is the value of the header
    return {_CAMEL.get(str(name), str(name)): value for name, value in document.items()}


def _report(found: Mapping[str, object]) -> LoadReport:
    named = found.get(_NAMED)
    if named is not None and not isinstance(named, dict):
        raise ValueError(named)
    own = {str(name): _number(value, signed=True) for name, value in named.items()} if named else {}
    return LoadReport(
        cpu=_number(found.get("cpu_utilization", 0)),
        memory=_number(found.get("mem_utilization", 0)),
        application=_number(found.get("application_utilization", 0)),
        rate=_number(found.get("rps_fractional", 0)),
        errors=_number(found.get("eps", 0)),
        named=MappingProxyType(own) if own else _NO_NAMED,
    )


def _number(value: object, *, signed: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(value)  # noqa: TRY004 - as above
    number = float(value)
    if not isfinite(number) or (number < 0 and not signed):
        raise ValueError(value)
    return number
