"""All that can be found, and choosing from it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshclient.cli.checks import clock, config, endpoints, names, plugins, registry, telemetry, tls
from meshclient.cli.checks.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshclient.cli.checks.finding import Kind, Outcome

# In the order in which they are looked at: each needs what stands before it.
_BUILT_IN = (config, plugins, registry, names, endpoints, tls, clock, telemetry)
CATEGORIES = tuple(each.CATEGORY for each in _BUILT_IN)
KINDS: tuple[Kind, ...] = tuple(kind for each in _BUILT_IN for kind in each.KINDS)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which categories and ids are wanted.

    Args:
        only: these alone; empty for all.
        skip: not these, though they be in `only`.
    """

    only: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()

    @classmethod
    def of(cls, only: Sequence[str], skip: Sequence[str], kinds: Iterable[Kind]) -> Choice:
        """The choice in words such as ``tls`` and ``MC602``. Raises ValueError, with a suggestion, for another word."""
        known = {word.lower(): word for kind in kinds for word in (kind.category, kind.id)}
        return cls(*(frozenset(_spelt(word, known) for word in words) for words in (only, skip)))

    def category(self, name: str, kinds: Iterable[Kind]) -> bool:
        """Whether anything of a category is wanted."""
        ids = {kind.id for kind in kinds if kind.category == name}
        chosen = not self.only or name in self.only or not ids.isdisjoint(self.only)
        return chosen and name not in self.skip

    def wants(self, outcome: Outcome) -> bool:
        """Whether an outcome is to be told."""
        if not isinstance(outcome, Finding):
            # That a category is in order may not be said of one whose findings are not all told.
            return (not self.only or outcome.category in self.only) and outcome.category not in self.skip
        words = {outcome.kind.id, outcome.kind.category}
        return (not self.only or not words.isdisjoint(self.only)) and words.isdisjoint(self.skip)


def _spelt(word: str, known: dict[str, str]) -> str:
    if word.lower() in known:
        return known[word.lower()]
    close = get_close_matches(word.lower(), known, 1)
    hint = f"did you mean {known[close[0]]!r}?" if close else "`meshclient check --list` has all of them"
    msg = f"{word!r} is neither a category nor the id of a finding: {hint}"
    raise ValueError(msg)
