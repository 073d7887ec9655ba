"""The story of one call, for the person who asks why it went where it went.

Public API: ``response.extensions["mesh"]`` and ``exc.mesh`` are a `CallReport`. Fields may be added, never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """One attempt: where it went, how it ended, and why the next one followed or did not.

    Args:
        endpoint: where it was sent.
        outcome: how it ended.
        started: seconds since the call began.
        duration: seconds until the response head or the failure.
        probe: whether this was the single trial of an ejected endpoint.
        reason: why another attempt followed, or why none did; empty after success.
        hedge: whether it ran beside another attempt.
    """

    endpoint: Endpoint
    outcome: Outcome
    started: float
    duration: float
    probe: bool = False
    reason: str = ""
    hedge: bool = False

    def as_dict(self) -> dict[str, object]:
        """The attempt as JSON-ready data."""
        return {
            "endpoint": self.endpoint.url,
            "endpoint_id": self.endpoint.id or None,
            "zone": self.endpoint.zone or None,
            "outcome": str(self.outcome.kind),
            "status": self.outcome.status,
            "sent": str(self.outcome.verdict.sent),
            "detail": self.outcome.detail or self.outcome.injected or None,
            "started_seconds": self.started,
            "duration_seconds": self.duration,
            "probe": self.probe,
            "reason": self.reason or None,
            "hedge": self.hedge,
        }


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """The list the call was routed by: its state, source, version and age in seconds, None where there is none yet."""

    state: str
    source: str
    version: int
    age: float | None
    cause: str = ""

    def as_dict(self) -> dict[str, object]:
        """The snapshot's facts as JSON-ready data."""
        return {
            "state": self.state,
            "source": self.source,
            "version": self.version,
            "age_seconds": self.age,
            "cause": self.cause or None,
        }


@dataclass(frozen=True, slots=True)
class CallReport:
    """A whole call: the service, every attempt in order, the list behind it and the time left.

    Fields may also be read by name, as in ``report["endpoint"]``.
    """

    service: str
    attempts: tuple[AttemptReport, ...] = ()
    snapshot: SnapshotReport | None = None
    deadline_left: float | None = None
    hedged: bool = field(default=False)
    cache: str | None = None

    @property
    def endpoint(self) -> Endpoint | None:
        """Where the last attempt went, or None when nothing was sent."""
        return self.attempts[-1].endpoint if self.attempts else None

    @property
    def zone(self) -> str | None:
        """The zone of that endpoint."""
        return self.endpoint.zone or None if self.endpoint else None

    @property
    def injected(self) -> tuple[str, ...]:
        """The faults that were put in its way on purpose, in words; empty where everything was real."""
        return tuple(attempt.outcome.injected for attempt in self.attempts if attempt.outcome.injected)

    @property
    def retries(self) -> int:
        """Attempts after the first."""
        return max(0, len(self.attempts) - 1)

    def as_dict(self) -> dict[str, object]:
        """The report as JSON-ready data."""
        return {
            "service": self.service,
            "endpoint": self.endpoint.url if self.endpoint else None,
            "zone": self.zone,
            "attempts": [attempt.as_dict() for attempt in self.attempts],
            "retries": self.retries,
            "hedged": self.hedged,
            "cache": self.cache,
            "snapshot": self.snapshot.as_dict() if self.snapshot else None,
            "deadline_left_seconds": self.deadline_left,
        }

    def __getitem__(self, name: str) -> object:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None
