"""The list of a simulated service: what a registry would have told, with the rules by which lists are taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.discovery.confluence import Confluence, remarks
from meshclient.model.snapshot import Pending, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from meshclient.discovery.runtime.background import Changed
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.snapshot import Empty, Failed, Ready, Snapshot

SOURCE = "simulation://"


class ScriptedWatch:
    """A `meshclient.mesh.service.Watch` that is told what to see.

    Args:
        service: its name, for events.
        clock: seconds.
        hold: seconds for which a mass removal is not believed, or None.
        changed: told of a new list before it can be seen.
        announce: told of it afterwards.
        tell: told of what else happens to the list.
    """

    def __init__(
        self,
        service: str,
        clock: Callable[[], float],
        hold: float | None,
        *,
        changed: Changed,
        announce: Changed,
        tell: Callable[[Event], None],
    ) -> None:
        self._service = service
        self._clock = clock
        self._hold = hold
        self._changed = changed
        self._announce = announce
        self._tell = tell
        self._waiters: list[Callable[[], None]] = []
        self.course = Confluence.begun(Pending(SOURCE, clock()), (SOURCE,), next)

    @property
    def snapshot(self) -> Snapshot:
        """The latest list."""
        return self.course.snapshot

    def show(self, endpoints: Iterable[Endpoint]) -> None:
        """Let the registry answer with this list."""
        self.answer(listing(endpoints, source=SOURCE))

    def answer(self, answer: Ready | Empty | Failed) -> None:
        """Let the registry answer, or fail."""
        now, before = self._clock(), self.course
        after = before.step(0, answer, now, self._hold)
        old, new = before.snapshot, after.snapshot
        assert not isinstance(new, Pending)  # noqa: S101 - it follows from an answer
        self._changed(old, new)
        self.course = after
        waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()
        self._announce(old, new)
        for event in remarks(self._service, before, after, now):
            self._tell(event)

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called once, with the next list."""
        self._waiters.append(wake)

    def wait(self, stale: Snapshot, timeout: float | None) -> bool:  # noqa: ARG002 - the Watch interface
        """Nobody waits in virtual time."""
        return self.snapshot is not stale

    async def wait_async(self, stale: Snapshot, timeout: float | None) -> bool:
        """As `wait`."""
        return self.wait(stale, timeout)

    def refresh(self) -> None:
        """Nothing: the script alone says what the registry knows."""

    def stop(self) -> None:
        """Nothing runs."""

    def close(self, timeout: float = 0.0) -> None:
        """Nothing runs."""

    async def aclose(self) -> None:
        """Nothing runs."""
