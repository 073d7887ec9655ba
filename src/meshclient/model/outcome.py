"""How an attempt ended, and what follows from each kind of ending.

All classification stands in one table, `VERDICTS`: whether the request may have reached the server, how the ending
reflects on the endpoint, and when another attempt is allowed. Drivers only name the kind; nothing else in the project
looks at a status code or an exception to decide about retries or ejection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """The ways an attempt can end."""

    OK = "ok"
    BUSY = "busy"
    SERVER_ERROR = "server_error"
    CONNECT_ERROR = "connect_error"
    CONNECT_TIMEOUT = "connect_timeout"
    POOL_TIMEOUT = "pool_timeout"
    TIMEOUT = "timeout"
    STALE_CONNECTION = "stale_connection"
    DISCONNECTED = "disconnected"
    PROTOCOL_ERROR = "protocol_error"
    STALLED = "stalled"
    CONNECT_STALLED = "connect_stalled"
    LOCAL_ERROR = "local_error"
    CANCELLED = "cancelled"


class Sent(StrEnum):
    """Whether the server can have seen the request."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"

    @property
    def words(self) -> str:
        """What a person is told."""
        return _SENT_IN_WORDS[self]


_SENT_IN_WORDS = {Sent.NO: "never sent", Sent.MAYBE: "may have been received", Sent.YES: "received"}


class Mark(Enum):
    """How an ending counts in the endpoint's record."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


class Repeat(Enum):
    """When another attempt may follow."""

    NEVER = "never"
    IF_IDEMPOTENT = "if_idempotent"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from one kind of ending.

    Args:
        sent: whether the request may have reached the server.
        mark: its weight in consecutive-failure counting.
        repeat: when another attempt is allowed.
        penalised: whether it counts in the failure ratio by which an endpoint's load is weighed
            (`meshclient.core.balance.blame`), so that one which fails fast does not draw calls.
    """

    sent: Sent
    mark: Mark
    repeat: Repeat
    penalised: bool


VERDICTS: Mapping[Kind, Verdict] = MappingProxyType(
    {
        Kind.OK: Verdict(Sent.YES, Mark.SUCCESS, Repeat.NEVER, penalised=False),
        # 408, 425, 429: the endpoint works and asks for less; it gets less, but is not on its way out (Linkerd).
        Kind.BUSY: Verdict(Sent.YES, Mark.NEUTRAL, Repeat.IF_IDEMPOTENT, penalised=True),
        Kind.SERVER_ERROR: Verdict(Sent.YES, Mark.FAILURE, Repeat.IF_IDEMPOTENT, penalised=True),
        Kind.CONNECT_ERROR: Verdict(Sent.NO, Mark.FAILURE, Repeat.ALWAYS, penalised=True),
        Kind.CONNECT_TIMEOUT: Verdict(Sent.NO, Mark.FAILURE, Repeat.ALWAYS, penalised=True),
        # The caller's own connection pool was full: the endpoint had no part in it.
        Kind.POOL_TIMEOUT: Verdict(Sent.NO, Mark.NEUTRAL, Repeat.ALWAYS, penalised=False),
        Kind.TIMEOUT: Verdict(Sent.MAYBE, Mark.FAILURE, Repeat.IF_IDEMPOTENT, penalised=True),
        # The time was up because the caller's own event loop stood still; the answer may have been there all along.
        Kind.STALLED: Verdict(Sent.MAYBE, Mark.NEUTRAL, Repeat.IF_IDEMPOTENT, penalised=False),
        # Likewise, while the connection was being opened.
        Kind.CONNECT_STALLED: Verdict(Sent.NO, Mark.NEUTRAL, Repeat.ALWAYS, penalised=False),
        # RFC 9112 section 9.3.1: a server may close an idle connection at any time, also while we write to it.
        Kind.STALE_CONNECTION: Verdict(Sent.MAYBE, Mark.NEUTRAL, Repeat.IF_IDEMPOTENT, penalised=False),
        Kind.DISCONNECTED: Verdict(Sent.MAYBE, Mark.FAILURE, Repeat.IF_IDEMPOTENT, penalised=True),
        Kind.PROTOCOL_ERROR: Verdict(Sent.YES, Mark.FAILURE, Repeat.IF_IDEMPOTENT, penalised=True),
        Kind.LOCAL_ERROR: Verdict(Sent.NO, Mark.NEUTRAL, Repeat.NEVER, penalised=False),
        Kind.CANCELLED: Verdict(Sent.MAYBE, Mark.NEUTRAL, Repeat.NEVER, penalised=False),
    }
)

_BUSY = frozenset({408, 425, 429})
# 501 and 505 answer the request itself: any other instance would say the same.
_ANSWERED = frozenset({501, 505})
_FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended.

    Args:
        kind: the row of `VERDICTS`.
        status: HTTP status where a response head arrived.
        retry_after: seconds the server asked to wait, from ``Retry-After``.
        detail: words for a person: the error's text.
        injected: which fault was put in its way on purpose, in words; empty for none.

    Attributes:
        verdict: what follows from it.
    """

    kind: Kind
    status: int | None = None
    retry_after: float | None = None
    detail: str = ""
    injected: str = ""
    verdict: Verdict = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", VERDICTS[self.kind])


_OK = {status: Outcome(Kind.OK, status) for status in range(100, 500)}
CANCELLED = Outcome(Kind.CANCELLED)


def classify_status(status: int, retry_after: float | None = None) -> Outcome:
    """The outcome of a response head with this status code."""
    if status < _FIRST_SERVER_ERROR and status not in _BUSY:
        return _OK.get(status) or Outcome(Kind.OK, status)
    if status in _BUSY:
        return Outcome(Kind.BUSY, status, retry_after)
    kind = Kind.OK if status in _ANSWERED else Kind.SERVER_ERROR
    return Outcome(kind, status, retry_after)
