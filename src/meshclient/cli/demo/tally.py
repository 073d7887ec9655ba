"""Counting calls: how many, how they ended, where they went, how long they took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """One client's calls.

    Attributes:
        calls: all that ended.
        failed: those that ended in an exception or a status of 500 and more.
        retried: those that took more than one attempt.
        sent: attempts by (phase, address).
        good: those of them that were answered below 500.
        latencies: seconds of the calls that did not fail.
    """

    calls: int = 0
    failed: int = 0
    retried: int = 0
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    good: Counter[tuple[str, str]] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def attempt(self, phase: str, address: str, *, good: bool) -> None:
        """Count one attempt."""
        self.sent[phase, address] += 1
        self.good[phase, address] += good

    def call(self, seconds: float, *, good: bool, attempts: int = 1) -> None:
        """Count one call."""
        self.calls += 1
        self.failed += not good
        self.retried += attempts > 1
        if good:
            self.latencies.append(seconds)

    def share(self, phase: str, address: str) -> float | None:
        """Which part of a phase's attempts went to an address; None where there was none at all."""
        total = sum(count for (when, _), count in self.sent.items() if when == phase)
        return self.sent[phase, address] / total if total else None

    def success(self, address: str) -> float | None:
        """Which part of all attempts at an address was good; None where there was none."""
        total = sum(count for (_, where), count in self.sent.items() if where == address)
        return sum(count for (_, where), count in self.good.items() if where == address) / total if total else None

    def attempts(self, address: str | None = None) -> int:
        """How many attempts there were, at one address or at all."""
        return sum(count for (_, where), count in self.sent.items() if address in (None, where))

    def latency(self, quantile: float) -> float | None:
        """Seconds within which this part of the calls that did not fail was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else None

    def document(self) -> dict[str, object]:
        """The counts as JSON-ready data."""
        return {
            "calls": self.calls,
            "failed": self.failed,
            "retried": self.retried,
            "attempts": self.attempts(),
            "latency_p50_seconds": self.latency(0.5),
            "latency_p99_seconds": self.latency(0.99),
        }
