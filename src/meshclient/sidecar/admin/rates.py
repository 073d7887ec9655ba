"""How fast counters grow, told by two looks at them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

# Seconds between two looks that are kept: a rate is over the last five to ten seconds.
SPAN = 5.0


class Rates:
    """Of any number of counters, by key.

    Two looks are kept whatever the number of those who ask: the older is what rates are told against.
    """

    def __init__(self) -> None:
        self._older: tuple[float, Mapping[Hashable, int]] | None = None
        self._newer: tuple[float, Mapping[Hashable, int]] | None = None

    def look(self, now: float, counts: Mapping[Hashable, int]) -> None:
        """The counters at `now`, kept where the last look is long enough ago."""
        if self._newer is None or now - self._newer[0] >= SPAN:
            self._older, self._newer = self._newer, (now, counts)

    def growth(self, now: float, counts: Mapping[Hashable, int]) -> tuple[float, Mapping[Hashable, int]] | None:
        """Seconds since the look that is told against, and by how much each of `counts` has grown since.

        None where there was no look before. A counter that is new, or has begun anew, has grown from 0.
        """
        base = self._older or self._newer
        if base is None or now <= base[0]:
            return None
        at, before = base
        grown = {key: count - then if count >= (then := before.get(key, 0)) else count for key, count in counts.items()}
        return now - at, grown
