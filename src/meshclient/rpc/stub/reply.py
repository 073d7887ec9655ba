"""A decoded value together with the response that it came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What a method returns that is declared ``-> Reply[Order]``.

    Args:
        value: the decoded body.
        response: all of the answer; ``response.extensions["mesh"]`` says where it came from.
    """

    value: T
    response: httpx.Response

    @property
    def status(self) -> int:
        """The response's status."""
        return self.response.status_code

    @property
    def headers(self) -> httpx.Headers:
        """The response's headers."""
        return self.response.headers
