"""A streaming response of Django's, produced in the context of its request."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextvars import copy_context
from typing import TYPE_CHECKING, Protocol

from asgiref.sync import async_to_sync

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, MutableMapping
    from typing import Any, Self

    from meshclient.integrations.visit import Visit


class Response(Protocol):
    """What is used of Django's."""

    status_code: int
    streaming: bool
    is_async: bool
    headers: MutableMapping[str, str]
    streaming_content: Any


class Stream:
    """A body that a thread produces, in the context that this was made in.

    Args:
        parts: the response's. All of what a coroutine produces is collected first, as Django does under WSGI.
        visit: ended with the body.
    """

    def __init__(self, parts: Iterator[bytes] | AsyncIterator[bytes], visit: Visit | None) -> None:
        self._parts = _collected(parts) if isinstance(parts, AsyncIterable) else parts
        self._context = copy_context()
        self._visit = visit

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._parts)

    def close(self) -> None:
        """As the server does, whether the body was read or not."""
        if self._visit is not None:
            self._visit.end()


def _collected(parts: AsyncIterable[bytes]) -> Iterator[bytes]:
    async def collect() -> list[bytes]:
        return [part async for part in parts]

    yield from async_to_sync(collect)()


async def streamed(parts: AsyncIterator[bytes], visit: Visit) -> AsyncIterator[bytes]:
    """A body that a coroutine produces: `parts`, and then the visit ends."""
    failed = True
    try:
        async for part in parts:
            yield part
        failed = False
    finally:
        visit.end(failed=failed)
