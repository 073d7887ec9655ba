"""What sets one series of a metric apart from another, and how many there can be.

An attribute that the world outside fills in, such as a method or a port, could have any number of values. Methods are
those that semantic conventions know, the rest is ``_OTHER``; beyond `MOST` series of a service, ports and versions are
not told apart any more.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from meshclient.model.outcome import Kind
from meshclient.telemetry.error_type import CANCELLED, of_error, of_refusal, of_status

if TYPE_CHECKING:
    from meshclient.model.outcome import Outcome

# http.request.method: RFC 9110, PATCH (RFC 5789) and QUERY.
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
# Semantic conventions for HTTP: a list of methods that takes the place of those.
_KNOWN = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"
OTHER_METHOD = "_OTHER"
# How a call went: ``meshclient.call.result``, where the fourth is ``cancelled``.
SUCCESS = "success"
FAILURE = "failure"
REJECTED = "rejected"

# Series of one service: five methods, ten statuses and twenty ports.
MOST = 1000


class AttemptSeries(NamedTuple):
    """Attempts that are counted together.

    Attributes:
        method: as in ``http.request.method``.
        status: of the response; 0 where there was none.
        error: ``error.type``, empty where it was none.
        port: of the service, as the URL has it.
        version: of HTTP, empty where it is not known.
    """

    method: str
    status: int
    error: str
    port: int
    version: str


class CallSeries(NamedTuple):
    """Calls that are counted together; as `AttemptSeries`.

    Attributes:
        method: likewise.
        status: likewise.
        error: likewise.
        result: ``success``, ``failure``, ``rejected`` or ``cancelled``.
    """

    method: str
    status: int
    error: str
    result: str


@cache
def known_methods() -> frozenset[str]:
    """The methods that are told apart; the environment is read once."""
    given = os.environ.get(_KNOWN)
    return _METHODS if given is None else frozenset(filter(None, map(str.strip, given.split(","))))


def method_of(method: str) -> str:
    """``http.request.method``."""
    return method if method in known_methods() else OTHER_METHOD


def call_key(method: str, outcome: Outcome | None, error: BaseException | None) -> tuple[str, int, str, str]:
    """What a call that ended so is counted by: a `CallSeries`, which costs more. Arguments as of `CallMeter.ended`."""
    name = method_of(method)
    if error is not None:
        word = of_error(error, outcome)
        if of_refusal(error):
            return name, 0, word, REJECTED
        return name, 0, word, CANCELLED if word == CANCELLED else FAILURE
    status = 0 if outcome is None else outcome.status or 0
    well = outcome is not None and outcome.kind is Kind.OK
    return name, status, of_status(status), SUCCESS if well else FAILURE
