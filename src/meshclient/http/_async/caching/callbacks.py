"""What the parts of the cache give each other to be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import httpx


class AsyncForward(Protocol):
    """The rest of the way to the service."""

    async def __call__(self, request: httpx.Request, /) -> httpx.Response:
        """The response to `request`, its body not read."""
        ...


class AsyncStep(Protocol):
    """Something to be done."""

    async def __call__(self) -> None:
        """Do it."""
        ...


class AsyncEnded(Protocol):
    """Told of a body's end."""

    async def __call__(self, body: bytes | None, /) -> None:
        """The whole body; None where there is none to be kept."""
        ...
