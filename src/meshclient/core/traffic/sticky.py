"""What keeps a caller with one variant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.core.traffic.head import Head


@dataclass(frozen=True, slots=True)
class Sticky:
    """Where the key is found by which the split goes.

    Args:
        source: ``header``, ``cookie``, ``path``, or ``call`` for the call's own key.
        name: of the header or cookie.
    """

    source: str = "call"
    name: str = ""

    def key(self, head: Head, own: str | None) -> str | None:
        """The key, or None where there is none; `own` is the call's."""
        if self.source == "header":
            return head.header(self.name) or None
        if self.source == "cookie":
            return head.cookie(self.name) or None
        return head.path if self.source == "path" else own
