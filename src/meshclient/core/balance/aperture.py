"""Which endpoints of a large fleet a caller connects to.

With hundreds of callers and hundreds of endpoints, everybody connected to everybody costs more than it is worth. Where
a caller knows its place among its peers, the deterministic aperture gives it a stretch of the circle of endpoints such
that all callers together load each endpoint the same. Without a place a random subset has to do, whose balance is only
that of chance.

Source: Finagle's deterministic aperture; gRFC A68 for the random subset.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING

from meshclient.core.balance.hashing import hash64

if TYPE_CHECKING:
    from collections.abc import Sequence

# Below this every caller uses every endpoint: connections cost less than an uneven load.
SMALLEST_FLEET = 100
# Endpoints in view (Finagle): enough that a whole aperture does not die at once, and for two random choices to
# respect the fractions at its ends.
LEAST = 12


def aperture(
    position: int, peers: int, servers: int, *, least: int = LEAST, smallest_fleet: int = SMALLEST_FLEET
) -> list[tuple[int, float]]:
    """The endpoints that the caller at `position` (0 to `peers` - 1) uses, as (index, weight) with weights in (0, 1].

    Indices are places in the list of the `servers` endpoints, which must be in the same order for all callers: sorted
    by identity. Weights below 1 are those of endpoints shared with the next caller. Over all positions each endpoint's
    weights add up to the same, and so do each caller's, so equal callers load equal endpoints equally. O(endpoints in
    view). Raises ValueError for a position that is none.
    """
    if not 0 <= position < peers:
        raise ValueError(f"position {position} is none of {peers} callers: use 0 to {peers - 1}")
    if servers < smallest_fleet or servers <= least:
        return [(index, 1.0) for index in range(servers)]
    # The circle is cut into peers * servers units, so that both a caller's part (`servers` units) and an endpoint's
    # (`peers` units) are whole numbers. A caller takes so many callers' parts that `least` endpoints fit in, so the
    # callers go round the circle together that many times, and pass each endpoint equally often.
    parts = -(-least * peers // servers)
    start, left = position * servers, parts * servers
    found = []
    while left:
        index, inside = divmod(start, peers)
        width = min(peers - inside, left)
        found.append((index % servers, width / peers))
        start += width
        left -= width
    if len(found) > 1 and found[0][0] == found[-1][0]:
        # Once all round, it ends in the endpoint where it began.
        index, end = found.pop()
        found[0] = (index, found[0][1] + end)
    return found


def random_subset(identities: Sequence[str], size: int, seed: str) -> list[int]:
    """The indices of `size` endpoints chosen by `seed`, in the order of the list; all when there are no more.

    The same for the same seed and endpoints in any order; when one endpoint comes or goes at most one of the others
    changes. `seed` must differ from caller to caller. O(endpoints).
    """
    if len(identities) <= size:
        return list(range(len(identities)))
    rank = [hash64(f"{seed}\0{text}") for text in identities]
    return sorted(nsmallest(size, range(len(identities)), key=rank.__getitem__))
