# Generated from src/meshclient/http/_async/caching/callbacks.py by scripts/unasync.py; edit that file, then run `make sync`.
"""What the parts of the cache give each other to be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import httpx


class Forward(Protocol):
    """The rest of the way to the service."""

    def __call__(self, request: httpx.Request, /) -> httpx.Response:
        """The response to `request`, its body not read."""
        ...


class Step(Protocol):
    """Something to be done."""

    def __call__(self) -> None:
        """Do it."""
        ...


class Ended(Protocol):
    """Told of a body's end."""

    def __call__(self, body: bytes | None, /) -> None:
        """The whole body; None where there is none to be kept."""
        ...
