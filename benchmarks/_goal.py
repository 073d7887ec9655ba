"""A number that has to be reached, for whatever benchmark measures cells in interleaved rounds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Goal(Generic[C]):
    """One number.

    Args:
        says: what is compared.
        cells: what has to be measured for it.
        value: the number, from the cells' results in one round.
        must: at most this (with `least`: at least).
        aim: what it should come to; None where nobody said.
        unit: of all three.
        least: whether more is better.
    """

    says: str
    cells: tuple[C, ...]
    value: Callable[..., float]
    must: float
    aim: float | None = None
    unit: str = ""
    least: bool = False

    def values(self, rounds: Sequence[Mapping[C, object]]) -> list[float]:
        """The number in each round that has all of the cells: what is compared was measured at the same time."""
        return [
            self.value(*(results[cell] for cell in self.cells))
            for results in rounds
            if all(cell in results for cell in self.cells)
        ]

    def reached(self, value: float) -> str:
        """``aim``, ``must`` or ``MISSED``."""
        for name, bound in (("aim", self.aim), ("must", self.must)):
            if bound is not None and (value >= bound if self.least else value <= bound):
                return name
        return "MISSED"
