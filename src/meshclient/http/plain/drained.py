"""The stream of a response that has been read, in either colour; httpx looks which it is before it closes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Drained(httpx.SyncByteStream):
    """Of a blocking client."""

    def __iter__(self) -> Iterator[bytes]:
        raise httpx.StreamConsumed


class AsyncDrained(httpx.AsyncByteStream):
    """Of an asynchronous one."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise httpx.StreamConsumed
