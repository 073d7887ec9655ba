"""Requests and responses as far as a cache looks at them.

Values of header fields are text, decoded as latin-1, so that nothing that came over the wire is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Fields = tuple[tuple[str, str], ...]


class Request(NamedTuple):
    """A request; a tuple, because one is made for every call.

    Args:
        method: as sent; capitals matter.
        url: of the service, never of an endpoint; complete.
        fields: header fields by names in lower case, as `combined` gives them.
    """

    method: str
    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """The head of a final response, its fields as they came: in order, with duplicates."""

    status: int
    headers: Fields


@dataclass(frozen=True, slots=True)
class Arrival:
    """A response that came, or its head at least.

    Args:
        request: of the client; where it was sent with other conditions, without those.
        response: to it.
        requested_at: seconds since 1970 at which the request was sent.
        received_at: seconds since 1970 at which the head of the response came.
    """

    request: Request
    response: Response
    requested_at: float
    received_at: float


def combined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Fields by names in lower case, the lines of one name joined as RFC 9110, section 5.3 has it."""
    fields: dict[str, str] = {}
    for name, value in headers:
        low = name.lower()
        fields[low] = f"{fields[low]}, {value}" if low in fields else value
    return fields


def lines(headers: Fields, name: str) -> list[str]:
    """The value of each line of the field called `name`, which is in lower case."""
    return [value.strip(" \t") for found, value in headers if found.lower() == name]
