"""How much of the calls each priority level takes.

Source: Envoy's priority levels, overprovisioning factor and panic threshold. The first level takes all calls while it
has capacity to spare; as its endpoints drop out it hands what it cannot carry, and no more, to the next. A single rule
that sends everything to the first level with enough usable endpoints would move all calls at once, onto a level that
may be cold or far away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# A level runs with 40 % more endpoints than it needs: it hands nothing on until fewer than 1 / 1.4 = 71 % of them are
# usable (Envoy's default).
OVERPROVISIONING = 1.4
# Below half of its endpoints a level fails open, unless others can take its calls (Envoy's default).
PANIC = 0.5


@dataclass(frozen=True, slots=True)
class Level:
    """The endpoints of one priority, those that drain aside.

    Args:
        total: how many there are.
        usable: how many of them are neither ejected nor refused by their registry.
    """

    total: int
    usable: int


@dataclass(frozen=True, slots=True)
class LevelShare:
    """What becomes of a level.

    Args:
        share: the part of all calls it takes, 0 to 1.
        panic: whether it uses all of its endpoints, the unusable ones as well.
    """

    share: float
    panic: bool


def level_shares(
    levels: Sequence[Level], *, panic: float = PANIC, overprovisioning: float = OVERPROVISIONING
) -> list[LevelShare]:
    """Share and panic of each of the levels, given in the order in which they are to be used.

    A level can carry ``overprovisioning * usable / total`` of all calls. Each takes what those before it
    leave, up to that. Where they cannot carry everything together, each takes more in the same proportion, and those
    with a usable part under `panic` (0 to 1) fail open. Where all levels fail open, or nothing at all is usable, each
    takes as much as it has endpoints, because what is known of their health is then worth nothing.

    The shares add up to 1 unless no level has an endpoint. O(levels).
    """
    carried = [overprovisioning * level.usable / level.total if level.total else 0.0 for level in levels]
    able = min(1.0, sum(carried))
    failing = [able < 1 and level.usable < panic * level.total for level in levels]
    if able == 0 or all(fails or not level.total for fails, level in zip(failing, levels, strict=True)):
        everybody = sum(level.total for level in levels)
        return [LevelShare(level.total / everybody if everybody else 0.0, level.total > 0) for level in levels]
    shares = []
    left = 1.0
    for part, fails in zip(carried, failing, strict=True):
        share = min(left, part / able)
        left -= share
        shares.append(LevelShare(share, fails))
    return shares
