"""Which registries a test run showed at work, for the table at its end.

A test says what it shows by ``@pytest.mark.registry("consul", "watch", "faults")``; it counts once it has passed.
Of the inherited contract tests the name alone decides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = ("resolve", "watch", "register", "deregister", "faults")
_FAULTS = ("outage", "malformed")
_CHANGES = ("added", "removed", "watch")


def contract_column(test: str) -> str:
    """The column of a test that every resolver inherits from `meshclient.testing.ResolverContract`."""
    if any(word in test for word in _FAULTS):
        return "faults"
    return "watch" if any(word in test for word in _CHANGES) else "resolve"


class Registries:
    """Counts passed tests for each registry and column, and remembers the servers they ran on."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._tests: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._servers: defaultdict[str, set[str]] = defaultdict(set)

    def passed(self, registry: str, columns: Iterable[str], servers: Iterable[str]) -> None:
        """Count a test; raises ValueError for a column that the table does not have."""
        for column in columns:
            if column not in COLUMNS:
                raise ValueError(f"mark.registry({registry!r}): {column!r} is none of {', '.join(COLUMNS)}")
            self._tests[registry][column] += 1
        self._servers[registry].update(servers)

    def table(self) -> list[str]:
        """One line for each registry under a headline, nothing where no such test has passed."""
        if not self._tests:
            return []
        rows: list[tuple[str, ...]] = [("registry", *COLUMNS, "on")]
        for registry, tests in sorted(self._tests.items()):
            counts = [str(tests[column] or "-") for column in COLUMNS]
            rows.append((registry, *counts, ", ".join(sorted(self._servers[registry])) or "this process"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


registries = Registries()
