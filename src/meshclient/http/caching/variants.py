"""What a store has of one URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.core.caching.entry import Entry
    from meshclient.core.caching.policy import Policy
    from meshclient.http.caching.hit import Hit
    from meshclient.http.caching.shared import Record

# Seconds that a response which can be validated is kept past its last use as it is, at least: asking whether it still
# holds is cheaper than fetching it.
VALIDATION = 3600.0
# Bytes that a URL costs beside its letters: places in dictionaries and queues.
ITEM_COST = 512
# Bytes that the parts of an entry cost beside what can be counted: objects, parsed directives, the place in the store.
ENTRY_COST = 1024
# And each header field, which is there as text and as bytes, beside its letters.
FIELD_COST = 256


@dataclass(frozen=True, slots=True)
class Variant:
    """One response.

    Args:
        entry: its head.
        body: as it came; None where the store has still to be asked for it.
        until: epoch seconds from which on it is of no use to anybody.
        record: the head as it lies in a shared store, where that is where it came from.
        hits: the answer to plain calls, once it has been one.
    """

    entry: Entry
    body: bytes | None
    until: float
    record: Record | None = None
    hits: list[Hit] = field(default_factory=list, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        stored = self.entry.stored
        fields = sum(2 * (len(name) + len(value)) + FIELD_COST for name, value in stored.headers)
        telling = sum(len(name) + len(value or "") + FIELD_COST for name, value in stored.variant)
        return ENTRY_COST + fields + telling + len(self.body or b"")


@dataclass(frozen=True, slots=True)
class Variants:
    """Those of one URL that a request may get, the newest first.

    Args:
        each: usually one.
        reached: whether the store could be asked.
        varying: names of the fields that any of the URL's vary by.
    """

    each: tuple[Variant, ...] = ()
    reached: bool = True
    varying: frozenset[str] = frozenset()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Their heads."""
        return tuple(variant.entry for variant in self.each)

    def of(self, entry: Entry) -> Variant | None:
        """The one with this very head."""
        return next((variant for variant in self.each if variant.entry is entry), None)


def useful_until(entry: Entry, policy: Policy) -> float:
    """Epoch seconds from which on `entry` is of no use: no longer fresh, allowed while stale, or worth validating."""
    given = entry.directives
    stale = max(
        _allowed(given.stale_while_revalidate, policy.stale_while_revalidate),
        _allowed(given.stale_if_error, policy.stale_if_error),
        policy.stale_if_unreachable,
    )
    past = 0.0 if entry.strict else stale
    if entry.validators:
        past = max(past, VALIDATION, entry.lifetime)
    return entry.stored.born + entry.lifetime + past


def _allowed(said: int | None, default: float) -> float:
    return default if said is None else max(said, default)


NOTHING = Variants()
UNREACHED = Variants(reached=False)
