"""``error.type``: a word for how something failed, out of a short list.

The texts of errors name hosts, ports and records, and must not become an attribute: each would be a series of its own.
Of a call or an attempt it is one of `CALL_ERRORS`, or the status where a response came; of a failed answer of a
registry the class of the error, which `supervision.describe` puts in front of its text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient import errors
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from meshclient.model.outcome import Outcome

# OpenTelemetry's semantic conventions: the value for an error that has no name of its own.
OTHER = "_OTHER"
TIMEOUT = "timeout"
CANCELLED = "cancelled"

_CLASS = re.compile(r"([A-Z][A-Za-z0-9_]*[a-z][A-Za-z0-9_]*)(?::|$)")
_TIMEOUT = "no answer within "
_FIRST_ERROR = 400

# Why a call was refused before anything was sent: `meshclient.rejection.reason`.
_REFUSALS: dict[type[errors.MeshError], str] = {
    errors.CircuitOpen: "circuit_open",
    errors.Overloaded: "overloaded",
    errors.RateLimited: "rate_limited",
    errors.Draining: "draining",
}
_CALLS: dict[type[errors.MeshError], str] = {
    **_REFUSALS,
    errors.ServiceNotFound: "service_not_found",
    errors.NoEndpoints: "no_endpoints",
    errors.ResolverUnavailable: "resolver_unavailable",
    errors.DeadlineExceeded: "deadline_exceeded",
    errors.ConfigError: "config_error",
}
# All that there are, beside the statuses from 400 on.
CALL_ERRORS = (*_CALLS.values(), *(str(kind) for kind in Kind if kind is not Kind.OK), OTHER)


def error_type(cause: str) -> str:
    """A word for the ``Failed.cause`` of one registry.

    The name of the exception's class; ``timeout`` where no answer came in time; else ``_OTHER``.
    """
    if cause.startswith(_TIMEOUT):
        return TIMEOUT
    found = _CLASS.match(cause)
    return found[1] if found else OTHER


def of_status(status: int) -> str:
    """A word for a response to a client, or nothing where it is no error."""
    return str(status) if status >= _FIRST_ERROR else ""


def of_outcome(outcome: Outcome) -> str:
    """A word for how an attempt ended, or nothing where that is no error."""
    if outcome.status is not None:
        return of_status(outcome.status)
    return "" if outcome.kind is Kind.OK else str(outcome.kind)


def of_error(error: BaseException, latest: Outcome | None) -> str:
    """A word for what a call raised.

    Args:
        error: that.
        latest: how its last attempt ended, if there was one: an upstream's own error is named by it.
    """
    for known, word in _CALLS.items():
        if isinstance(error, known):
            return word
    if not isinstance(error, Exception) or type(error).__name__ == "CancelledError":
        return CANCELLED
    if latest is not None and latest.status is None and latest.kind is not Kind.OK:
        return str(latest.kind)
    return OTHER


def of_refusal(error: BaseException) -> str:
    """Why a call was refused, or nothing where it was not."""
    return next((word for known, word in _REFUSALS.items() if isinstance(error, known)), "")
