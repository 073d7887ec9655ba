"""What scenarios want in common."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from meshclient.testing.simulate.scenario import Wish

if TYPE_CHECKING:
    from meshclient.testing.simulate.scenario import Result

NO_FAILED_GET = Wish("failed idempotent calls: 0", lambda result: result.report.failed_idempotent)
NO_EJECTION = Wish("ejections: 0", lambda result: result.report.ejections)


def share(most: float, *names: str) -> Wish:
    """These instances get at most `most` of the attempts once the fault has settled."""
    words = f"share of {', '.join(names)} after settling: < {most:.0%}"
    return Wish(words, lambda result: result.report.settled.share(*names), most)


def amplification(most: float) -> Wish:
    """Attempts at the bottom for each call, once the fault has settled."""
    return Wish(f"amplification: <= {most:g}", lambda result: result.report.settled.amplification, most)


def recovery(most: float) -> Wish:
    """Seconds after the fault in which calls still fail."""
    return Wish(f"recovered: <= {most:g} s after the fault", lambda result: _or_never(result.report.recovery), most)


def tail(most: float) -> Wish:
    """The 99th percentile, once the fault has settled, in terms of that without the fault."""
    return Wish(f"p99 / p99 without the fault: <= {most:g}", _tail, most)


def success(least: float) -> Wish:
    """Share of calls that succeed, once the fault has settled."""
    words = f"failed calls after settling: <= {1 - least:.1%}"
    return Wish(words, lambda result: 1 - result.report.settled.success_rate, 1 - least)


def _or_never(seconds: float | None) -> float:
    return inf if seconds is None else seconds


def _tail(result: Result) -> float:
    return result.report.settled.p99 / result.calm.whole.p99
