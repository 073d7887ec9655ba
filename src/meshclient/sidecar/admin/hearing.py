"""Hearing what changes in a mesh while it runs.

A mesh takes observers when it is made, and those are told of every attempt too, which costs each call. What changes the
state of something passes its tally, told or not, and there somebody more may listen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.telemetry.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.mesh import Mesh
    from meshclient.model.events import Event


def hear(mesh: Mesh, callback: Callable[[Event], None]) -> Callable[[], None]:
    """Have `callback` told of every change of state in `mesh`, from any thread and under no lock.

    What is returned ends that. What `callback` raises is not caught: it must not raise.
    """
    tally = mesh.tally
    log = tally._log  # noqa: SLF001 - a tally has no listeners of its own, and every event goes to its log
    overheard = log if isinstance(log, Overheard) else Overheard(log)
    overheard.listeners = (*overheard.listeners, callback)
    tally._log = overheard  # noqa: SLF001

    def cease() -> None:
        overheard.listeners = tuple(each for each in overheard.listeners if each is not callback)

    return cease


class Overheard(Log):
    """A tally's log, with listeners.

    Attributes:
        listeners: replaced as a whole, since any thread reads it at any time.
    """

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log
        self.listeners: tuple[Callable[[Event], None], ...] = ()

    def heard(self, event: Event) -> None:
        """Log it, and tell it."""
        self._log.heard(event)
        for listener in self.listeners:
            listener(event)
