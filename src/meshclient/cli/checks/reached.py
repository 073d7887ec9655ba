"""What connecting to an endpoint showed: what the categories endpoints, TLS and clock decide on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint


class How(StrEnum):
    """How far it went."""

    ANSWERED = "answered"
    OPENED = "opened"  # and nothing was asked
    NO_ADDRESS = "no_address"
    UNREACHED = "unreached"
    SILENT = "silent"
    CLOSED = "closed"  # by the other side, after the question
    NOT_HTTP = "not_http"
    SPEAKS_TLS = "speaks_tls"
    TLS_FAILED = "tls_failed"


class Flaw(StrEnum):
    """Why a handshake failed."""

    PLAIN = "plain"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    WRONG_NAME = "wrong_name"
    UNTRUSTED = "untrusted"
    CLIENT = "client"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Span:
    """When a certificate is valid, in seconds since 1970."""

    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Dated:
    """What a server's clock shows.

    Args:
        source: whose clock.
        theirs: its time, in whole seconds since 1970.
        ours: this host's when the answer came.
        seconds: that the question took.
    """

    source: str
    theirs: float
    ours: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Reached:
    """One endpoint of one service.

    Args:
        service: its name.
        endpoint: where.
        how: how far it went.
        words: what went wrong.
        elsewhere: the address beside it at which something does listen, or empty.
        flaw: why the handshake failed, or None.
        certificate: what was shown, where that was verified.
        dated: its clock, or None.
    """

    service: str
    endpoint: Endpoint
    how: How
    words: str = ""
    elsewhere: str = ""
    flaw: Flaw | None = None
    certificate: Span | None = None
    dated: Dated | None = None

    @property
    def connected(self) -> bool:
        """Whether something listens there."""
        return self.how not in (How.NO_ADDRESS, How.UNREACHED)
