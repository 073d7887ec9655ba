"""The SPI of stores that processes share, and what lies in them.

A store keeps bytes and knows nothing of HTTP. It is found through an entry point in the group ``meshclient.stores``
whose name is the URI scheme and whose value is a callable taking a `ResolverUri`:

    [project.entry-points."meshclient.stores"]
    foo = "meshclient_foo:FooStore"

What others wrote is not trusted: it is decoded into fixed types and held against the body's own length and checksum,
and whatever does not fit counts as not there.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Protocol, cast
from zlib import crc32

import msgspec

from meshclient.core.caching.entry import Stored
from meshclient.core.caching.message import Fields
from meshclient.core.caching.vary import Variant
from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.schemes import load
from meshclient.http.waiting import async_limit as async_limit  # noqa: PLC0414 - part of the SPI
from meshclient.http.waiting import async_stood as async_stood  # noqa: PLC0414 - part of the SPI

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

STORES = "meshclient.stores"
# Raised with every change of what a head consists of: processes of both kinds share a store during a deployment.
_VERSION = 1


class SharedStore(Protocol):
    """Where processes share responses. Nothing here raises, or waits for longer than the store's own short limit.

    Attributes:
        source: the store, as a URI without secrets; shown to people.
        max_value: bytes of the largest body that is taken.
    """

    source: str
    max_value: int

    @property
    def trouble(self) -> str:
        """Why the store cannot be used just now; empty where it can."""
        ...

    @property
    def faults(self) -> int:
        """Questions that have failed, or were not put because of an earlier failure."""
        ...

    def heads(self, key: str) -> Mapping[str, bytes] | None:
        """The heads kept under `key`, by field; None where the store cannot be asked."""
        ...

    async def async_heads(self, key: str) -> Mapping[str, bytes] | None:
        """As `heads`, never blocking the loop."""
        ...

    def body(self, key: str, token: str) -> bytes | None:
        """A body; None where there is none, or the store cannot be asked."""
        ...

    async def async_body(self, key: str, token: str) -> bytes | None:
        """As `body`, never blocking the loop."""
        ...

    def put(
        self,
        key: str,
        head: tuple[str, bytes],
        body: tuple[str, bytes | None],
        seconds: tuple[float, float],
        drop: tuple[Collection[str], Collection[str]] = ((), ()),
    ) -> bool:
        """Keep a head and its body; whether they have been taken.

        Args:
            key: of the URL.
            head: its field and value.
            body: its token and value; None where the store has it already and it only lives on.
            seconds: for which all heads of `key`, and this body, are of use.
            drop: fields of heads, and tokens of bodies, that go.
        """
        ...

    async def async_put(
        self,
        key: str,
        head: tuple[str, bytes],
        body: tuple[str, bytes | None],
        seconds: tuple[float, float],
        drop: tuple[Collection[str], Collection[str]] = ((), ()),
    ) -> bool:
        """As `put`, never blocking the loop."""
        ...

    def delete(self, key: str) -> bool:
        """Forget all that is kept under `key`; whether that was done."""
        ...

    async def async_delete(self, key: str) -> bool:
        """As `delete`, never blocking the loop."""
        ...

    def close(self) -> None:
        """Let go of connections for blocking calls; the store may be asked again."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections that belong to the running loop; the store may be asked again."""
        ...


class Record(msgspec.Struct, frozen=True, array_like=True):
    """A head as it lies in a store.

    Args:
        version: of this layout.
        status: and all that follows as in `Stored`.
        until: epoch seconds from which on it is of no use to anybody.
        token: of its body.
        checksum: of the body, by CRC-32.
    """

    version: int
    status: int
    headers: Fields
    variant: Variant
    born: float
    received_at: float
    length: int
    until: float
    token: str
    checksum: int

    @classmethod
    def of(cls, stored: Stored, until: float, token: str, checksum: int) -> Record:
        """The record of a head."""
        return cls(
            _VERSION,
            stored.status,
            stored.headers,
            stored.variant,
            stored.born,
            stored.received_at,
            stored.length,
            until,
            token,
            checksum,
        )

    @property
    def stored(self) -> Stored:
        """The head."""
        return Stored(
            status=self.status,
            headers=self.headers,
            variant=self.variant,
            born=self.born,
            received_at=self.received_at,
            length=self.length,
        )

    def fits(self, body: bytes) -> bool:
        """Whether this is the body that the head was written with."""
        return len(body) == self.length and crc32(body) == self.checksum


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Record).decode


def encoded(record: Record) -> bytes:
    """The record as bytes."""
    return _ENCODE(record)


def decoded(data: bytes) -> Record | None:
    """The record that bytes are; None where they are none, or of another version."""
    try:
        record = _DECODE(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return record if record.version == _VERSION and 100 <= record.status <= 999 else None


def digest(key: str) -> str:
    """The name of a URL in a store, whatever its length."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def open_shared(text: str) -> SharedStore:
    """The store that a URI such as ``redis://127.0.0.1:6379/0`` names.

    Raises ConfigError where the text is wrong, PluginError where the scheme is unknown or its plugin missing or broken.
    """
    uri = ResolverUri.parse(text)
    return cast("Callable[[ResolverUri], SharedStore]", load(STORES, uri.scheme, {}, "store"))(uri)
