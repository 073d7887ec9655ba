"""Responses in this process's memory, of which it never takes more than it may.

One item for each URL, with all its variants: what is used least goes first, and what is of no use to anybody any more
goes before that. The variants of a URL are few (`kept`), so that ten thousand of one displace only each other.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from cachetools import TLRUCache

from meshclient.core.caching.entry import kept
from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.http.caching.variants import MOST_VARIANTS, NOTHING, Variant, Variants

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.caching.entry import Entry

# Beside the URL itself: the item's places in dictionaries and queues.
ITEM_COST = 512


class MemoryStore:
    """Responses in memory; from any thread, and never waiting.

    Args:
        max_bytes: of all that is kept; bodies, heads and what it takes to find them, the last by estimate.
        clock: epoch seconds.

    Attributes:
        version: another number after each change.
    """

    source = "memory"
    # Bytes of the largest body that is worth reading: one that displaces all others is not.
    _SHARE = 0.25

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self.max_body = int(max_bytes * self._SHARE)
        self._items: TLRUCache[str, Variants] = TLRUCache(max_bytes, _until, clock, _size)
        self._lock = fork_safe_lock()
        self.version = 0

    @property
    def bytes_used(self) -> int:
        """Of all that is kept."""
        return int(self._items.currsize)

    @property
    def urls(self) -> int:
        """Of how many URLs there is something."""
        return len(self._items)

    def get(self, key: str) -> Variants:
        """What is kept under `key`: the same object until something about it changes."""
        with self._lock:
            return self._get(key)

    def body(self, key: str, variant: Variant) -> bytes | None:
        """The variant's body."""
        del key
        return variant.body

    def put(self, key: str, entry: Entry, body: bytes, until: float) -> None:
        """Keep a response, in the place of the same variant; the oldest variants go where there are too many."""
        new = Variant(entry, body, until)
        with self._lock:
            self._set(key, _with(self._get(key), new))

    def replace(self, key: str, old: Entry, new: Entry | None, until: float) -> None:
        """A response has another head now, or is to be forgotten; nothing happens where it is gone."""
        with self._lock:
            found = self._get(key)
            variant = found.of(old)
            if variant is not None:
                rest = Variants(tuple(each for each in found.each if each is not variant))
                self._set(key, rest if new is None else _with(rest, Variant(new, variant.body, until)))

    def delete(self, key: str) -> None:
        """Forget all variants."""
        with self._lock:
            self._drop(key)

    def _get(self, key: str) -> Variants:
        # Not by `get`, which asks twice: in between an item may have come to its end.
        try:
            return self._items[key]
        except KeyError:
            return NOTHING

    def _drop(self, key: str) -> None:
        with suppress(KeyError):
            del self._items[key]
        self.version += 1

    def _set(self, key: str, variants: Variants) -> None:
        each = list(variants.each)
        while each and _size(item := Variants(tuple(each), key=key)) > self._items.maxsize:
            each.pop()
        if each:
            self._items[key] = item
            self.version += 1
        else:
            self._drop(key)

    async def async_get(self, key: str) -> Variants:
        """As `get`."""
        return self.get(key)

    async def async_body(self, key: str, variant: Variant) -> bytes | None:
        """As `body`."""
        return self.body(key, variant)

    async def async_put(self, key: str, entry: Entry, body: bytes, until: float) -> None:
        """As `put`."""
        self.put(key, entry, body, until)

    async def async_replace(self, key: str, old: Entry, new: Entry | None, until: float) -> None:
        """As `replace`."""
        self.replace(key, old, new, until)

    async def async_delete(self, key: str) -> None:
        """As `delete`."""
        self.delete(key)

    def close(self) -> None:
        """Nothing to let go of: what is kept serves other clients of the mesh."""

    async def aclose(self) -> None:
        """As `close`."""


def _with(variants: Variants, new: Variant) -> Variants:
    by_entry = {id(variant.entry): variant for variant in (*variants.each, new)}
    return Variants(tuple(by_entry[id(entry)] for entry in kept(variants.entries, new.entry, MOST_VARIANTS)))


def _until(_: str, variants: Variants, now: float) -> float:
    del now
    return max(variant.until for variant in variants.each)


def _size(variants: Variants) -> int:
    return ITEM_COST + len(variants.key) + sum(variant.size for variant in variants.each)
