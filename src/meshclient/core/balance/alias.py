"""Weighted choice in constant time.

Source: M. D. Vose, "A Linear Algorithm For Generating Random Numbers With a Given Distribution", IEEE Transactions on
Software Engineering 17(9), 1991.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.core.balance.picker import Uniform


class AliasTable:
    """Indices drawn in proportion to weights: O(n) to build, O(1) to draw.

    Args:
        weights: at least one, each above 0.
    """

    __slots__ = ("_alias", "_share", "_size")

    def __init__(self, weights: Sequence[float]) -> None:
        size = self._size = len(weights)
        mean = sum(weights) / size
        scaled = [weight / mean for weight in weights]
        self._share = [1.0] * size
        self._alias = list(range(size))
        small = [i for i, share in enumerate(scaled) if share < 1]
        large = [i for i, share in enumerate(scaled) if share >= 1]
        while small and large:
            poor, rich = small.pop(), large[-1]
            self._share[poor], self._alias[poor] = scaled[poor], rich
            scaled[rich] -= 1 - scaled[poor]
            if scaled[rich] < 1:
                small.append(large.pop())

    def draw(self, uniform: Uniform) -> int:
        """An index; takes one number from `uniform` and uses it for both the column and the coin."""
        position = uniform() * self._size
        column = int(position)
        return column if position - column < self._share[column] else self._alias[column]
