"""Calls divided among variants by weight; calls with the same key stay together.

A key is not looked up on one line of cumulative weights, where a third variant's boundaries move whenever another
weight does, but raced: each variant has a clock of its own, exponential with its weight as the rate and started by the
key's hash, and the first to ring has the key (weighted rendezvous hashing: C. Schindelhauer and G. Schomaker, "Weighted
Distributed Hash Tables", SPAA 2005). So raising a weight moves keys to that variant only, lowering one moves keys from
it only, and both no more than the shares differ: the least that any rule could move.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from meshclient.core.balance.hashing import hash64, rehash

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_HALF = 0.5
_SPAN = float(1 << 64)


class Split:
    """The weights of a service's variants.

    Args:
        service: its name; the same key falls otherwise at another service, so that not the same users meet every
            new version.
        weights: of each variant, not negative; the shares are in proportion.

    Raises ValueError where no weight is above zero.
    """

    __slots__ = ("_weighted",)

    def __init__(self, service: str, weights: Mapping[str, float]) -> None:
        self._weighted = [
            (name, float(weight), hash64(f"{service}\0{name}")) for name, weight in weights.items() if weight > 0
        ]
        if not self._weighted:
            raise ValueError(f"the split of {service!r} gives every variant nothing: give one a weight above zero")

    def pick(self, key: str | None, chance: float, without: Collection[str] = ()) -> str | None:
        """The variant of a call, or None where all are left out.

        Args:
            key: of the call, or None to go by `chance`.
            chance: uniform in [0, 1).
            without: variants that get nothing at present; their calls are shared out, nobody else's move.
        """
        there = [each for each in self._weighted if each[0] not in without] if without else self._weighted
        if not there:
            return None
        if key is not None:
            value = hash64(key)
            return min(there, key=lambda each: -log((rehash(value ^ each[2], 1) + _HALF) / _SPAN) / each[1])[0]
        left = chance * sum(weight for _, weight, _ in there)
        for name, weight, _ in there:
            left -= weight
            if left < 0:
                return name
        return there[-1][0]

    def share(self, variant: str, without: Collection[str] = ()) -> float:
        """The chance of a call to go to `variant`, 0 to 1."""
        weights = {name: weight for name, weight, _ in self._weighted if name not in without}
        return weights.get(variant, 0.0) / sum(weights.values()) if weights else 0.0
