"""Which real servers a test run used, for the line at its end.

Of a parallel run, the tests' accounts are kept in the processes that run them, and counted in the one that reports.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Census:
    """Keeps the account of the test that runs, and counts the tests that used each server of one kind and version."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._tests: Counter[str] = Counter()
        self._current: set[str] = set()

    def used(self, kind: str, version: str) -> None:
        """The current test has started such a server, or shares one that was started earlier."""
        self._current.add(f"{kind} {version}".rstrip())

    def close(self) -> list[str]:
        """End the current test's account; the servers it used, each with its version."""
        used = sorted(self._current)
        self._current.clear()
        return used

    def count(self, servers: Iterable[str]) -> None:
        """Count one test that used these, as `close` named them."""
        self._tests.update(set(servers))

    def summary(self) -> str:
        """For example `consul 1.8.7 (23 tests), knot 3.2.6 (1 test)`; empty where nothing ran."""
        return ", ".join(
            f"{server} ({count} test{'s' if count > 1 else ''})" for server, count in sorted(self._tests.items())
        )


census = Census()
