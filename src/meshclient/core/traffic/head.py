"""What of a request decides where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Head:
    """The head of one request.

    Args:
        method: in capitals.
        path: without the query.
        header: the value of a field by its name, whatever its capitals; None where it is not there.
    """

    method: str
    path: str
    header: Callable[[str], str | None]

    def cookie(self, name: str) -> str | None:
        """The value of the first cookie called `name` (RFC 6265, section 4.2), without quotes around it."""
        return cookie_value(self.header("cookie") or "", name)


def cookie_value(header: str, name: str) -> str | None:
    """The value of the first cookie called `name` in a Cookie header, as `Head.cookie`; None where there is none.

    http.cookies gives up the whole header for one cookie that it cannot read, and takes ``path``, ``version`` and the
    like for no cookies.
    """
    for pair in header.split(";"):
        found, equals, value = pair.partition("=")
        if equals and found.strip() == name:
            bare = value.strip()
            return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare
    return None
