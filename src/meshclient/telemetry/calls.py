"""What is counted of the calls of one service, whether or not anybody looks.

A plain call costs one step of the interpreter beside finding its series (`Distribution`); everything else is noted the
same way. Nothing of OpenTelemetry is touched unless a provider of meters was set in this process: then its histograms
are told of each call as well, for the API has no way to hand over a histogram that is counted already. Counters and
gauges it reads from here.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from typing import TYPE_CHECKING, TypeVar

from meshclient.discovery.runtime.loop import fork_safe_lock, inherit
from meshclient.telemetry.course import Course, Reading
from meshclient.telemetry.distribution import BATCH, FEW, Distribution, Durations
from meshclient.telemetry.error_type import CANCELLED, of_error, of_outcome, of_refusal, of_status
from meshclient.telemetry.providers import meter_provider
from meshclient.telemetry.series import MOST, SUCCESS, AttemptSeries, CallSeries, call_key, method_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Lock

    from meshclient.model.outcome import Outcome
    from meshclient.telemetry.call_instruments import CallInstruments

_S = TypeVar("_S", AttemptSeries, CallSeries)

_API = "opentelemetry.metrics._internal"
_modules = sys.modules

# Kinds of notes, each with what it is counted by.
REJECTION = "rejection"
TRANSITION = "transition"
EJECTION = "ejection"
PANIC = "panic"
CACHE = "cache"


class Plain(Durations):
    """Plain calls that are counted together, each of which is an attempt and a call."""

    __slots__ = ("attempt", "call")

    def __init__(self, lock: Lock, attempt: AttemptSeries) -> None:
        super().__init__(lock)
        self.attempt = attempt
        self.call = CallSeries(attempt.method, attempt.status, attempt.error, SUCCESS)


class CallMeter:
    """The calls of one service.

    All its methods may be called from any thread, and from a finalizer. Seconds are those to the head of a response, or
    to the failure: what follows is the body's time, which its reader takes.

    Args:
        service: its name.
        tell: whether OpenTelemetry is told.

    Attributes:
        service: likewise.
        panic: whether the balancer fails open, so that attempts are counted as such.
    """

    def __init__(self, service: str, *, tell: bool = True) -> None:
        self.service = service
        self.panic = False
        self._tells = tell
        self._lock = fork_safe_lock()
        self._taps: tuple[Callable[[Sequence[float]], None], ...] = ()
        self._caches: list[tuple[Callable[[], Mapping[str, int]], Mapping[str, int]]] = []
        self._begin()
        inherit(self)

    def _begin(self) -> None:
        lock = self._lock
        self._plain: dict[tuple[str, int, int, str], Plain] = {}
        self._series: dict[AttemptSeries, Plain] = {}
        self._attempts: dict[tuple[str, int, str, int, str], Durations] = {}
        self._calls: dict[tuple[str, int, str, str], Durations] = {}
        self._tried, self._retried = Durations(lock, FEW), Durations(lock, FEW)
        self._hedged, self._paused = Durations(lock, FEW), Durations(lock)
        self._notes: deque[tuple[str, ...]] = deque()
        self._counts: Counter[tuple[str, ...]] = Counter()

    def bereave(self) -> None:
        """In a forked child: what was counted before is its parent's to tell."""
        self._begin()
        self._caches = [(lookups, dict(lookups())) for lookups, _ in self._caches]

    def called(self, method: str, status: int, seconds: float, port: int = 80, version: str = "1.1") -> None:
        """A call of one attempt went well.

        Args:
            method: as sent.
            status: of the response.
            seconds: to its head.
            port: of the service, as the URL has it or its scheme implies.
            version: of HTTP, as ``1.1``.
        """
        found = self._plain.get((method, status, port, version)) or self._open(method, status, port, version)
        fresh = found.fresh
        fresh.append(seconds)
        if len(fresh) >= BATCH:
            found.settle()
        if self.panic:
            self.note(PANIC)
        if _API in _modules and (told := self._told()) is not None:
            told.attempted(self.service, found.attempt, seconds)
            told.ended(self.service, found.call, seconds, 1)

    def failed(self, method: str, error: BaseException, seconds: float, port: int = 80, *, sent: bool = False) -> None:
        """A call that no driver saw ended in `error`.

        Args:
            method: as sent.
            error: why.
            seconds: since it began.
            port: as of `called`.
            sent: whether there was an attempt, which ended with it.
        """
        if sent:
            self._attempted((method_of(method), 0, of_error(error, None), port, ""), seconds)
        self.ended(method, None, error, seconds, Course(attempts=int(sent)))

    def attempted(self, method: str, outcome: Outcome | None, seconds: float, port: int, version: str = "") -> None:
        """An attempt on httpx's road ended; None for one that was given up."""
        word = CANCELLED if outcome is None else of_outcome(outcome)
        status = 0 if outcome is None else outcome.status or 0
        self._attempted((method_of(method), status, word, port, version), seconds)

    def ended(
        self, method: str, outcome: Outcome | None, error: BaseException | None, seconds: float, course: Course
    ) -> None:
        """A call on httpx's road ended.

        Args:
            method: as sent.
            outcome: of its last attempt, if there was one.
            error: what was raised, if no response came out of it.
            seconds: since it began.
            course: what it took.
        """
        key = call_key(method, outcome, error)
        if error is not None and (reason := of_refusal(error)):
            self.note(REJECTION, reason)
        (self._calls.get(key) or self._cell(CallSeries(*key))).add(seconds)
        if course.attempts:
            self._tried.add(course.attempts)
        if course.retries:
            self._retried.add(course.retries)
            self._paused.add(course.paused)
        if course.hedges:
            self._hedged.add(course.hedges)
        if _API in _modules and (told := self._told()) is not None:
            told.ended(self.service, CallSeries(*key), seconds, course.attempts)
            told.repeated(self.service, course)

    def note(self, *what: str) -> None:
        """Count one more of what happened."""
        self._notes.append(what)
        if len(self._notes) >= BATCH:
            self._settle(wait=False)
        if _API in _modules:
            # So that a provider finds the counters, which it reads.
            self._told()

    def noted(self, count: int, *what: str) -> None:
        """Count `count` more of what happened elsewhere, where calls of this service are carried too."""
        with self._lock:
            self._counts[what] += count
        if _API in _modules:
            self._told()

    def follow(self, lookups: Callable[[], Mapping[str, int]]) -> None:
        """Tell of a response cache as well.

        Args:
            lookups: how often it was asked by now, by what came of it: ``hit``, ``miss`` or another word out of a
                short list. Called from any thread, and held for good: counters do not begin anew with their cache.
        """
        self._caches.append((lookups, {}))

    def tap(self, to: Callable[[Sequence[float]], None]) -> None:
        """Have `to` called as well with the durations of calls as they are put away; again changes nothing."""
        if to not in self._taps:
            self._retap((*self._taps, to))

    def untap(self, to: Callable[[Sequence[float]], None]) -> None:
        """Take back a `tap`."""
        self._retap(tuple(each for each in self._taps if each != to))

    def _retap(self, taps: tuple[Callable[[Sequence[float]], None], ...]) -> None:
        self._taps = taps
        for cell in (*list(self._series.values()), *list(self._calls.values())):
            cell.taps = self._taps

    def read(self) -> Reading:
        """All that was counted by now."""
        attempts = {AttemptSeries(*key): cell.read() for key, cell in list(self._attempts.items())}
        calls = {CallSeries(*key): cell.read() for key, cell in list(self._calls.items())}
        tried = self._tried.read()
        for plain in list(self._series.values()):
            values = plain.read()
            _add(attempts, plain.attempt, values)
            _add(calls, plain.call, values)
            tried = tried.plus(_ones(tried.bounds, values.count))
        return Reading(attempts, calls, tried, self._retried.read(), self._hedged.read(), self._paused.read())

    def counts(self) -> Counter[tuple[str, ...]]:
        """How often each thing was noted: its kind, and what it is counted by."""
        self._settle(wait=True)
        with self._lock:
            counts = Counter(self._counts)
        for lookups, before in list(self._caches):
            for result, count in lookups().items():
                if (news := count - before.get(result, 0)) > 0:
                    counts[CACHE, result] += news
        return counts

    def _open(self, method: str, status: int, port: int, version: str) -> Plain:
        full = len(self._plain) >= MOST
        series = AttemptSeries(
            method_of(method), status, of_status(status), 0 if full else port, "" if full else version
        )
        found = self._series.get(series)
        if found is None:
            found = Plain(self._lock, series)
            found.taps = self._taps
            # One step of the interpreter: of two threads, both get the same.
            found = self._series.setdefault(series, found)
        if not full:
            self._plain[method, status, port, version] = found
        return found

    def _attempted(self, key: tuple[str, int, str, int, str], seconds: float) -> None:
        # A named tuple is found by a plain one, which costs a tenth.
        found = self._attempts.get(key)
        if found is None:
            if len(self._attempts) >= MOST:
                key = AttemptSeries(*key)._replace(port=0, version="")
            found = self._attempts.setdefault(AttemptSeries(*key), Durations(self._lock))
        found.add(seconds)
        if self.panic:
            self.note(PANIC)
        if _API in _modules and (told := self._told()) is not None:
            told.attempted(self.service, AttemptSeries(*key), seconds)

    def _cell(self, series: CallSeries) -> Durations:
        made = Durations(self._lock)
        made.taps = self._taps
        return self._calls.setdefault(series, made)

    def _settle(self, *, wait: bool) -> None:
        if not self._lock.acquire(blocking=wait):
            return
        try:
            take = self._notes.popleft
            self._counts.update([take() for _ in range(len(self._notes))])
        finally:
            self._lock.release()

    def _told(self) -> CallInstruments | None:
        provider = meter_provider()
        if provider is None or not self._tells:
            return None
        from meshclient.telemetry.call_instruments import instruments_of

        return instruments_of(provider)


def _add(to: dict[_S, Distribution], series: _S, values: Distribution) -> None:
    known = to.get(series)
    to[series] = values if known is None else known.plus(values)


def _ones(bounds: tuple[float, ...], count: int) -> Distribution:
    return Distribution(bounds, (count, *([0] * len(bounds))), float(count))
