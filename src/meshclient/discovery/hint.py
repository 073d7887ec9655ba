"""Telling a resolver that calls fail here, so that it may look again sooner than it would."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.discovery.resolver import Resolver
    from meshclient.model.service import ServiceName

# Least seconds between two hints for a name: of a hundred calls that fail in a second, one says it all.
HINT_GAP = 1.0

_LOG = logging.getLogger("meshclient.discovery")


def hint(resolver: Resolver, name: ServiceName) -> None:
    """Call ``resolver.refresh(name)`` where there is such a method; on the discovery loop. Raises nothing."""
    refresh = getattr(resolver, "refresh", None)
    if callable(refresh):
        try:
            refresh(name)
        except Exception:  # noqa: BLE001 - a plugin's own must not end a watch, least of all another's
            _LOG.exception("%s: %s cannot be asked to look again", name, resolver.source)
