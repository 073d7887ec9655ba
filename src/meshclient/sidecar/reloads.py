"""How often the configuration was read again, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from meshclient.discovery.supervision import describe
from meshclient.errors import MeshError


def reason(error: Exception) -> str:
    """Why a configuration cannot be, for a person."""
    return str(error) if isinstance(error, MeshError | OSError) else describe(error)


@dataclass(slots=True)
class Reloads:
    """Of one process; seen in the log and in the admin interface.

    Args:
        generation: of the configuration in use, 1 at the start.
        succeeded: reloads that took effect.
        failed: those that were refused, whereupon the configuration before stayed in use.
        error: why the last one was refused; empty where it was not.
        at: when the configuration in use took effect.
    """

    generation: int = 1
    succeeded: int = 0
    failed: int = 0
    error: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def took(self) -> None:
        """A new configuration is in use."""
        self.generation += 1
        self.succeeded += 1
        self.error = ""
        self.at = datetime.now(UTC)

    def refused(self, why: str) -> None:
        """One was refused."""
        self.failed += 1
        self.error = why

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "generation": self.generation,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "last_error": self.error or None,
            "since": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
