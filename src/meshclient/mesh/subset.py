"""The list of a service, narrowed to some of its endpoints: what a subset is balanced by.

A subset has endpoints' histories, a budget and limits of its own, so it is a `MeshService` of its own, and only its
list comes from the service. Nothing is told to it: it looks at the service's snapshot when it is asked for its own, and
narrows a new one once. So it needs no thread, no subscription and no end, and whoever reads a snapshot finds its
balancer up to date, as with any other watch.
"""

from __future__ import annotations

import os
from dataclasses import replace
from threading import get_ident
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.model.snapshot import Empty, Failed, Pending, Ready

if TYPE_CHECKING:
    from meshclient.core.traffic.subset import Selector
    from meshclient.discovery.confluence import Confluence
    from meshclient.discovery.runtime.background import Changed
    from meshclient.mesh.service import Watch
    from meshclient.model.snapshot import Snapshot


class SubsetWatch:
    """The endpoints of another watch that `selector` holds; a `Watch`.

    Args:
        whole: the service's watch, which this one neither stops nor closes.
        selector: which endpoints belong.
        changed: told (before, after) on the thread that first asks for a new list, before anyone sees it.
    """

    def __init__(self, whole: Watch, selector: Selector, changed: Changed) -> None:
        self._whole = whole
        self._selector = selector
        self._changed = changed
        self._lock = fork_safe_lock()
        pending = Pending()
        # What was narrowed last, and what came of it: one reference, so that nobody sees half of a change.
        self._seen: tuple[Snapshot, Snapshot] = (pending, pending)
        # Who is about to narrow the next one, by process and thread, and what comes of it.
        self._busy: tuple[int, int] | None = None
        self._next: tuple[Snapshot, Snapshot] = self._seen

    @property
    def snapshot(self) -> Snapshot:
        """The latest list; O(1) while the service's is the same."""
        whole = self._whole.snapshot
        seen = self._seen
        return seen[1] if seen[0] is whole else self._narrow(whole)

    @property
    def course(self) -> Confluence:
        """The service's own: where the list comes from and what is held."""
        return self._whole.course

    def wait(self, stale: Snapshot, timeout: float | None) -> bool:
        """As the service's watch; a change that leaves this list the same counts as one."""
        whole = self._behind(stale)
        return whole is None or self._whole.wait(whole, timeout)

    async def wait_async(self, stale: Snapshot, timeout: float | None) -> bool:
        """As `wait`."""
        whole = self._behind(stale)
        return whole is None or await self._whole.wait_async(whole, timeout)

    def refresh(self) -> None:
        """As the service's watch."""
        self._whole.refresh()

    def stop(self) -> None:
        """Nothing runs here."""

    def close(self, timeout: float = 0.0) -> None:
        """Nothing runs here."""

    async def aclose(self) -> None:
        """Nothing runs here."""

    def _behind(self, stale: Snapshot) -> Snapshot | None:
        """The service's snapshot that `stale` was made of, or None where that has changed since."""
        if isinstance(stale, Pending):
            return stale
        whole, narrowed = self._seen
        return whole if narrowed is stale else None

    def _narrow(self, whole: Snapshot) -> Snapshot:
        if isinstance(whole, Pending):
            # Also an answer that has grown too old to be used unasked: its endpoints keep their histories.
            return whole
        me = (os.getpid(), get_ident())
        with self._lock:
            if self._busy == me:
                # An observer, told of what the new list has changed, asks for it.
                return self._next[1]
            if self._busy is not None and self._busy[0] == me[0]:
                # Another thread is at it; what was before still holds.
                return self._seen[1]
            self._busy = me
        try:
            return self._take(self._whole.snapshot)
        finally:
            self._busy = None

    def _take(self, whole: Snapshot) -> Snapshot:
        """Not under the lock, since observers may be told of what changes."""
        seen, before = self._seen
        if isinstance(whole, Pending) or whole is seen:
            return whole if isinstance(whole, Pending) else before
        after = narrowed(whole, self._selector)
        self._next = (whole, after)
        self._changed(before, after)
        self._seen = self._next
        return after


def narrowed(whole: Ready | Empty | Failed, selector: Selector) -> Ready | Empty | Failed:
    """`whole` with the endpoints that `selector` holds, and no others; with none of them a list is empty."""
    if isinstance(whole, Ready):
        return _ready(whole, selector) or Empty(source=whole.source, ttl=whole.ttl, at=whole.at, version=whole.version)
    if isinstance(whole, Empty):
        return replace(whole, last=_ready(whole.last, selector) if whole.last else None)
    last = whole.last
    return replace(whole, last=None if last is None else _known(last, selector))


def _known(last: Ready | Empty, selector: Selector) -> Ready | Empty:
    found = narrowed(last, selector)
    assert not isinstance(found, Failed)  # noqa: S101 - it is made of an answer
    return found


def _ready(whole: Ready, selector: Selector) -> Ready | None:
    endpoints = tuple(endpoint for endpoint in whole.endpoints if selector.holds(endpoint))
    return replace(whole, endpoints=endpoints) if endpoints else None
