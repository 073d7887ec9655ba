"""What administration reads and does: the seam between it and the process that it stands in.

The sidecar has a view of its own, whose mesh is another one after each reload. `MeshView` is that of a process with a
mesh and nothing else, so that any program that uses the library can be looked at.
"""

from __future__ import annotations

import logging
import os
import re
import time
from typing import TYPE_CHECKING, Protocol

from meshclient.sidecar.admin.hearing import hear
from meshclient.telemetry.providers import release

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from weakref import ref

    from meshclient.config.loaded import Loaded
    from meshclient.mesh import Mesh
    from meshclient.model.events import Event

LEVELS = ("debug", "info", "warning", "error", "critical")
_LOGGER = "meshclient"
_OURS = re.compile(rf"{_LOGGER}(?:\.[A-Za-z0-9_]+)*")


class NotOffered(Exception):
    """This process cannot do that; the text says why, and what to do instead."""


class View(Protocol):
    """A process with a mesh. Everything here is asked on the loop that serves administration, and must not block."""

    @property
    def mesh(self) -> Mesh:
        """The one in use now."""
        ...

    def stats(self) -> Mapping[str, object]:
        """Of the process, ready for JSON: `uptime_seconds` and what else it counts."""
        ...

    def metrics(self) -> str:
        """What the process counts beside its mesh, for Prometheus (text format 0.0.4); empty for nothing."""
        ...

    def calls(self, service: str) -> tuple[int, int] | None:
        """How many calls of a service were answered so far, and how many of those with an error.

        None where its mesh counts them.
        """
        ...

    def config(self) -> Loaded:
        """The configuration in use, with its origins."""
        ...

    def interfere(self) -> None:
        """Whether what is done to the mesh's endpoints and circuits has an effect on calls.

        Raises NotOffered where it has none.
        """
        ...

    def ready(self) -> bool:
        """Whether requests may be sent here."""
        ...

    def drain(self) -> Awaitable[object]:
        """Begin to leave: nothing new is taken, and what is under way ends. Awaited beside the answer.

        Raises NotOffered, when called, where nothing can be drained.
        """
        ...

    def loglevel(self, name: str, level: str) -> None:
        """Have the logger called `name` (empty: all of meshclient's) write from `level` on, one of `LEVELS`.

        Raises ValueError for a logger that is none of ours.
        """
        ...

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Have `callback` told of every change of state, from any thread, until what is returned is called."""
        ...


class MeshView:
    """Of a process that has `mesh` and nothing to serve."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._began = time.monotonic()

    @property
    def mesh(self) -> Mesh:
        """As given."""
        return self._mesh

    def stats(self) -> Mapping[str, object]:
        """Of the process."""
        return {"pid": os.getpid(), "version": release(), "uptime_seconds": time.monotonic() - self._began}

    def metrics(self) -> str:
        """Nothing."""
        return ""

    def calls(self, service: str) -> tuple[int, int] | None:  # noqa: ARG002 - as `View.calls`
        """None."""
        return None

    def config(self) -> Loaded:
        """The mesh's."""
        return self.mesh.loaded

    def interfere(self) -> None:
        """It has."""

    def ready(self) -> bool:
        """Always: it serves nobody."""
        return True

    def drain(self) -> Awaitable[object]:
        """Raises NotOffered."""
        msg = "this process takes no requests that could be drained: stop the program, or drain its sidecar"
        raise NotOffered(msg)

    def loglevel(self, name: str, level: str) -> None:
        """As `View.loglevel`, by the standard library's logging."""
        set_loglevel(name, level)

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """As `View.subscribe`."""
        return hear(self.mesh, callback)


class WeakView(MeshView):
    """Of a process whose mesh lives as long as the program wants it to, whoever looks."""

    def __init__(self, mesh: ref[Mesh]) -> None:
        self._ref = mesh
        self._began = time.monotonic()

    @property
    def mesh(self) -> Mesh:
        """While it lives."""
        found = self._ref()
        if found is None:
            raise ReferenceError("the mesh has gone, and its administration with it")
        return found


def set_loglevel(name: str, level: str) -> None:
    """As `View.loglevel`; for every view whose process logs by the standard library.

    Raises ValueError for a level that is none, too.
    """
    name = name or _LOGGER
    if not _OURS.fullmatch(name):
        msg = f"{name!r} is no logger of {_LOGGER}: leave it out for all of them, or name one such as {_LOGGER}.call"
        raise ValueError(msg)
    if level not in LEVELS:
        msg = f"{level!r} is no level: use one of {', '.join(LEVELS)}"
        raise ValueError(msg)
    logging.getLogger(name).setLevel(level.upper())
