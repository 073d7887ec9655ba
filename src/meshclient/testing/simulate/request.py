"""What travels from a simulated caller to a simulated instance."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Request(NamedTuple):
    """One request; the attempts of a call are the same request, the headers of each attempt aside.

    Args:
        id: of the call at the outermost caller that it is part of.
        method: HTTP method.
        path: of the URL.
        headers: lower-case names.
        connect_timeout: seconds after which its sender gives up connecting.
    """

    id: int
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = NO_HEADERS
    connect_timeout: float = 1.0
