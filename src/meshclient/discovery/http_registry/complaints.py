"""What is wrong with a service's records, said once for each set of wrongs and not with every answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from meshclient.model.service import ServiceName

_LOG = logging.getLogger("meshclient.discovery")
_SHOWN = 5


class Complaints:
    """Warns on the logger of discovery.

    Args:
        source: the registry, as a URI without secrets.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._said: dict[Hashable, frozenset[str]] = {}

    def left_out(self, name: ServiceName, malformed: Collection[str], listed: int) -> None:
        """Warn that `malformed` of the `listed` instances of a service are left out, unless that was said last."""
        count = f"{len(malformed)} of {listed} instances of service '{name}'"
        self.report(name, f"{count} are malformed and left out", malformed)

    def report(self, about: Hashable, what: str, wrongs: Collection[str]) -> None:
        """Warn that `what` is so for the reasons `wrongs`, unless they were the last thing said `about` this."""
        listed = frozenset(wrongs)
        if listed and listed != self._said.get(about):
            more = f"; and {len(wrongs) - _SHOWN} more" if len(wrongs) > _SHOWN else ""
            _LOG.warning("%s: %s: %s%s", self._source, what, "; ".join(list(wrongs)[:_SHOWN]), more)
        self._said[about] = listed
