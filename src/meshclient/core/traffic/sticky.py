"""Where the key stands that keeps a caller with one variant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.core.traffic.head import Head

HEADER = "header"
COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Sticky:
    """Where the key of a call is found.

    Args:
        kind: ``header`` or ``cookie``.
        name: of the header or the cookie.
    """

    kind: str
    name: str

    def key(self, head: Head) -> str | None:
        """The key, or None where the request has none."""
        return (head.header(self.name) if self.kind == HEADER else head.cookie(self.name)) or None
