# ruff: noqa: ANN401 - what is wrapped is called as it was
"""What a piece of a program leaves open: responses, meshes, and what runs in the background for them.

While a `LeakWatch` is active the few places where such things begin are wrapped, so that each is known together with
the lines of the program that began it; afterwards everything is as before, and nothing of this is there otherwise.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import Counter
from concurrent.futures import wait as wait_for_all
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from weakref import ref

from meshclient.core.balance.pick import Pick
from meshclient.discovery.runtime.loop import BackgroundLoop, background
from meshclient.mesh import Mesh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any

    from meshclient.discovery.runtime.loop import Job
    from meshclient.mesh.roster import Roster

# Seconds that what was asked to end may take, on a machine that has other things to do.
PATIENCE = 10.0
# Between the program and what it opens.
_WAY = frozenset({"anyio", "asyncio", "concurrent", "contextlib", "httpx", "meshclient", "threading"})
# Beyond the program.
_RUNNERS = frozenset({"_pytest", "pluggy", "pytest", "unittest"})
_LINES = 3


class _Opened(NamedTuple):
    """A mesh that came to be; weakly, so that it may go as it would."""

    mesh: ref[Mesh]
    roster: Roster
    place: str


class LeakWatch:
    """Notes what begins in a block, and says what of it has not ended."""

    def __init__(self) -> None:
        self._meshes: list[_Opened] = []
        self._picks: dict[int, tuple[str, str]] = {}
        self._jobs: list[tuple[Job, str]] = []
        self._threads = set(threading.enumerate())
        self._exempt = 0
        self._undo: list[Callable[[], None]] = []

    def begin(self) -> None:
        """Note what begins from now on."""
        self._wrap(Mesh, "_begin", self._begin)
        self._wrap(Pick, "__init__", self._picked)
        self._wrap(Pick, "done", self._handed_back)
        self._wrap(Pick, "__del__", self._handed_back)
        self._wrap(BackgroundLoop, "run", self._run)

    def end(self) -> None:
        """Note nothing more."""
        if self._picks:
            # What is held by a cycle alone is open no more.
            gc.collect()
        while self._undo:
            self._undo.pop()()

    @contextmanager
    def exempt(self) -> Iterator[None]:
        """What begins in this block may outlive the others: it belongs to somebody else."""
        self._exempt += 1
        try:
            yield
        finally:
            self._exempt -= 1

    def found(self) -> list[str]:
        """What is left, each in words; meshes that were left open are closed by this."""
        told = [
            f"{'a response' if count == 1 else f'{count} responses'} from {where} not closed: {at}; "
            "read it to its end, close it, or write `with client.stream(...) as response:`"
            for (where, at), count in Counter(self._picks.values()).items()
        ]
        for opened in self._meshes:
            names = sorted(opened.roster.services)
            if names:
                told.append(
                    f"a mesh not closed, which watches {', '.join(names)}: {opened.place}; "
                    "write `with` around it, or around the client that made it, or call close()"
                )
                if (mesh := opened.mesh()) is not None:
                    mesh.close()
        told += [
            f"something runs on in the background: {place}; close the mesh, lease or server that began it"
            for job, place in self._jobs
            if job.ended not in wait_for_all([job.ended], PATIENCE if not told else 1.0).done
        ]
        return told or [f"a thread runs on: {name}" for name in self._new_threads()]

    def _new_threads(self) -> list[str]:
        end = time.monotonic() + PATIENCE
        for thread in threading.enumerate():
            # While there are jobs of others that thread is theirs.
            others = thread.name == "meshclient-discovery" and background().busy
            if thread not in self._threads and thread.name.startswith("meshclient") and not others:
                thread.join(max(0.0, end - time.monotonic()))
        return sorted(
            thread.name
            for thread in set(threading.enumerate()) - self._threads
            if thread.name.startswith("meshclient")
            and not (thread.name == "meshclient-discovery" and background().busy)
        )

    def _wrap(self, owner: Any, name: str, made: Callable[[Any], Callable[..., object]]) -> None:
        original = owner.__dict__[name]
        setattr(owner, name, made(original))
        self._undo.append(lambda: setattr(owner, name, original))

    def _begin(self, original: Callable[..., None]) -> Callable[..., None]:
        def begin(mesh: Mesh, *arguments: Any) -> None:
            original(mesh, *arguments)
            # On demand there is nothing that outlives a call.
            if not self._exempt and mesh.config.mode != "on-demand":
                self._meshes.append(_Opened(ref(mesh), mesh._roster, _place()))  # noqa: SLF001 - ours

        return begin

    def _picked(self, original: Callable[..., None]) -> Callable[..., None]:
        def picked(pick: Pick, *arguments: Any, **options: Any) -> None:
            original(pick, *arguments, **options)
            if not self._exempt:
                self._picks[id(pick)] = (pick.endpoint.url, _place())

        return picked

    def _handed_back(self, original: Callable[..., None]) -> Callable[..., None]:
        def handed_back(pick: Pick, *arguments: Any) -> None:
            self._picks.pop(id(pick), None)
            original(pick, *arguments)

        return handed_back

    def _run(self, original: Callable[..., Job]) -> Callable[..., Job]:
        def run(loop: BackgroundLoop, *arguments: Any, **options: Any) -> Job:
            job = original(loop, *arguments, **options)
            if not self._exempt and not self._for_another():
                self._jobs.append((job, _place()))
            return job

        return run

    def _for_another(self) -> bool:
        """Whether this is done for a mesh that was there before."""
        mine = {id(opened.mesh()) for opened in self._meshes}
        meshes = [frame.f_locals.get("self") for frame in _frames(sys._getframe(2))]  # noqa: SLF001 - no other way
        return any(isinstance(mesh, Mesh) and id(mesh) not in mine for mesh in meshes)


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _place() -> str:
    """The lines of the program that led here, the nearest first."""
    lines: list[str] = []
    for frame in _frames(sys._getframe(2)):  # noqa: SLF001 - no other way
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in _RUNNERS or len(lines) == _LINES:
            break
        if package not in _WAY:
            lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}")
    return f"opened at {', called from '.join(lines)}" if lines else "where it was opened is not known"
