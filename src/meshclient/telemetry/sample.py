"""A sample of bounded size, in which each of any number of values stands with the same chance.

Algorithm R (J. S. Vitter, "Random Sampling with a Reservoir", ACM Transactions on Mathematical Software 11, 1985).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Sample:
    """Of `size` values.

    Args:
        size: how many.
        uniform: uniform in [0, 1).
    """

    def __init__(self, size: int, uniform: Callable[[], float] = random.random) -> None:
        self._size = size
        self._uniform = uniform
        self._kept: list[float] = []
        self._seen = 0

    def add(self, values: Sequence[float]) -> None:
        """These are there too."""
        # Taken meanwhile by another thread, the list is no longer this sample's, and what is put into it is lost.
        kept = self._kept
        for value in values:
            self._seen += 1
            if len(kept) < self._size:
                kept.append(value)
            elif (place := int(self._uniform() * self._seen)) < self._size:
                kept[place] = value

    def take(self) -> list[float]:
        """The sample; it begins anew."""
        kept, self._kept, self._seen = self._kept, [], 0
        return kept
