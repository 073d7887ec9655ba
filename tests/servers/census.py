"""Which real servers a test run used, for the line at its end."""

from __future__ import annotations

from collections import Counter


class Census:
    """Counts, per kind of server, the tests that used it, and keeps the version that ran."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._versions: dict[str, str] = {}
        self._tests: Counter[str] = Counter()
        self._current: set[str] = set()

    def started(self, kind: str, version: str) -> None:
        """A server of this kind was started, by the current test or by a fixture of its."""
        self._versions[kind] = version
        self._current.add(kind)

    def shared(self, kind: str) -> None:
        """The current test uses a server that was started earlier."""
        self._current.add(kind)

    def test_ended(self) -> list[str]:
        """Close the current test's account; the servers it used, each with its version."""
        used = self._current & self._versions.keys()
        self._tests.update(used)
        self._current.clear()
        return [f"{kind} {self._versions[kind]}".rstrip() for kind in used]

    def summary(self) -> str:
        """For example `consul 1.8.7 (23 tests), knot 3.2.6 (1 test)`; empty where nothing ran."""
        return ", ".join(
            f"{kind} {self._versions[kind]}".rstrip() + f" ({count} test{'s' if count > 1 else ''})"
            for kind, count in sorted(self._tests.items())
        )


census = Census()
