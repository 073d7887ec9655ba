"""How long a server keeps a connection that nobody uses."""

from __future__ import annotations

import re
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIMEOUT = re.compile(rb"(?:^|[,;\s])timeout\s*=\s*(\d{1,9})", re.IGNORECASE).search
# Seconds before the server's time is up in which a request could still cross its close.
_MARGIN = 1.0


def kept_for(headers: Iterable[tuple[bytes, bytes]]) -> float:
    """Seconds for which it is safe to keep the connection, by Keep-Alive: timeout=5 (RFC 2068 section 19.7.1.1).

    A second less than the server says, and half of it where that is more; inf where it says nothing.
    """
    for name, value in headers:
        if len(name) == 10 and name.lower() == b"keep-alive":
            found = _TIMEOUT(value)
            if found is not None:
                said = float(found[1])
                return max(said - _MARGIN, said / 2)
    return inf
