"""What an attempt that brought no response head died of: the endpoint, the way there, or this process itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.core.record import late
from meshclient.http.classification import classify_error
from meshclient.model.outcome import Kind, Outcome

if TYPE_CHECKING:
    from meshclient.core.commands import Attempt
    from meshclient.http.trail import Trail

# Share of its time limit for which this process may have stood still before a timeout is its own fault.
STALL_SHARE = 0.1


def no_head(attempt: Attempt) -> httpx.ReadTimeout:
    """The error of an attempt whose time was up."""
    return httpx.ReadTimeout(
        f"{attempt.pick.endpoint.url} gave no response head within {attempt.timeout:.3g}s (attempt_timeout)"
    )


def failed(attempt: Attempt, trail: Trail, error: Exception, stood: float, connect_timeout: float) -> Outcome:
    """The outcome of an attempt that ended in `error`; `stood` is for how many seconds of it this process did nothing.

    Args:
        attempt: the one.
        trail: how far it got.
        error: one of httpx's.
        stood: seconds.
        connect_timeout: seconds that a connection may take.
    """
    return _own_fault(classify_error(error, trail), stood, attempt.timeout, connect_timeout)


def interrupted(attempt: Attempt, trail: Trail, stood: float, connect_timeout: float) -> tuple[Outcome, Exception]:
    """The outcome of an attempt whose time was up, and its error; arguments as of `failed`."""
    seconds = attempt.timeout
    error: Exception
    if trail.waited(attempt.pick.started) - stood > seconds / 2:
        error = httpx.PoolTimeout(
            f"most of the {seconds:.3g}s for an attempt went by until a connection was free; raise httpx.Limits"
        )
        return classify_error(error, trail), error
    if trail.connected and trail.wrote is None:
        error = httpx.ConnectTimeout(f"no connection to {attempt.pick.endpoint.url} in {seconds:.3g}s")
        return failed(attempt, trail, error, stood, connect_timeout), error
    return _own_fault(late(attempt), stood, seconds, connect_timeout), no_head(attempt)


def _own_fault(outcome: Outcome, stood: float, seconds: float, connect_timeout: float) -> Outcome:
    """A timeout for which this process stood still is nobody else's."""
    if outcome.kind is Kind.CONNECT_TIMEOUT:
        seconds = min(seconds, connect_timeout)
    elif outcome.kind is not Kind.TIMEOUT:
        return outcome
    if stood < STALL_SHARE * seconds:
        return outcome
    kind = Kind.CONNECT_STALLED if outcome.kind is Kind.CONNECT_TIMEOUT else Kind.STALLED
    return Outcome(kind, detail=f"{outcome.detail}, of which this process itself stood still for {stood:.3g}s")
