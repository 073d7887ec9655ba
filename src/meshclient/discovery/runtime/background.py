"""A name that is watched in the background: the latest snapshot is always at hand."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import wait as wait_for_all
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from meshclient.discovery.composition import joined, leaves
from meshclient.discovery.confluence import Confluence, remarks
from meshclient.discovery.course import Basis
from meshclient.discovery.hint import HINT_GAP, hint
from meshclient.discovery.restoring import SILENCE, restored, wants_stored
from meshclient.discovery.runtime.alarm import Alarm
from meshclient.discovery.runtime.blocking import off_loop
from meshclient.discovery.runtime.loop import background, fork_safe_lock
from meshclient.discovery.runtime.saving import Saving
from meshclient.discovery.runtime.waking import CLOSE_TIMEOUT as CLOSE_TIMEOUT  # noqa: PLC0414 - known from here
from meshclient.discovery.runtime.waking import wake as wake  # noqa: PLC0414 - known from here
from meshclient.discovery.state_folder import Found
from meshclient.discovery.supervision import supervise_all
from meshclient.discovery.transition import advance
from meshclient.discovery.upkeep import NO_UPKEEP
from meshclient.errors import ResolverUnavailable
from meshclient.model.snapshot import Failed, Pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.discovery.resolver import Chance, Resolver
    from meshclient.discovery.state_folder import StateFile
    from meshclient.discovery.upkeep import Upkeep
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Ready, Snapshot

    Changed = Callable[[Snapshot, Ready | Empty | Failed], None]

CLOSED = "the mesh was closed"
RELEASED = "its list was released, since nothing had called it for long; ask the mesh for the service again"
# Seconds that a first failure waits for the disk before it is shown.
READ_LIMIT = 1.0


class BackgroundWatch:
    """One name, followed on the process's discovery thread.

    Args:
        resolver: whom to ask.
        name: for what.
        changed: told (before, after) on the discovery thread, before `snapshot` shows the new value, so that whoever
            reads it finds everything behind it up to date.
        clock: monotonic seconds.
        rng: jitter of the back-off.
        announce: told (before, after) once `snapshot` shows the new value.
        upkeep: what is done for the list besides.

    Attributes:
        snapshot: the latest one; reading it takes no lock.
        course: the same with its past.
    """

    def __init__(
        self,
        resolver: Resolver,
        name: ServiceName,
        changed: Changed,
        clock: Callable[[], float],
        rng: Chance,
        *,
        announce: Changed,
        upkeep: Upkeep = NO_UPKEEP,
    ) -> None:
        self._leaves = leaves(resolver)
        pending = Pending(source=resolver.source, at=clock())
        sources = [leaf.source for leaf in self._leaves]
        self.course = Confluence.begun(pending, sources, partial(joined, resolver), upkeep.resumed)
        self.snapshot: Snapshot = self.course.snapshot
        self._resolver = resolver
        self._name = name
        self._changed = changed
        self._announce = announce
        self._clock = clock
        self._rng = rng
        self._upkeep = upkeep
        self._files = [upkeep.file(leaf, name) for leaf in self._leaves]
        self._lock = fork_safe_lock()
        # Each with the process it waits in: a forked child inherits the parent's, whose threads it does not have.
        self._waiters: dict[Callable[[], None], int] = {}
        self._waited = clock()
        self._hinted = -inf
        self._ended = ""
        if upkeep.resumed is not None:
            changed(pending, upkeep.resumed)
        self._loop = background()
        self._job = self._loop.run(self._follow)

    async def _follow(self) -> None:
        self._savings = [Saving(file, self._clock) for file in self._files if file is not None]
        silence = asyncio.create_task(self._break_silence()) if self._savings else None
        with Alarm(self._believe) as self._belief, Alarm(self._look) as self._idleness:
            # A child of a fork finds a hold that its parent began.
            self._wind()
            self._idleness.set(self._upkeep.idle)
            try:
                async for number, answer in supervise_all(self._leaves, self._name, self._clock, self._rng):
                    if not self._ended:
                        self._move(await self._next(number, answer))
            finally:
                if silence is not None:
                    silence.cancel()
                    await asyncio.wait({silence})
                await asyncio.gather(*(saving.end() for saving in self._savings))

    async def _next(self, number: int, answer: Ready | Empty | Failed) -> Confluence:
        file = self._files[number]
        if file is not None and isinstance(answer, Failed) and wants_stored(self.course.courses[number], answer):
            found = await _read(file)
            if wants_stored(course := self.course.courses[number], answer):
                return self.course.changed(number, restored(course, answer, found, self._clock()))
        return self.course.step(number, answer, self._clock(), self._upkeep.hold)

    async def _break_silence(self) -> None:
        """Go by the lists on disk, if there is one, where a registry that is needed neither answers nor fails."""
        await asyncio.sleep(SILENCE)
        if not isinstance(self.snapshot, Pending):
            return
        courses = enumerate(self.course.courses)
        silent = [number for number, course in courses if wants_stored(course, self._silent(number))]
        found = await asyncio.gather(*(_read(file) for number in silent if (file := self._files[number]) is not None))
        if any(each.endpoints for each in found) or any(each.basis is Basis.DISK for each in self.course.courses):
            for number, each in zip(silent, found, strict=True):
                course, answer = self.course.courses[number], self._silent(number)
                if wants_stored(course, answer) and not self._ended:
                    self._move(self.course.changed(number, restored(course, answer, each, self._clock())))

    def _silent(self, number: int) -> Failed:
        return Failed(f"no answer within {SILENCE:.3g}s", source=self._leaves[number].source, at=self._clock())

    def _move(self, after: Confluence) -> None:
        before, old, new = self.course, self.snapshot, after.snapshot
        if new is old:
            # Of several registries, one of those that are needed has not spoken yet.
            self.course = after
        else:
            assert not isinstance(new, Pending)  # noqa: S101 - it follows from an answer
            self._changed(old, new)
            self._show(after)
            self._announce(old, new)
        for event in remarks(self._name.value, before, after, self._clock()):
            self._upkeep.tell(event)
        self._wind()
        if self._savings:
            for saving, was, course in zip(self._savings, before.courses, after.courses, strict=True):
                if course is not was:
                    saving.offer(course.settled.endpoints if course.settled else None)

    def _wind(self) -> None:
        due = self.course.due
        self._belief.set(None if due is None else max(0.0, due - self._clock()))

    def _believe(self) -> None:
        """The time of a hold is up, says the loop; believe the registry if the clock agrees."""
        after = self.course.expire(self._clock(), self._upkeep.hold)
        if after is not self.course and not self._ended:
            self._move(after)
        else:
            self._wind()

    def _look(self) -> None:
        """Whether the name is still called; ends the watch where it is not."""
        left = self._upkeep.idle
        if left is None or self._ended:
            return
        rest = self._waited + left - self._clock()
        if os.getpid() in self._waiters.values():
            self._idleness.set(left)
        elif rest > 0 or (rest := self._upkeep.expire() or 0.0) > 0:
            self._idleness.set(rest)
        else:
            self._show(self.course, ended=RELEASED)
            self.stop()

    def _show(self, after: Confluence, *, ended: str = "") -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = ended
            self.course, self.snapshot = after, after.snapshot
            waiters, self._waiters = self._waiters, {}
            if waiters:
                self._waited = self._clock()
        for rouse, process in waiters.items():
            if process == os.getpid():
                rouse()

    def refresh(self) -> None:
        """Let the resolver know that calls fail here, at most once in `HINT_GAP` seconds; from any thread."""
        if self._ended or (now := self._clock()) - self._hinted < HINT_GAP:
            return
        self._hinted = now
        self._loop.call(partial(hint, self._resolver, self._name))

    def wait(self, stale: Snapshot, timeout: float | None) -> bool:
        """Block until `snapshot` is no longer `stale`; False when `timeout` seconds pass first.

        Raises ResolverUnavailable where there will be no other, because the watch has ended.
        """
        woken = threading.Event()
        if not self._register(stale, woken.set):
            return True
        try:
            return woken.wait(timeout)
        finally:
            self._forget(woken.set)

    async def wait_async(self, stale: Snapshot, timeout: float | None) -> bool:
        """As `wait`, for a caller with an event loop of its own."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()

        def rouse() -> None:
            wake(loop, woken)

        if not self._register(stale, rouse):
            return True
        try:
            async with asyncio.timeout(timeout):
                await woken.wait()
        except TimeoutError:
            return False
        finally:
            self._forget(rouse)
        return True

    def _register(self, stale: Snapshot, rouse: Callable[[], None]) -> bool:
        with self._lock:
            if self.snapshot is not stale:
                return False
            if self._ended:
                msg = f"cannot resolve {self._name.value!r}: {self._ended}"
                raise ResolverUnavailable(msg)
            self._waiters[rouse] = os.getpid()
            return True

    def _forget(self, rouse: Callable[[], None]) -> None:
        with self._lock:
            self._waiters.pop(rouse, None)

    def stop(self) -> None:
        """Ask the watch to end; does not wait."""
        self._loop.cancel(self._job)

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Stop watching; returns when the watch has released what it held, or after `timeout` seconds."""
        self._loop.cancel(self._job)
        self._dismiss()
        wait_for_all([self._job.ended], timeout)

    async def aclose(self) -> None:
        """As `close`, without blocking the caller's event loop."""
        self._loop.cancel(self._job)
        self._dismiss()
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._job.ended.add_done_callback(lambda _: wake(loop, ended))
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await ended.wait()

    def _dismiss(self) -> None:
        """Wake who waits: no answer will come. Not for `stop`, where the garbage collector must find no lock."""
        failure = Failed(CLOSED, source=self._resolver.source, at=self._clock())
        self._show(replace(self.course, snapshot=advance(self.snapshot, failure)), ended=CLOSED)


async def _read(file: StateFile) -> Found:
    try:
        async with asyncio.timeout(READ_LIMIT):
            return await off_loop(file.read)
    except TimeoutError:
        return Found(why=f"the list on disk could not be read within {READ_LIMIT:.3g}s")
    except RuntimeError as exc:
        # The process may have no more threads.
        return Found(why=f"the list on disk could not be read: {exc}")
