"""How many calls, how fast, how many at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import click


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a load test asks for.

    Args:
        calls: how many.
        rate: calls per second, each due at its time however long others take (an open loop); None where each of
            `concurrency` workers begins a call when its last one has ended (a closed loop).
        concurrency: how many may be under way at once.
    """

    calls: int
    rate: float | None
    concurrency: int

    # Sockets of a process are often bounded by 1,024; more calls at once than this are a queue in any case.
    MOST: ClassVar[int] = 512

    def due(self, number: int) -> float:
        """Seconds from the begin at which a call is due, in an open loop; the first is number 0."""
        return 0.0 if self.rate is None else number / self.rate


def rate_of(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """A number of calls per second; a callback of click's options, whose ranges let NaN pass."""
    if value is not None and not isfinite(value):
        raise click.BadParameter(f"{value} calls per second: write a number", context, parameter)
    return value
