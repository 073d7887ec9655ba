"""How a call ended, for whoever made it."""

from __future__ import annotations

from typing import NamedTuple


class Ending(NamedTuple):
    """How a call ended: `failure` is empty, the kind of the last outcome, or the name of the error raised."""

    failure: str = ""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return not self.failure
