"""What is told of one call on httpx's road, while it goes on: to its service's meter, and as spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.telemetry.course import Course
from meshclient.telemetry.series import CallSeries, call_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.commands import Attempt
    from meshclient.model.outcome import Outcome
    from meshclient.telemetry.call_span import AttemptSpan, CallSpan
    from meshclient.telemetry.calls import CallMeter
    from meshclient.telemetry.chosen import Values
    from meshclient.telemetry.spans import AttemptSpans


class CallTelling:
    """Tells of one call.

    Args:
        method: as sent.
        url: in full; asked for where there are spans.
        port: of the service, as the URL has it or its scheme implies.
        template: of the URL's path, where the caller gives one, or empty.
        clock: monotonic seconds.
        started: when the call began.
        age: seconds since the list of endpoints was confirmed, if ever; asked for where there are spans.
        meter: counts, or None.
        spans: makes spans, or None.
    """

    __slots__ = (
        "_age", "_clock", "_course", "_latest", "_meter", "_method", "_port", "_span", "_started", "_template", "_url",
        "_waiting",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - what there is to know of a call
        self,
        method: str,
        url: Callable[[], str],
        port: int,
        template: str,
        clock: Callable[[], float],
        started: float,
        age: Callable[[], float | None],
        meter: CallMeter | None,
        spans: AttemptSpans | None,
    ) -> None:
        self._method = method
        self._url = url
        self._port = port
        self._template = template
        self._clock = clock
        self._started = started
        self._age = age
        self._meter = meter
        self._course = Course()
        # Since when nothing is under way, after the first attempt.
        self._waiting: float | None = None
        self._latest: Outcome | None = None
        self._span: CallSpan | None = None if spans is None else spans.call(method)

    def started(self, attempt: Attempt) -> None:
        """An attempt begins."""
        course = self._course
        course.attempts += 1
        if attempt.hedge:
            course.hedges += 1
        elif self._waiting is not None:
            course.paused += max(0.0, attempt.pick.started - self._waiting)
        self._waiting = None

    def landed(self, outcome: Outcome) -> None:
        """An attempt ended, and decides for now how the call does."""
        self._latest = outcome
        self._waiting = self._clock()

    def taken_over(self, attempt: Attempt, outcome: Outcome, version: str, span: AttemptSpan | None) -> None:
        """An attempt that was made on the short road, and told of in `span`, ended so; `version` of HTTP, or empty."""
        if span is not None and self._span is not None:
            self._span.follow(span)
        self.started(attempt)
        self._attempted(outcome, attempt, version)

    def attempt(self, attempt: Attempt, headers: Values) -> AttemptTelling:
        """Tells of one attempt, as it is sent; `headers` gives those of its request."""
        span = None
        if self._span is not None:
            span = self._span.attempt(
                attempt.pick.endpoint,
                self._url(),
                self._port,
                self._template,
                self._age(),
                attempt.number,
                headers,
                hedge=attempt.hedge,
            )
        return AttemptTelling(self, attempt, span)

    def ended(self, error: BaseException | None = None) -> None:
        """The call ended: in `error`, or in a response with what landed last."""
        course, outcome = self._course, self._latest
        if self._meter is not None:
            self._meter.ended(self._method, outcome, error, self._clock() - self._started, course)
        if self._span is not None:
            series = CallSeries(*call_key(self._method, outcome, error))
            self._span.end(series, course.attempts, detach=not isinstance(error, GeneratorExit))

    def _attempted(self, outcome: Outcome | None, attempt: Attempt, version: str) -> None:
        if self._meter is not None:
            seconds = self._clock() - attempt.pick.started
            self._meter.attempted(self._method, outcome, seconds, self._port, version)


class AttemptTelling:
    """Tells of one attempt."""

    __slots__ = ("_attempt", "_call", "_span")

    def __init__(self, call: CallTelling, attempt: Attempt, span: AttemptSpan | None) -> None:
        self._call = call
        self._attempt = attempt
        self._span = span

    def landed(self, outcome: Outcome, version: str) -> None:
        """It ended; `version` of HTTP, or empty."""
        self._call._attempted(outcome, self._attempt, version)  # noqa: SLF001 - one thing in two parts
        if self._span is not None:
            self._span.end(outcome, version)

    def gave_up(self, why: BaseException) -> None:
        """It was cancelled, or its call was forgotten."""
        self._call._attempted(None, self._attempt, "")  # noqa: SLF001 - likewise
        if self._span is not None:
            # A finalizer runs anywhere, and has no context of this to leave.
            self._span.end(None, "", detach=not isinstance(why, GeneratorExit))
