"""One instance of a service: where it listens and what its registry says of it."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})
MAX_PORT = 65535
UNIX = "unix:"
# Linux's sun_path with its end (unix(7)); elsewhere it is shorter by a few.
MAX_SOCKET_PATH = 107
# A weight is a share relative to its neighbours; the bounds keep sums and ratios of thousands of them exact enough.
MAX_WEIGHT = 1e6

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?")
# ipaddress takes nearly anything for the zone of a scoped address (RFC 4007), line breaks included.
_SCOPE = re.compile(r"[A-Za-z0-9_.-]+")
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)+\.?")
# RFC 1035, section 2.3.4; a socket refuses longer labels with an error of its own.
_MAX_LABEL = 63
# What an internationalised label may hold (RFC 5892, sections 2.1, 2.2 and 2.6); its characters that are only valid in
# some contexts are left out, since the standard library has no tables for those.
_LETTERS = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"})
_LETTERS_BY_EXCEPTION = frozenset("\u00df\u03c2\u06fd\u06fe\u0f0b\u3007-")
# Section 2.6 again, with 2.7 to 2.9: marks and letters that are not allowed all the same.
_NO_LETTER = re.compile(
    "[\u034f\u0640\u07fa\u1100-\u11ff\u17b4\u17b5\u180b-\u180f\u20d0-\u20ff\u302e\u302f\u3031-\u3035\u303b"
    "\ua960-\ua97f\ud7b0-\ud7ff\ufe00-\ufe0f\U0001d100-\U0001d24f\U000e0100-\U000e01ef]"
)
_LDH = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_NO_METADATA: Mapping[str, str] = MappingProxyType({})


class Health(StrEnum):
    """What the registry last said about an endpoint."""

    PASSING = "passing"
    WARNING = "warning"
    CRITICAL = "critical"
    DRAINING = "draining"
    UNKNOWN = "unknown"


class EndpointAttributes(TypedDict, total=False):
    """What an endpoint has beside its address; as in `Endpoint`."""

    scheme: str
    id: str
    weight: float
    priority: int
    zone: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a service, with what the registry knows about it.

    Args:
        host: IP literal (IPv6 without brackets) or host name; the path of a Unix socket.
        port: 1 to 65535; 0 for a Unix socket.
        scheme: ``http`` or ``https``; ``http`` for a Unix socket.
        id: the registry's own instance id; empty where it has none.
        weight: relative share, above 0 and at most 1e6; 1 is the norm.
        priority: 0 is used first; a higher number only when no lower one is usable (RFC 2782).
        zone: availability zone, or empty.
        tags: labels, in the registry's order.
        metadata: the registry's attributes; kept read-only.
        health: the registry's word; ejection by observed failures is kept elsewhere.
        is_socket: whether it is a Unix socket of this host. What a registry elsewhere says must never be one.

    Raises ValueError naming the offending field. The identity `key` is (scheme, host, port, id): everything else may
    change without the endpoint losing its history.
    """

    host: str
    port: int
    scheme: str = "http"
    id: str = ""
    weight: float = 1.0
    priority: int = 0
    zone: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: _NO_METADATA, hash=False)
    health: Health = Health.UNKNOWN
    is_socket: bool = False

    def __post_init__(self) -> None:
        if self.is_socket:
            self._check_socket()
        else:
            _check_host(self.host)
        if self.scheme not in DEFAULT_PORTS:
            msg = f"scheme {self.scheme!r} of {self.host}:{self.port} is not supported: use http or https"
            raise ValueError(msg)
        if not self.is_socket and (type(self.port) is not int or not 1 <= self.port <= MAX_PORT):
            msg = f"port {self.port!r} of host {self.host!r} is out of range: use 1 to {MAX_PORT}"
            raise ValueError(msg)
        if not 0 < self.weight <= MAX_WEIGHT:
            msg = f"weight {self.weight!r} of {self.host}:{self.port} must be above 0 and at most {MAX_WEIGHT:g}"
            raise ValueError(msg)
        if self.priority < 0:
            msg = f"priority {self.priority!r} of {self.host}:{self.port} must not be negative"
            raise ValueError(msg)
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @classmethod
    def parse(cls, text: str, *, scheme: str = "http", sockets: bool = False) -> Endpoint:
        """An endpoint from ``[scheme://]host[:port]``, IPv6 literals in brackets; with `sockets` ``unix:/path`` too.

        `scheme` is taken where the text names none; the port falls back to the scheme's own (80, 443).
        Raises ValueError for a path, query, user or anything that is not an address; what stands before an ``@`` is
        never shown.
        """
        stripped = text.strip()
        if sockets and stripped[:5].lower() == UNIX:
            # Nothing is escaped, and "unix:///run/a.sock" is as good.
            path = stripped[5:].replace("///", "/", 1) if stripped[5:8] == "///" else stripped[5:]
            if not path.startswith("/"):
                msg = f"{text!r} is not an endpoint: write unix: and the whole path of a Unix socket, from / on"
                raise ValueError(msg)
            return cls(path, 0, is_socket=True)
        if "@" in stripped:
            msg = (
                f"{without_user(stripped)!r} is not an endpoint: a user and password have no meaning there, "
                "write [scheme://]host[:port] and nothing else"
            )
            raise ValueError(msg)
        try:
            parts = urlsplit(stripped if "://" in stripped else f"{scheme}://{stripped}")
            port, host = parts.port, parts.hostname
        except ValueError as exc:
            msg = f"{text!r} is not an endpoint: {exc}"
            raise ValueError(msg) from None
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            msg = f"{text!r} is not an endpoint: write [scheme://]host[:port] and nothing else"
            raise ValueError(msg)
        if not host:
            msg = f"{text!r} is not an endpoint: it names no host"
            raise ValueError(msg)
        return cls(
            host=host,
            port=DEFAULT_PORTS.get(parts.scheme, 0) if port is None else port,
            scheme=parts.scheme,
        )

    @property
    def key(self) -> tuple[str, str, int, str]:
        """The identity under which an endpoint's history is kept."""
        return (self.scheme, self.host, self.port, self.id)

    def _check_socket(self) -> None:
        named = self.host.startswith("/") and not self.host.endswith("/")
        if not named or not self.host.isprintable() or len(self.host.encode()) > MAX_SOCKET_PATH:
            msg = (
                f"{self.host!r} is no path of a Unix socket: those have 1 to {MAX_SOCKET_PATH} printable bytes, and "
                "name a file"
            )
            raise ValueError(msg)
        if self.port or self.scheme != "http":
            msg = f"the Unix socket {self.host} has neither a port nor TLS: write unix:{self.host} and nothing else"
            raise ValueError(msg)

    @property
    def authority(self) -> str:
        """``host:port``, an IPv6 literal in brackets; ``unix:/path`` for a Unix socket."""
        if self.is_socket:
            return UNIX + self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """``scheme://host:port``; ``unix:/path`` for a Unix socket."""
        return self.authority if self.is_socket else f"{self.scheme}://{self.authority}"

    @property
    def usable(self) -> bool:
        """Whether the registry would send traffic here."""
        return self.health not in (Health.CRITICAL, Health.DRAINING)

    def __str__(self) -> str:
        return self.url

    def __reduce__(self) -> tuple[type[Endpoint], tuple[object, ...]]:
        # Reports go into queues and deep copies, where a mapping proxy cannot follow.
        state = {f.name: getattr(self, f.name) for f in fields(self)} | {"metadata": dict(self.metadata)}
        return type(self), tuple(state.values())


