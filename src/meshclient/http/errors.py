"""meshclient's errors as an httpx client raises them: each also is what httpx calls that situation.

Existing code catches ``httpx.ConnectError`` when a host cannot be reached and ``httpx.TimeoutException`` when time is
up; it goes on working, and code that knows meshclient catches the neutral class of `meshclient.errors`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx

from meshclient import errors

if TYPE_CHECKING:
    from meshclient.model.report import AttemptReport, CallReport, SnapshotReport


class HttpServiceNotFound(errors.ServiceNotFound, httpx.ConnectError):
    """`ServiceNotFound`, and an httpx.ConnectError."""


class HttpNoEndpoints(errors.NoEndpoints, httpx.ConnectError):
    """`NoEndpoints`, and an httpx.ConnectError."""


class HttpResolverUnavailable(errors.ResolverUnavailable, httpx.ConnectError):
    """`ResolverUnavailable`, and an httpx.ConnectError."""


class HttpCircuitOpen(errors.CircuitOpen, httpx.TransportError):
    """`CircuitOpen`, and an httpx.TransportError."""


class HttpOverloaded(errors.Overloaded, httpx.TransportError):
    """`Overloaded`, and an httpx.TransportError."""


class HttpDeadlineExceeded(errors.DeadlineExceeded, httpx.TimeoutException):
    """`DeadlineExceeded`, and an httpx.TimeoutException."""


_FLAVOURS: dict[type[errors.MeshError], type[httpx.TransportError]] = {
    errors.ServiceNotFound: HttpServiceNotFound,
    errors.NoEndpoints: HttpNoEndpoints,
    errors.ResolverUnavailable: HttpResolverUnavailable,
    errors.CircuitOpen: HttpCircuitOpen,
    errors.Overloaded: HttpOverloaded,
}

# Plugins tell a refusal by the name of its class, with which a cause begins.
_DENIED = re.compile(r"\w*Denied\b")
_NEXT_STEP: dict[type[errors.MeshError], str] = {
    errors.ServiceNotFound: "check the name's spelling and where it is registered: {resolve}",
    errors.NoEndpoints: "see which instances are healthy: {resolve}",
    errors.ResolverUnavailable: "check that the registry is reachable from here: {resolve}",
    errors.CircuitOpen: "look why the service fails; throttle = false or circuit = false lets every call through",
    errors.Overloaded: "call less at once, or raise limit in the configuration",
}


def flavoured(error: errors.MeshError, report: CallReport, request: httpx.Request) -> Exception:
    """`error` as the httpx class of its situation, its message completed by what was sent and what to do next.

    One that comes from elsewhere, as from a strategy of the user's, stays as it is.
    """
    neutral = type(error)
    if neutral not in _FLAVOURS:
        annotate(error, report)
        return error
    step = _next_step(neutral, report)
    made = _FLAVOURS[neutral](f"{error}; {story(report)}; {step}", request=request)
    made.mesh = report  # type: ignore[attr-defined]
    if isinstance(error, errors.RejectedError):
        made.retry_after = error.retry_after  # type: ignore[attr-defined]
    return made


def deadline_exceeded(report: CallReport, request: httpx.Request, seconds: float) -> HttpDeadlineExceeded:
    """The call's own time, `seconds` in all, is up."""
    made = HttpDeadlineExceeded(
        f"the call to {report.service!r} did not end within its deadline of {seconds:.3g}s; {story(report)}; "
        'give it more time with deadline = "..." in the configuration or extensions={"mesh": {"deadline": seconds}}',
        request=request,
    )
    made.mesh = report
    return made


def annotate(error: Exception, report: CallReport) -> None:
    """Attach the call's story to an upstream's own error, which otherwise stays as httpx raised it."""
    error.mesh = report  # type: ignore[attr-defined]
    unreached = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    step = f"; see where it is listed: {_resolve_command(report)}" if unreached else ""
    error.add_note(f"meshclient: call to service {report.service!r}: {story(report)}{step}")


def caused_by(failure: Exception, error: Exception | None) -> Exception:
    """`failure`, to be raised because of `error`, unless it is `error` itself, whose own cause then stands."""
    if failure is not error:
        failure.__cause__ = error
    return failure


def story(report: CallReport) -> str:
    """What was tried and whether anything was sent, in one line."""
    if not report.attempts:
        return "nothing was sent"
    told, before = [], ""
    for at, attempt in enumerate(report.attempts, 1):
        what = _what(attempt)
        told.append(_attempt(at, attempt, "the same" if what == before else what))
        before = what
    return f"tried {'; '.join(told)}"


def _next_step(neutral: type[errors.MeshError], report: CallReport) -> str:
    snapshot = report.snapshot
    if neutral is errors.NoEndpoints and snapshot is not None and _asks_nobody(snapshot):
        return f"name a resolver, or write endpoints into [services.{report.service}]"
    if neutral is errors.ResolverUnavailable and snapshot is not None and _DENIED.match(snapshot.cause):
        return f"check the credentials that it is asked with, and what they allow: {_resolve_command(report)}"
    return _NEXT_STEP[neutral].format(resolve=_resolve_command(report))


def _resolve_command(report: CallReport) -> str:
    source = report.snapshot.source if report.snapshot else ""
    # A resolver given in code is in no configuration file for the command to find.
    asked = "--resolver '" + source.replace("'", "'\\''") + "' " if "://" in source else ""
    return f"meshclient {asked}resolve {report.service}"


def _asks_nobody(snapshot: SnapshotReport) -> bool:
    """Whether the configuration alone was looked into, and has nothing."""
    return snapshot.state == "empty" and "://" not in snapshot.source


def _what(attempt: AttemptReport) -> str:
    outcome = attempt.outcome
    what = f"status {outcome.status}" if outcome.status is not None else (outcome.detail or str(outcome.kind))
    # The address stands before it.
    return what.replace(f"{attempt.endpoint.url}: ", "")


def _attempt(number: int, attempt: AttemptReport, what: str) -> str:
    sent, why = attempt.outcome.verdict.sent.words, f", {attempt.reason}" if attempt.reason else ""
    return f"{number}. {attempt.endpoint.url} ({what}, after {attempt.duration:.3g}s, {sent}{why})"
