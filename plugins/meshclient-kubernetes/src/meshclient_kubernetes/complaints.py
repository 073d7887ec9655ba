"""What is wrong with a service's records, said once for each set of wrongs and not with every answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient_kubernetes.place import Place

_LOG = logging.getLogger("meshclient.discovery")
_SHOWN = 5


class Complaints:
    """Warns on the logger of discovery.

    Args:
        source: the registry, as a URI without secrets.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._said: dict[tuple[Place, str], frozenset[str]] = {}

    def report(self, place: Place, what: str, wrongs: Iterable[str]) -> None:
        """Warn that `what` is so for these reasons, unless that was the last thing said of it."""
        listed = list(wrongs)
        if listed and frozenset(listed) != self._said.get((place, what)):
            more = f"; and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
            _LOG.warning("%s: %s: %s: %s%s", self._source, place, what, "; ".join(listed[:_SHOWN]), more)
        self._said[place, what] = frozenset(listed)
