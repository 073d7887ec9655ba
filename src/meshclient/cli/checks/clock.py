"""Category ``clock``: whether this host's clock shows the time that others show.

Certificates, signatures of cloud APIs, leases and the age of responses are judged by the clock. What others show is the
Date header of answers that came anyway (RFC 9110, section 6.6.1), in whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshclient.cli.checks.finding import Kind, Level, Outcome, Passed, Skipped
from meshclient.cli.checks.wording import plural
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.cli.checks.reached import Dated

CATEGORY = "clock"
# Seconds. A Date is cut to the second, and some servers make one each second only; hosts with NTP are within 0.1 s.
TOLERANCE = 5.0
# Seconds from which on nobody wants to know them one by one.
_EXACT = 600


def _kind(number: int, level: Level, meaning: str, why: str, fix: str) -> Kind:
    return Kind(f"MC{number}", CATEGORY, level, meaning, why, fix)


_DOES = "certificates, signed requests and the age of cached responses are judged by the clock"
REGISTRY = _kind(
    701,
    Level.WARNING,
    "the clock of a registry and that of this host differ",
    _DOES,
    "synchronise both with NTP (timedatectl, chronyc tracking) and see which of them is wrong",
)
ENDPOINT = _kind(
    702,
    Level.WARNING,
    "the clock of an endpoint and that of this host differ",
    _DOES,
    "synchronise both with NTP (timedatectl, chronyc tracking) and see which of them is wrong",
)
OWN = _kind(
    703,
    Level.ERROR,
    "the clock of this host differs from all others, which agree",
    _DOES,
    "synchronise the clock of this host with NTP: timedatectl, chronyc tracking",
)
KINDS = (REGISTRY, ENDPOINT, OWN)


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """What clocks show.

    Args:
        registries: of registries.
        endpoints: of endpoints.
        reason: why none was seen.
    """

    registries: tuple[Dated, ...] = ()
    endpoints: tuple[Dated, ...] = ()
    reason: str = ""


def judge(facts: ClockFacts) -> Iterator[Outcome]:
    """What there is to say of clocks."""
    seen = (*facts.registries, *facts.endpoints)
    if not seen:
        yield Skipped(CATEGORY, "the clock of this host", facts.reason or "no answer told the time")
        return
    wrong = [each for each in seen if abs(ahead(each)) > TOLERANCE]
    shifts = [ahead(each) for each in seen]
    # Several servers of one host have one clock.
    hosts = {urlsplit(each.source).hostname for each in seen}
    if len(hosts) > 1 and len(wrong) == len(seen) and max(shifts) - min(shifts) <= TOLERANCE:
        what = f"this host's clock is {_apart(-shifts[0])} {plural(len(seen), 'other')} that agree"
        yield OWN.found(what, subject="this host")
        return
    for kind, group in ((REGISTRY, facts.registries), (ENDPOINT, facts.endpoints)):
        for each in group:
            if each in wrong:
                yield kind.found(
                    f"the clock of {each.source} is {_apart(ahead(each))} this host's", subject=each.source
                )
    if len(wrong) < len(seen):
        yield Passed(CATEGORY, f"{plural(len(seen) - len(wrong), 'other clock')} and this host's agree")


def ahead(seen: Dated) -> float:
    """Seconds by which the other clock is ahead for certain; below 0 where it is behind, 0 where both may agree."""
    # Its second was cut off, and it was read at some moment between question and answer.
    least, most = seen.theirs - seen.ours, seen.theirs + 1.0 - (seen.ours - seen.seconds)
    return max(0.0, least) + min(0.0, most)


def _apart(shift: float) -> str:
    seconds = round(abs(shift))
    told = f"{seconds}s" if seconds < _EXACT else format_duration(float(seconds))
    return f"{told} ahead of" if shift > 0 else f"{told} behind"
