"""Maglev's lookup table: endpoints take turns in claiming places, each in an order of its own.

Source: D. E. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4;
weights as in Envoy. Compared with a ring it spreads keys nearly perfectly by weight, and when endpoints change it
moves a few keys that need not move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.balance.hashing import rehash, words
from meshclient.core.balance.keyed import Keyed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.core.balance.picker import Uniform

# Primes, so that any step visits every place: the largest below 2 ** 13 and the powers after it. Pure Python fills 8191
# places in some milliseconds, but the paper's 65537 in a tenth of a second. A share is off by one place at most: 1 %
# with a hundred places for each endpoint, which 8191 give to 81 of them, and 12 % with eight, where the next size
# begins. One size for all up to a thousand, because a change of size moves nearly every key.
SIZES = (8191, 16381, 32749, 65521)
PLACES_EACH = 8


class MaglevTable:
    """Places, each with an endpoint.

    Args:
        identities: what the orders are hashed from; all different.
        weights: each above 0; places are in proportion.
    """

    __slots__ = ("_places",)

    def __init__(self, identities: Sequence[str], weights: Sequence[float]) -> None:
        size = next((size for size in SIZES if size >= PLACES_EACH * len(identities)), SIZES[-1])
        heaviest = max(weights)
        # Whose turn is when must not depend on the order of the list.
        turns = sorted(range(len(identities)), key=identities.__getitem__)
        shares = [weight / heaviest for weight in weights]
        seeds = [words(text, 0) for text in identities]
        at = [seed[0] % size for seed in seeds]
        skips = [seed[1] % (size - 1) + 1 for seed in seeds]
        claimed = [0] * len(identities)
        places = self._places = [-1] * size
        left, rounds = size, 0
        while True:
            rounds += 1
            for who in turns:
                # One of half the weight sits out every second round.
                if rounds * shares[who] < claimed[who]:
                    continue
                claimed[who] += 1
                place, skip = at[who], skips[who]
                while places[place] >= 0:
                    place += skip
                    if place >= size:
                        place -= size
                places[place] = who
                at[who] = place
                left -= 1
                if not left:
                    return

    def __len__(self) -> int:
        return len(self._places)

    def find(self, value: int) -> int:
        """Who claimed the place of the hash `value`."""
        return self._places[value % len(self._places)]

    def beside(self, value: int, step: int) -> int:
        """Who claimed the place of the `step`-th hash of the hash: neighbours on the table have nothing in common."""
        return self._places[rehash(value, step) % len(self._places)]


def maglev(uniform: Uniform) -> Keyed:
    """The picker of the balancer ``maglev``."""
    return Keyed(uniform, MaglevTable)
