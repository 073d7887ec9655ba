"""How large a list was a moment ago, so that a loss in many small steps is seen for what it is. Pure.

Leases that nobody renews, because their registry lost its members or its clock jumped, expire one after another: no
single answer drops most of a list. Instances renew every third of a lease, so such leases expire within a third of it:
`WINDOW` covers leases of up to 30 s. What replaces its instances one by one keeps its size, and what is scaled in
takes minutes for it or gives notice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.model.endpoint import Endpoint

# Seconds for which a list counts after a smaller one took its place.
WINDOW = 10.0
# Lists that give way within so many seconds of each other count as one, the largest: of 5,000 endpoints that vanish
# one by one, a dozen lists are kept and not thousands.
GRAIN = 1.0


@dataclass(frozen=True, slots=True)
class Crest:
    """A list that was the registry's word until smaller ones came.

    Args:
        listed: its endpoints, with the latest that was said of each.
        since: seconds on the runtime's clock when the first smaller one came.
        until: seconds when the last of `GRAIN` came.
    """

    listed: tuple[Endpoint, ...]
    since: float
    until: float


Crests = tuple[Crest, ...]


def largest(crests: Crests, now: float) -> tuple[Endpoint, ...]:
    """The endpoints of the largest list of the last `WINDOW` seconds that the latest one is smaller than, or none."""
    return next((crest.listed for crest in crests if now - crest.until < WINDOW), ())


def followed(crests: Crests, listed: Sequence[Endpoint], answer: Sequence[Endpoint], now: float) -> Crests:
    """The lists to remember once `answer` has taken the place of `listed`: the oldest, and largest, comes first."""
    left = [crest for crest in crests if now - crest.until < WINDOW and len(crest.listed) > len(answer)]
    if len(listed) > len(answer):
        if left and now - left[-1].since < GRAIN:
            left[-1] = replace(left[-1], until=now)
        else:
            left.append(Crest(tuple(listed), now, now))
    # Who is called critical or draining goes with notice, also where an earlier list knew nothing of it.
    words = {endpoint.key: endpoint for endpoint in answer if not endpoint.usable} if left else {}
    if words:
        left = [replace(crest, listed=tuple(words.get(each.key, each) for each in crest.listed)) for crest in left]
    return tuple(left)
