"""Where responses are kept, as the step of a call sees it: this process's memory, or a store that processes share."""

from __future__ import annotations

import time
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

from meshclient.core.caching.entry import kept, moment, read
from meshclient.core.caching.vary import label, matches
from meshclient.http.caching.shared import Record, decoded, digest, encoded
from meshclient.http.caching.variants import NOTHING, UNREACHED, Variant, Variants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.core.caching.entry import Entry
    from meshclient.core.caching.policy import Policy
    from meshclient.http.caching.shared import SharedStore


class AsyncStore(Protocol):
    """Keeps responses by URL. Whatever happens to it, nothing here raises: there is nothing to be had then.

    Attributes:
        max_body: bytes of the largest body that is taken.
    """

    max_body: int

    async def async_get(self, key: str, fields: Mapping[str, str]) -> Variants:
        """What is kept under `key` for requests with `fields`."""
        ...

    async def async_body(self, key: str, variant: Variant) -> bytes | None:
        """The body of a variant that was just found; None where it is gone or damaged."""
        ...

    async def async_put(self, key: str, entry: Entry, body: bytes, until: float) -> None:
        """Keep a response, in the place of the same variant, until it is of no use to anybody (epoch seconds)."""
        ...

    async def async_replace(self, key: str, old: Entry, new: Entry | None, until: float) -> None:
        """A response has another head now, or is to be forgotten; nothing happens where it is gone."""
        ...

    async def async_delete(self, key: str) -> None:
        """Forget all variants."""
        ...


# Of one URL, users of a private cache among them: all heads are read for each request.
_MOST_VARIANTS = 64
# What private and shared caches are told apart by, whose responses are never each other's.
_PRIVATE, _SHARED = "private", "shared"


class AsyncSharedVariants:
    """The responses of one service or route in a store that processes share.

    What a private cache kept is never found by a shared one on the same store, nor the other way round; and a head
    that was written for another question than the one it is found under counts as not there.

    Args:
        store: where the bytes lie.
        policy: by which heads are read.
        clock: epoch seconds.
    """

    def __init__(self, store: SharedStore, policy: Policy, clock: Callable[[], float] = time.time) -> None:
        self.max_body = store.max_value
        self._store = store
        self._policy = policy
        self._clock = clock

    async def async_get(self, key: str, fields: Mapping[str, str]) -> Variants:
        """As `AsyncStore.async_get`."""
        found = await self._all(key)
        fitting = tuple(variant for variant in found.each if matches(variant.entry.stored.variant, fields))
        return replace(found, each=fitting)

    async def _all(self, key: str) -> Variants:
        name = self._name(key)
        heads = await self._store.async_heads(name)
        if heads is None:
            return UNREACHED
        now = self._clock()
        found = [
            Variant(read(record.stored, self._policy), None, record.until, record)
            for head in heads.values()
            if (record := decoded(head)) is not None and record.until > now and record.token.startswith(name)
        ]
        found.sort(key=lambda variant: moment(variant.entry), reverse=True)
        varying = frozenset(name for variant in found for name, _ in variant.entry.stored.variant)
        return Variants(tuple(found), varying=varying) if found else NOTHING

    async def async_body(self, key: str, variant: Variant) -> bytes | None:
        """As `AsyncStore.async_body`."""
        record = variant.record
        body = None if record is None else await self._store.async_body(self._name(key), record.token)
        return body if record is not None and body is not None and record.fits(body) else None

    async def async_put(self, key: str, entry: Entry, body: bytes, until: float) -> None:
        """As `AsyncStore.async_put`."""
        before = await self._all(key)
        if before.reached:
            # A new token each time, so that no head of one process is ever served with the body of another. It begins
            # with what is asked for, which ties the head to its question.
            record = Record.of(entry.stored, until, self._name(key) + token_hex(8), crc32(body))
            await self._write(key, before, entry, record, body)

    async def async_replace(self, key: str, old: Entry, new: Entry | None, until: float) -> None:
        """As `AsyncStore.async_replace`."""
        if new is None:
            # All of them: what is left out is fetched again, and the store need not know of single ones.
            await self.async_delete(key)
            return
        before = await self._all(key)
        for variant in before.each:
            record = variant.record
            if variant.entry == old and record is not None:
                fresh = Record.of(new.stored, until, record.token, record.checksum)
                await self._write(key, before, new, fresh, None)

    async def async_delete(self, key: str) -> None:
        """As `AsyncStore.async_delete`."""
        # Those of both kinds: a URL that was changed is changed for either.
        for kind in (_PRIVATE, _SHARED):
            await self._store.async_delete(_named(kind, key))

    def _name(self, key: str) -> str:
        return _named(_SHARED if self._policy.shared else _PRIVATE, key)

    async def _write(self, key: str, before: Variants, new: Entry, record: Record, body: bytes | None) -> None:
        remaining = kept(before.entries, new, _MOST_VARIANTS)
        gone = [found.record for found in before.each if not any(each is found.entry for each in remaining)]
        field, now = label(record.variant), self._clock()
        ends = [record.until, *(variant.until for variant in before.each)]
        fields = {label(each.variant) for each in gone if each is not None} - {field}
        tokens = {each.token for each in gone if each is not None} - {record.token}
        await self._store.async_put(
            self._name(key),
            (field, encoded(record)),
            (record.token, body),
            (max(ends) - now, record.until - now),
            (fields, tokens),
        )


def _named(kind: str, key: str) -> str:
    return digest(f"{kind} {key}")
