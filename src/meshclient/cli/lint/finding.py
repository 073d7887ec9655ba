"""What the arithmetic comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PAGE = "docs/reference/lint.md"


class Level(StrEnum):
    """How bad it is; of two, the later one here is the worse."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    def reaches(self, other: Level) -> bool:
        """Whether this is at least as bad as `other`."""
        order = list(Level)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that can be found.

    Args:
        id: stays the same for ever: ``ML`` and three digits.
        level: how bad it is where nothing more is known.
        meaning: what it is, in a line.
    """

    id: str
    level: Level
    meaning: str

    @property
    def documentation(self) -> str:
        """Where more is said of it."""
        return f"{PAGE}#{self.id.lower()}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found.

    Args:
        rule: what kind of thing.
        what: what exactly, in a sentence.
        why: the numbers.
        fix: what to do.
        keys: the settings concerned, as keys of a service.
        subject: the service concerned, with its route; ``defaults`` for all that have no table of their own; empty
            for the whole configuration.
        level: how bad it is here.
    """

    rule: Rule
    what: str
    why: str
    fix: str
    keys: tuple[str, ...] = ()
    subject: str = ""
    level: Level | None = None

    @property
    def grade(self) -> Level:
        """How bad it is here, or else as a rule."""
        return self.level or self.rule.level

    @property
    def document(self) -> dict[str, object]:
        """JSON-ready data."""
        return {
            "id": self.rule.id,
            "level": str(self.grade),
            "subject": self.subject or None,
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
            "settings": list(self.keys),
            "documentation": self.rule.documentation,
        }
