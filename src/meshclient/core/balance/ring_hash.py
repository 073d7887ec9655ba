"""The consistent hash ring: an endpoint owns the arcs before its points, and takes over nobody else's when one goes.

Source: D. Karger et al., "Consistent Hashing and Random Trees", STOC 1997; Envoy's ring hash and gRFC A42 for the
sizes. Compared with Maglev it spreads keys less evenly, and moves fewer of them when endpoints change; a key whose
endpoint is to be avoided goes where it would go if that endpoint were gone.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from meshclient.core.balance.hashing import WORDS, words
from meshclient.core.balance.keyed import Keyed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.core.balance.picker import Uniform

# Points of the heaviest endpoint, while the ring then has no fewer and no more than these (Envoy's smallest default,
# gRPC's cap). The share of one of n equal endpoints with c points is off by about 1/sqrt(c), so 4 % at 512. It stays
# at 512 from 2 to 8 endpoints, so that in small services a change moves no key but those of the endpoint that comes
# or goes; Envoy's 1024/n would move about as many again, since everybody's points change with n.
POINTS = 512
SMALLEST = 1024
LARGEST = 4096

# The topmost 53 bits of a hash as a float in [0, 1), exactly: Python sorts and compares floats faster than its long
# integers.
_DROPPED = 11
_UNIT = 2.0**-53


class Ring:
    """Endpoints on a circle.

    Args:
        identities: what their points are hashed from; all different.
        weights: each above 0; points are in proportion, at least one.
    """

    __slots__ = ("_owners", "_points")

    def __init__(self, identities: Sequence[str], weights: Sequence[float]) -> None:
        heaviest = max(weights)
        size = sum(weights) / heaviest
        # One digest gives eight points, so fewer would save next to nothing.
        most = max(WORDS, min(max(POINTS, SMALLEST / size), LARGEST / size))
        points: list[float] = []
        owners: list[int] = []
        for at, (text, weight) in enumerate(zip(identities, weights, strict=True)):
            count = max(1, int(most * (weight / heaviest)))
            row = [(word >> _DROPPED) * _UNIT for number in range(-(-count // WORDS)) for word in words(text, number)]
            points += row[:count]
            owners += [at] * count
        order = sorted(range(len(points)), key=points.__getitem__)
        self._points = [points[at] for at in order]
        self._owners = [owners[at] for at in order]
        # Past the last point the circle begins again.
        self._owners.append(self._owners[0])

    def __len__(self) -> int:
        return len(self._points)

    def find(self, value: int) -> int:
        """The owner of the first point that is not below the hash `value`."""
        return self._owners[bisect_left(self._points, (value >> _DROPPED) * _UNIT)]

    def beside(self, value: int, step: int) -> int:
        """The owner of the `step`-th point after that."""
        return self._owners[(bisect_left(self._points, (value >> _DROPPED) * _UNIT) + step) % len(self._points)]


def ring_hash(uniform: Uniform) -> Keyed:
    """The picker of the balancer ``ring_hash``."""
    return Keyed(uniform, Ring)
