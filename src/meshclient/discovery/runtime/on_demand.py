"""A name that is asked for when a call needs it: no thread between calls.

For AWS Lambda, where a thread is frozen between invocations and wakes up with stale sockets, and for commands that
resolve once and end. The caller waits for the answer, briefly where an older one is at hand. Each question runs on a
loop and a thread of its own, which end with it: an application's event loop is not held up, and whatever a resolver
does, no caller waits longer than it said.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import wait as wait_for_all
from contextlib import ExitStack
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from meshclient.discovery.composition import joined, leaves
from meshclient.discovery.confluence import Confluence, remarks
from meshclient.discovery.hint import HINT_GAP, hint
from meshclient.discovery.resolver import TTL_FLOOR
from meshclient.discovery.restoring import SILENCE, restored, wants_stored
from meshclient.discovery.runtime.blocking import off_loop
from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.discovery.runtime.question import Question
from meshclient.discovery.runtime.saving import pause
from meshclient.discovery.runtime.waking import CLOSE_TIMEOUT, wake
from meshclient.discovery.supervision import describe
from meshclient.discovery.upkeep import NO_UPKEEP
from meshclient.model.snapshot import Failed, Pending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshclient.discovery.resolver import Chance, Resolver
    from meshclient.discovery.runtime.background import Changed
    from meshclient.discovery.upkeep import Upkeep
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Ready, Snapshot

    Answer = Ready | Empty | Failed

THREAD_NAME = "meshclient-on-demand"

# Seconds an answer is used where the registry gives it no TTL.
MAX_AGE = 10.0
# Seconds before a registry that failed is asked again.
PAUSE_AFTER_FAILURE = 1.0
# Most seconds a question takes: with an older list at hand, and without.
REFRESH_LIMIT = 1.0
FIRST_LIMIT = 10.0
# Of the time a call has left, what it may spend on a newer list when it has an older one.
REFRESH_SHARE = 0.5


class OnDemandWatch:
    """One name, asked for again when its answer is too old. Same face as `BackgroundWatch`.

    Args:
        resolver: whom to ask.
        name: for what.
        changed: told (before, after) on the question's thread, before `snapshot` shows the new value.
        clock: monotonic seconds.
        rng: passed on to the supervision of the watch.
        announce: told (before, after) once `snapshot` shows the new value.
        upkeep: what is done for the list besides; whom nothing calls, the mesh forgets by itself.

    Attributes:
        course: the latest answer with its past, however old.
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
        self._latest: Snapshot = self.course.snapshot
        self._upkeep = upkeep
        self._files = [upkeep.file(leaf, name) for leaf in self._leaves]
        self._written: dict[int, tuple[tuple[Endpoint, ...], float]] = {}
        self._asked_at = -inf
        self._hinted = False
        self._stopped = False
        self._fresh_until = clock()
        self._resolver = resolver
        self._name = name
        self._changed = changed
        self._announce = announce
        self._clock = clock
        self._rng = rng
        self._lock = fork_safe_lock()
        if upkeep.resumed is not None:
            changed(pending, upkeep.resumed)
        self._question: Question | None = None
        self._last: Question | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The latest answer, or Pending when it is too old to be used unasked."""
        if self._clock() < self._fresh_until:
            return self._latest
        return Pending(source=self._resolver.source, at=self._latest.at, version=self._latest.version)

    def wait(self, stale: Snapshot, timeout: float | None) -> bool:
        """Ask the registry, together with whoever else is asking; False when `timeout` seconds pass first.

        Where the registry has just failed and left nothing to go on with, the next question waits for its time. An
        older list serves when half of `timeout` is gone.
        """
        pause, limit = self._times(stale, timeout)
        time.sleep(pause)
        question = self._ask(limit)
        if question is None:
            return self._latest is not stale and self._clock() < self._fresh_until
        wait_for_all([question.answered], limit)
        return question.answered.done() or self._make_do(question)

    async def wait_async(self, stale: Snapshot, timeout: float | None) -> bool:
        """As `wait`, for a caller with an event loop of its own."""
        pause, limit = self._times(stale, timeout)
        await asyncio.sleep(pause)
        question = self._ask(limit)
        if question is None:
            return self._latest is not stale and self._clock() < self._fresh_until
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        question.answered.add_done_callback(lambda _: wake(loop, woken))
        try:
            async with asyncio.timeout(limit):
                await woken.wait()
        except TimeoutError:
            return self._make_do(question)
        return True

    def _times(self, stale: Snapshot, timeout: float | None) -> tuple[float, float]:
        """Seconds to pause before the question, and to wait for its answer."""
        left = inf if timeout is None else timeout
        pause = 0.0
        if stale is self._latest:
            pause = min(left, max(0.0, self._fresh_until - self._clock()))
            left -= pause
        if self._latest.endpoints:
            return pause, min(REFRESH_LIMIT, left * REFRESH_SHARE)
        return pause, min(FIRST_LIMIT, left)

    def _ask(self, limit: float, *, early: bool = False) -> Question | None:
        """The question that is out, or a new one.

        None while the latest answer is fresh, unless it is `early` to ask, or with no time to wait.
        """
        with self._lock:
            if (self._clock() < self._fresh_until and not early) or limit <= 0:
                return None
            question = self._question
            if question is not None and question.process == os.getpid():
                return question
            question = Question(self._leaves)
            try:
                threading.Thread(target=self._carry, args=(question,), name=THREAD_NAME, daemon=True).start()
            except RuntimeError as exc:
                # The process may have no more threads.
                if early:
                    return None
                question.fail(describe(exc), self._clock())
            else:
                self._question = self._last = question
                return question
        self._take(question.heard)
        question.answered.set_result(None)
        return question

    def _make_do(self, question: Question) -> bool:
        """Whether there is something to go on with although `question` is still out."""
        with self._lock:
            if question is self._question and self._latest.endpoints:
                self._fresh_until = self._clock() + REFRESH_LIMIT
            return self._clock() < self._fresh_until

    def _carry(self, question: Question) -> None:
        try:
            with ExitStack() as opened:
                try:
                    self._put(question, opened)
                    self._take(question.heard)
                finally:
                    # Before the runner is closed, which waits for blocking calls that the resolver may have left
                    # behind.
                    with self._lock:
                        self._question = None
                    question.answered.set_result(None)
                self._save()
        finally:
            question.over.set_result(None)

    def _put(self, question: Question, opened: ExitStack) -> None:
        """Ask the registries; the loop they are asked on is closed with `opened`."""
        hinted, self._hinted = self._hinted, False
        unknown = isinstance(self._latest, Pending) and any(self._files)
        try:
            opened.enter_context(asyncio.Runner()).run(
                question.put(
                    self._name,
                    self._clock,
                    self._rng,
                    limit=REFRESH_LIMIT if self._latest.endpoints else FIRST_LIMIT,
                    hurry=(self._files, SILENCE) if unknown else None,
                    enough=self._suffices,
                    begun=partial(hint, self._resolver, self._name) if hinted else _nothing,
                )
            )
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is an outage to those who wait
            question.fail(describe(exc), self._clock())

    def _suffices(self, heard: Sequence[Answer | None]) -> bool:
        course, now = self.course, self._clock()
        for number, answer in enumerate(heard):
            if answer is not None:
                course = course.step(number, answer, now, None)
        return course.suffices([answer is not None for answer in heard])

    def _take(self, heard: list[Answer | None]) -> None:
        before, old = self.course, self._latest
        after = self._next(heard)
        new = after.snapshot
        assert not isinstance(new, Pending)  # noqa: S101 - it follows from an answer
        self._changed(old, new)
        self.course, self._latest = after, new
        self._asked_at = self._clock()
        self._fresh_until = self._asked_at + _lifetime(new)
        self._announce(old, new)
        for event in remarks(self._name.value, before, after, self._clock()):
            self._upkeep.tell(event)

    def _next(self, heard: list[Answer | None]) -> Confluence:
        whole, now = self.course, self._clock()
        for number, answer in enumerate(heard):
            course, file = whole.courses[number], self._files[number]
            if answer is None:
                continue
            if file is not None and isinstance(answer, Failed) and wants_stored(course, answer):
                whole = whole.changed(number, restored(course, answer, file.read(), now))
            else:
                whole = whole.step(number, answer, now, self._upkeep.hold)
        return whole

    def _save(self) -> None:
        """Put the lists on disk where that is due; nobody waits for it but the end of the mesh."""
        now = self._clock()
        for number, (file, course) in enumerate(zip(self._files, self.course.courses, strict=True)):
            written, since = self._written.get(number, (None, 0.0))
            settled = course.settled
            if file is not None and settled is not None and pause(written, settled.endpoints, now - since) <= 0:
                file.write(settled.endpoints)
                self._written[number] = settled.endpoints, now

    def refresh(self) -> None:
        """Ask again beside the calls, which go on with what there is; at most once in `HINT_GAP` seconds."""
        if not self._stopped and not self._hinted and self._clock() - self._asked_at >= HINT_GAP:
            self._hinted = True
            self._ask(REFRESH_LIMIT, early=True)

    @property
    def heard(self) -> tuple[tuple[str, Answer | None], ...]:
        """The registries, and what each has said to the question that is out, None where it has said nothing."""
        heard = self._question.heard if self._question is not None else [None] * len(self._leaves)
        return tuple((leaf.source, answer) for leaf, answer in zip(self._leaves, heard, strict=True))

    def stop(self) -> None:
        """Nothing is held between calls; nothing is asked any more that nobody waits for."""
        self._stopped = True

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Nothing is held between calls; a list on its way to the disk is waited for, at most `timeout` seconds."""
        if any(self._files) and (question := self._last) is not None and question.process == os.getpid():
            wait_for_all([question.over], timeout)

    async def aclose(self) -> None:
        """As `close`, without blocking the caller's event loop."""
        if any(self._files):
            await off_loop(self.close)


def _lifetime(answer: Answer) -> float:
    if isinstance(answer, Failed):
        return PAUSE_AFTER_FAILURE
    return MAX_AGE if answer.ttl is None else max(answer.ttl, TTL_FLOOR)


def _nothing() -> None:
    pass
