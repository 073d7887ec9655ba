"""Where the shelf of a service is: one for all clients and channels on its mesh, for as long as the service lives."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from meshclient.discovery.runtime.loop import fork_safe_lock

if TYPE_CHECKING:
    from meshclient.http.caching.shelf import Shelf
    from meshclient.mesh import MeshService


class Shelves:
    """The shelves of this process."""

    def __init__(self) -> None:
        self._found: WeakKeyDictionary[MeshService, Shelf | None] = WeakKeyDictionary()
        self._lock = fork_safe_lock()

    def of(self, service: MeshService) -> Shelf | None:
        """The shelf of a service; None where it has no cache.

        Raises ConfigError and PluginError for a store that cannot be used.
        """
        try:
            return self._found[service]
        except KeyError:
            pass
        made = None
        if service.caches:
            # With all that belongs to it: most have none.
            from meshclient.http.caching.shelf import Shelf

            made = Shelf.configured(service.name, service.config)
        with self._lock:
            shelf = self._found.setdefault(service, made)
        if shelf is not None and shelf is made and service.meter is not None:
            service.meter.follow(shelf.lookups.as_dict)
        return shelf


_shelves: Shelves | None = None


def shelf_of(service: MeshService) -> Shelf | None:
    """As `Shelves.of`, of this process."""
    global _shelves  # noqa: PLW0603 - made with the first service that has a cache, never at import
    if _shelves is None:
        _shelves = Shelves()
    return _shelves.of(service)