def without_user(text: str) -> str:
    """`text` for people, without what stands before its last ``@``, where people write passwords."""
    _, at, rest = text.rpartition("@")
    return f"...@{rest}" if at else text


def _check_host(host: str) -> None:
    if ":" in host:
        try:
            scope = ipaddress.IPv6Address(host).scope_id
        except ValueError:
            shown = without_user(host)
            msg = f"host {shown!r} is neither a name nor an IPv6 address (give the port apart, and no brackets)"
            raise ValueError(msg) from None
        if scope is not None and not _SCOPE.fullmatch(scope):
            msg = f"host {host!r} is an IPv6 address with an impossible zone"
            raise ValueError(msg)
    elif not _HOST.fullmatch(host):
        msg = f"host {without_user(host)!r} is not a host name or IP address"
        raise ValueError(msg)
    elif _DIGITS.fullmatch(host):
        _check_ipv4(host)
    else:
        _check_labels(host)


def _check_ipv4(host: str) -> None:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        msg = f"host {host!r} is not an IPv4 address: write four numbers from 0 to 255, without leading zeros"
        raise ValueError(msg) from None


def _check_labels(host: str) -> None:
    labels = host.lower().removesuffix(".").split(".")
    if not all(0 < len(label) <= _MAX_LABEL for label in labels):
        msg = f"host {host!r} is not a host name: each label between dots has 1 to {_MAX_LABEL} characters"
        raise ValueError(msg)
    if labels[0].startswith("xn--") and not all(map(_LDH.fullmatch, labels)):
        msg = f"host {host!r} is not a host name: internationalised ones have letters, digits and hyphens only"
        raise ValueError(msg)
    for label in labels:
        if label.startswith("xn--") and not _is_a_label(label.removeprefix("xn--")):
            msg = f"host {host!r} is not a host name: {label!r} is no internationalised label (RFC 5891)"
            raise ValueError(msg)


def _is_a_label(encoded: str) -> bool:
    # RFC 5891, section 5.4. The "idna" codec does not do: it knows IDNA 2003 only, which has no sharp s.
    try:
        text = encoded.encode("ascii").decode("punycode")
        again = text.encode("punycode").decode("ascii")
    except (ValueError, OverflowError):
        return False
    return (
        again == encoded
        and not text.isascii()
        and unicodedata.is_normalized("NFC", text)
        and not text.startswith("-")
        and not text.endswith("-")
        and text[2:4] != "--"
        and not unicodedata.category(text[0]).startswith("M")
        and all(map(_is_letter, text))
        and not _NO_LETTER.search(text)
        and _has_one_direction(text)
    )


def _has_one_direction(text: str) -> bool:
    # RFC 5893, section 2, for the characters that `_is_letter` leaves.
    directions = [unicodedata.bidirectional(char) for char in text]
    if _RIGHT_TO_LEFT.isdisjoint(directions):
        return True
    last = next((each for each in reversed(directions) if each != "NSM"), "")
    return (
        directions[0] in ("R", "AL")
        and "L" not in directions
        and last in ("R", "AL", "EN", "AN")
        and not {"EN", "AN"} <= set(directions)
    )


def _is_letter(char: str) -> bool:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).casefold())
    return char in _LETTERS_BY_EXCEPTION or (folded == char and unicodedata.category(char) in _LETTERS)
