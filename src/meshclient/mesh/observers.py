"""Telling the user's own functions what happens, without letting them break anything."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.model.events import Event, Observer

_LOG = logging.getLogger("meshclient")


class Observers:
    """Functions that are told of every event, in order, on the thread where it happened and never under a lock.

    One that raises is reported once in the log and is told of later events all the same.
    """

    def __init__(self, functions: Sequence[Observer]) -> None:
        self._functions = tuple(functions)
        self._reported: set[int] = set()

    def tell(self, event: Event) -> None:
        """Call them all."""
        for at, function in enumerate(self._functions):
            try:
                function(event)
            except Exception:  # noqa: BLE001 - a user's function must not end a call
                if at not in self._reported:
                    self._reported.add(at)
                    _LOG.exception("observer %r failed on %s; reported once", function, type(event).__name__)
