"""What is kept of each call of a load test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from meshclient.model.report import CallReport

CALL_SCHEMA = "meshclient.load_call/v1"


class Tried(NamedTuple):
    """An attempt: where it went, how long it took, whether it failed, whether it ran beside another."""

    endpoint: str
    seconds: float
    failed: bool
    hedge: bool


class Record(NamedTuple):
    """One call; times in seconds since the load began.

    Args:
        number: from 1 on, in the order in which they were due.
        due: when it was to begin; in a closed loop when it did.
        began: when it did.
        ended: when its body was read, or it failed.
        status: of the answer, or None.
        error: why there is no answer, as the exit code of a single call has it; empty otherwise.
        attempts: of it.
    """

    number: int
    due: float
    began: float
    ended: float
    status: int | None
    error: str
    attempts: tuple[Tried, ...]

    @property
    def latency(self) -> float:
        """From when it was due: what a user waits who came at that time."""
        return self.ended - self.due

    @property
    def well(self) -> bool:
        """Whether the answer is neither missing nor 4xx nor 5xx."""
        return self.status is not None and self.status < 400

    @property
    def hedges(self) -> int:
        """Attempts beside another."""
        return sum(each.hedge for each in self.attempts)

    @property
    def retries(self) -> int:
        """Attempts after a failed one."""
        return max(0, len(self.attempts) - 1 - self.hedges)

    def as_dict(self) -> dict[str, object]:
        """The record as JSON-ready data."""
        return {
            "schema": CALL_SCHEMA,
            "number": self.number,
            "due_seconds": self.due,
            "began_seconds": self.began,
            "latency_seconds": self.latency,
            "status": self.status,
            "error": self.error or None,
            "endpoint": self.attempts[-1].endpoint if self.attempts else None,
            "attempts": len(self.attempts),
            "retries": self.retries,
            "hedges": self.hedges,
        }


def tried(report: CallReport | None) -> tuple[Tried, ...]:
    """The attempts of a call of the mesh."""
    if report is None:
        return ()
    return tuple(
        Tried(each.endpoint.url, each.duration, each.outcome.kind not in {Kind.OK, Kind.CANCELLED}, each.hedge)
        for each in report.attempts
    )
