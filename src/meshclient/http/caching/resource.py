"""What memory has of one URL: its variants, found by what tells them apart.

They may be many where each user of a private cache has one, so that none is looked at but those that fit: a request's
own values of the fields by which a variant was told apart are the variant's name.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from meshclient.core.caching import vary
from meshclient.core.caching.entry import moment
from meshclient.http.caching.variants import ITEM_COST, NOTHING, Variants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.core.caching.entry import Entry
    from meshclient.http.caching.variants import Variant

# Of one URL; ten thousand displace only each other.
MOST_VARIANTS = 4096
# Sets of fields by which those of one URL are told apart: each is tried for each request.
_MOST_SETS = 16


class Resource:
    """The variants of one URL; not for several threads at a time.

    Args:
        key: what they are kept under.

    Attributes:
        size: bytes of memory, about.
        until: epoch seconds from which on none is of use; later, where the last one has gone before.
    """

    __slots__ = ("_each", "_sets", "size", "until")

    def __init__(self, key: str) -> None:
        self.size = ITEM_COST + len(key)
        self.until = -inf
        self._each: dict[vary.Variant, Variant] = {}
        self._sets: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self._each)

    def fitting(self, fields: Mapping[str, str]) -> Variants:
        """Those that a request with `fields` may get, the newest first."""
        names = (vary.variant(names, fields) for names in self._sets)
        found = [variant for name in names if (variant := self._each.get(name)) is not None]
        if len(found) > 1:
            found.sort(key=lambda variant: moment(variant.entry), reverse=True)
        varying = frozenset(name for names in self._sets for name in names)
        return Variants(tuple(found), varying=varying) if varying or found else NOTHING

    def add(self, variant: Variant, room: int, now: float) -> None:
        """Put one in the place of what it would have been taken for.

        The oldest go where all take more than `room`, or are of no use any more, `now` being epoch seconds.
        """
        name = variant.entry.stored.variant
        names = tuple(field for field, _ in name)
        for fewer in list(self._sets):
            # As `core.caching.entry.kept`.
            if set(fewer).issubset(names):
                self._remove(tuple(pair for pair in name if pair[0] in fewer))
        self._each[name] = variant
        self._sets[names] = self._sets.get(names, 0) + 1
        self.size += variant.size
        self.until = max(self.until, variant.until)
        while self._each and self._too_much(next(iter(self._each.values())), room, now):
            self._remove(next(iter(self._each)))

    def _too_much(self, oldest: Variant, room: int, now: float) -> bool:
        many = len(self._each) > MOST_VARIANTS or len(self._sets) > _MOST_SETS
        return many or self.size > room or oldest.until <= now

    def take(self, entry: Entry) -> Variant | None:
        """Remove the one with this very head."""
        variant = self._each.get(entry.stored.variant)
        if variant is None or variant.entry is not entry:
            return None
        self._remove(entry.stored.variant)
        return variant

    def _remove(self, name: vary.Variant) -> None:
        variant = self._each.pop(name, None)
        if variant is None:
            return
        self.size -= variant.size
        names = tuple(field for field, _ in name)
        self._sets[names] -= 1
        if not self._sets[names]:
            del self._sets[names]
