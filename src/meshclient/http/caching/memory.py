"""Responses in this process's memory, of which it never takes more than it may.

One item for each URL, with all its variants: what is used least goes first, and what is of no use to anybody any more
goes before that. Those of one URL never take more than half.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cachetools import TLRUCache

from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.http.caching.resource import Resource
from meshclient.http.caching.variants import NOTHING, Variant, Variants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.core.caching.entry import Entry


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
        self._items: TLRUCache[str, Resource] = TLRUCache(max_bytes, _until, clock, _size)
        self._lock = fork_safe_lock()
        self.version = 0

    def get(self, key: str, fields: Mapping[str, str]) -> Variants:
        """What is kept under `key` for requests with `fields`."""
        with self._lock:
            resource = self._get(key)
            return NOTHING if resource is None else resource.fitting(fields)

    def body(self, key: str, variant: Variant) -> bytes | None:
        """The variant's body."""
        del key
        return variant.body

    def put(self, key: str, entry: Entry, body: bytes, until: float) -> None:
        """Keep a response, in the place of the same variant; the oldest variants go where there are too many."""
        # One time for all that is asked below: an item that ends in between would be counted wrongly.
        with self._lock, self._items.timer as now:
            self._add(key, self._get(key) or Resource(key), Variant(entry, body, until), now)

    def replace(self, key: str, old: Entry, new: Entry | None, until: float) -> None:
        """A response has another head now, or is to be forgotten; nothing happens where it is gone."""
        with self._lock, self._items.timer as now:
            resource = self._get(key)
            variant = None if resource is None else resource.take(old)
            if resource is None or variant is None:
                return
            if new is None:
                self._set(key, resource)
            else:
                self._add(key, resource, Variant(new, variant.body, until), now)

    def delete(self, key: str) -> None:
        """Forget all variants."""
        with self._lock, self._items.timer:
            self._set(key, None)

    def _get(self, key: str) -> Resource | None:
        # Not by `get`, which asks twice: in between an item may have come to its end.
        try:
            return self._items[key]
        except KeyError:
            return None

    def _add(self, key: str, resource: Resource, variant: Variant, now: float) -> None:
        resource.add(variant, int(self._items.maxsize) // 2, now)
        self._set(key, resource)

    def _set(self, key: str, resource: Resource | None) -> None:
        # Away with it first: the store counts what is put into it, not what has become of that.
        self._items.pop(key, None)
        if resource:
            self._items[key] = resource
        self.version += 1

    async def async_get(self, key: str, fields: Mapping[str, str]) -> Variants:
        """As `get`."""
        return self.get(key, fields)

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


def _until(_: str, resource: Resource, now: float) -> float:
    del now
    return resource.until


def _size(resource: Resource) -> int:
    return resource.size
