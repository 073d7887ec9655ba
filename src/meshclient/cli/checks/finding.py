"""What a check says, and what a plugin has to be in order to check more.

A plugin brings a category of its own by an entry point in the group ``meshclient.checks``, whose value is a `Check` or
a callable without arguments that makes one:

    [project.entry-points."meshclient.checks"]
    vault = "acme_mesh:VaultCheck"

All that are installed take part. What one raises is a finding itself, and the others go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshclient.config.shape import MeshConfig
    from meshclient.model.snapshot import Snapshot

PAGE = "docs/reference/checks.md"


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    def reaches(self, other: Level) -> bool:
        """Whether this is at least as bad as `other`."""
        order = list(Level)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Kind:
    """A thing that can be found.

    Args:
        id: stays the same for ever: ``MC`` and three digits; a plugin has letters of its own.
        category: whose it is.
        level: how bad it is.
        meaning: what it is, in a line.
        why: what it does to calls.
        fix: what to do, where nothing more is known of the case.
        link: documentation; empty for the page of all that are built in.
    """

    id: str
    category: str
    level: Level
    meaning: str
    why: str
    fix: str
    link: str = ""

    @property
    def documentation(self) -> str:
        """Where more is said of it."""
        return self.link or f"{PAGE}#{self.id.lower()}"

    def found(self, what: str, *, subject: str = "", why: str = "", fix: str = "") -> Finding:
        """That it is the case; `why` and `fix` where more is known than of every such case."""
        return Finding(self, " ".join(what.split()), why or self.why, fix or self.fix, subject)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Args:
        kind: what.
        what: what exactly, in a sentence.
        why: what it does to calls.
        fix: what to do next.
        subject: the service, endpoint, registry or setting concerned; empty for the whole.
        foreign: whether it is about something that nobody here has asked for.
    """

    kind: Kind
    what: str
    why: str
    fix: str
    subject: str = ""
    foreign: bool = False

    @property
    def level(self) -> Level:
        """How bad it is: what is wrong with other people's services is no error of those who look."""
        return Level.WARNING if self.foreign and self.kind.level is Level.ERROR else self.kind.level


@dataclass(frozen=True, slots=True)
class Passed:
    """Something that was looked at and is in order."""

    category: str
    what: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not be looked at, and why."""

    category: str
    what: str
    reason: str


Outcome: TypeAlias = "Finding | Passed | Skipped"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when a plugin's check looks.

    Args:
        config: the configuration, or None where it cannot be read.
        lists: what is known of each service that was asked for.
        limit: seconds for one look.
    """

    config: MeshConfig | None = None
    lists: Mapping[str, Snapshot] = field(default_factory=dict)
    limit: float = 5.0


class Check(Protocol):
    """One more category.

    Attributes:
        category: its name, a word in small letters, and none of those that are built in.
        kinds: all that it can find.
    """

    category: str
    kinds: Sequence[Kind]

    async def look(self, known: Known) -> Sequence[Outcome]:
        """What there is to say. It changes nothing, and is cancelled after twice ``known.limit``."""
        ...
