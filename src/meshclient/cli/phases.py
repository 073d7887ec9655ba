"""Where the time of a call went, phase by phase.

The library's report says when each attempt began and how it ended; a trace function hears the steps of its exchange.
Hedged attempts run in threads of their own, by which their steps are told apart.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshclient.model.report import AttemptReport, CallReport


class Phase(StrEnum):
    """What a call spends its time on."""

    RESOLVE = "resolve"
    POOL = "pool"
    CONNECT = "connect"
    TLS = "tls"
    WRITE = "write"
    FIRST_BYTE = "first_byte"
    BODY = "body"
    BACK_OFF = "back_off"


@dataclass(frozen=True, slots=True)
class Span:
    """A phase, in seconds since the call began; `attempt` counts from 1, as `in_order` does; None for none."""

    phase: Phase
    attempt: int | None
    begin: float
    end: float

    def as_dict(self) -> dict[str, object]:
        """The span as JSON-ready data."""
        return {
            "phase": str(self.phase),
            "attempt": self.attempt,
            "begin_seconds": self.begin,
            "end_seconds": self.end,
        }


@dataclass(frozen=True, slots=True)
class Heard:
    """A step of an exchange: when, on which thread, and what the engine notes of it."""

    at: float
    thread: int
    event: str
    began: float | None = None
    opened: bool = True
    shook: float | None = None


class Listener:
    """A trace function, for ``extensions["trace"]`` of one request; attempts of any thread may call it."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.begun = time.monotonic()

    def __call__(self, event: str, info: Mapping[str, object]) -> None:
        """Take note of a step, as the httpx extension has it."""
        began, shook = info.get("began"), info.get("shook")
        self.heard.append(
            Heard(
                time.monotonic(),
                threading.get_ident(),
                event.partition(".")[2],
                began if isinstance(began, float) else None,
                info.get("opened") is not False,
                shook if isinstance(shook, float) else None,
            )
        )


@dataclass(frozen=True, slots=True)
class Trace:
    """The phases of one call.

    Args:
        url: what was called.
        report: the library's, or None where the host is no service.
        spans: in the order in which they began.
        end: seconds from the call's begin to the end of the body, or to the error.
    """

    url: str
    report: CallReport | None
    spans: tuple[Span, ...]
    end: float

    def of(self, attempt: int | None) -> list[Span]:
        """The phases of one attempt; of None those that belong to no attempt."""
        return [span for span in self.spans if span.attempt == attempt]

    def as_dict(self) -> dict[str, object]:
        """The trace as JSON-ready data."""
        return {"total_seconds": self.end, "phases": [span.as_dict() for span in self.spans]}


def in_order(report: CallReport | None) -> list[AttemptReport]:
    """The attempts in the order in which they began, which need not be that of the report."""
    return sorted(() if report is None else report.attempts, key=lambda attempt: attempt.started)


def trace_of(url: str, report: CallReport | None, listener: Listener, ended: float) -> Trace:
    """The phases of the call to which `listener` listened, and that ended at `ended` on the monotonic clock."""
    exchanges = _exchanges(listener.heard)
    attempts = in_order(report)
    if not attempts:
        end = ended - listener.begun
        spans = [] if report is None else [Span(Phase.RESOLVE, None, 0.0, end)]
        for steps in exchanges:
            spans += _spans(steps, 1, listener.begun, steps[0].at, ended)
        return Trace(url, report, tuple(_ordered(spans)), end)
    zero = _zero(attempts, exchanges, listener.begun)
    spans = [Span(Phase.RESOLVE, None, 0.0, attempts[0].started)]
    left = list(exchanges)
    for number, attempt in enumerate(attempts, 1):
        begun, over = zero + attempt.started, zero + attempt.started + attempt.duration
        found = [each for each in left if begun - _BLUR <= each[0].at <= over + _BLUR]
        if found and found[0][0].event == _INJECTED:
            # What was put in its way on purpose is no phase; what was sent behind it, if it was, has some.
            left.remove(found[0])
            found = [each for each in found[1:] if each[0].thread == found[0][0].thread and each[0].at <= over]
            begun = found[0][0].at if found else begun
        for steps in found[:1]:
            left.remove(steps)
            spans += _spans(steps, number, zero, begun, over)
    spans += _back_offs(attempts)
    return Trace(url, report, tuple(_ordered(spans)), max(ended - zero, *(span.end for span in spans)))


# Seconds by which the begin of an attempt and the first step of its exchange may be apart in the wrong direction.
_BLUR = 0.0005


def _ordered(spans: list[Span]) -> list[Span]:
    return sorted((span for span in spans if span.end > span.begin), key=lambda span: (span.begin, span.end))


def _exchanges(heard: Sequence[Heard]) -> list[list[Heard]]:
    """The steps of each exchange together, in the order in which the exchanges began."""
    running: dict[int, list[Heard] | None] = {}
    found: list[list[Heard]] = []
    for step in heard:
        steps = running.get(step.thread)
        begins = step.event in _BEGINNINGS or (
            step.event == "send_request_headers.started" and not (steps and steps[-1].event in _OPENED)
        )
        if steps and steps[0].event == _INJECTED and step.event in _PRETENDED[len(steps) - 1 : len(steps)]:
            begins = False
        if step.event == "receive_response_body.started" and not (steps and steps[-1].event == _HEADED):
            # Whoever made the call reads the body of an attempt that had a thread of its own.
            steps = running[step.thread] = next((each for each in reversed(found) if each[-1].event == _HEADED), None)
        if steps is None or begins:
            steps = running[step.thread] = []
            found.append(steps)
        steps.append(step)
    return sorted(found, key=lambda steps: steps[0].at)


# A fault on purpose (`meshclient.http.trail.INJECTED`), and what is told of it as if it were sent.
_INJECTED = "injected"
_PRETENDED = ("connect_tcp.started", "send_request_headers.started")
_BEGINNINGS = frozenset({"connect_tcp.started", "connect_unix_socket.started", _INJECTED})
_HEADED = "receive_response_headers.complete"
# After which a connection is ready to be written to, on the engine's way or on that of httpcore.
_OPENED = frozenset(
    {"connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete", "send_connection_init.complete"}
)


def _zero(attempts: Sequence[AttemptReport], exchanges: Sequence[Sequence[Heard]], begun: float) -> float:
    """When the call began, on the monotonic clock: the report counts from there and does not tell.

    The first step of an exchange follows on the begin of its attempt, at once unless the machine is busy: the one that
    followed the soonest tells.
    """
    if not exchanges:
        return begun
    # Where an attempt was not heard nobody knows which.
    pairs = zip(exchanges, attempts, strict=False) if len(exchanges) == len(attempts) else [(exchanges[0], attempts[0])]
    return max(begun, min(steps[0].at - attempt.started for steps, attempt in pairs))


def _spans(steps: Sequence[Heard], number: int, zero: float, begun: float, over: float) -> list[Span]:
    """The phases of one exchange; what has no end of its own ends with the attempt."""
    marks: list[tuple[float, Phase | None]] = [(begun, Phase.POOL)]
    # The engine notes when a handshake began, and tells of it in events when it is over.
    noted = any(step.began is not None for step in steps)
    for step in steps:
        if not (noted and step.event.startswith("start_tls.")):
            _mark(marks, step)
    marks.append((max(over, marks[-1][0]), None))
    return [
        Span(phase, number, at - zero, then - zero) for (at, phase), (then, _) in pairwise(marks) if phase is not None
    ]


def _mark(marks: list[tuple[float, Phase | None]], step: Heard) -> None:
    """Add to `marks` the times from which on something else is done."""
    name, _, state = step.event.partition(".")
    if state == "started":
        phase = _BEGINS.get(name)
        if phase is not None:
            marks.append((step.at, phase))
    elif name in _CONNECTS and step.began is not None:
        # Told when the wait for a free connection began, which may be all that it was.
        marks.pop()
        marks += [(step.began, Phase.CONNECT)] if step.opened else []
        marks += [(step.shook, Phase.TLS)] if step.shook is not None else []
        marks.append((step.at, None))
    elif step.event == "send_request_body.complete":
        marks.append((step.at, Phase.FIRST_BYTE))
    elif state == "failed" or name in _ENDS:
        marks.append((step.at, None))


_CONNECTS = frozenset({"connect_tcp", "connect_unix_socket"})
_BEGINS = MappingProxyType(
    {
        **dict.fromkeys(_CONNECTS, Phase.CONNECT),
        "start_tls": Phase.TLS,
        "send_request_headers": Phase.WRITE,
        "receive_response_body": Phase.BODY,
    }
)
_ENDS = frozenset({*_CONNECTS, "start_tls", "receive_response_headers", "receive_response_body", "response_closed"})


def _back_offs(attempts: Sequence[AttemptReport]) -> list[Span]:
    """The times between attempts in which none was under way."""
    spans = []
    over = attempts[0].started
    for before, attempt in pairwise(attempts):
        over = max(over, before.started + before.duration)
        if attempt.started > over:
            spans.append(Span(Phase.BACK_OFF, None, over, attempt.started))
    return spans
