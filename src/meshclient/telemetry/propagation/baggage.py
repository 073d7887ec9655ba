"""``baggage``, by W3C Baggage: what an application hands on to all that works for the same request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from meshclient.telemetry.propagation.carrier import gathered
from meshclient.telemetry.propagation.identifiers import completed
from meshclient.telemetry.propagation.propagator import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.telemetry.propagation.context import TraceContext
    from meshclient.telemetry.propagation.propagator import Fields, Headers

HEADER = "baggage"
# The most that the grammar allows, of which 64 have to be handed on; and the bytes that have to be, which are all that
# are (3.3.2): servers take little more of a header.
MOST_MEMBERS = 180
MOST_BYTES = 8192
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
# Of the octets of a value all but "%"; letters, digits and "_.-~" are always safe.
_SAFE = "!#$&'()*+/:<=>?@[]^`{|}"


@dataclass(frozen=True, slots=True)
class BaggageMember:
    """A member.

    Args:
        key: a token of RFC 9110.
        value: decoded.
        properties: names, each with its decoded value, or None for one that has none.
    """

    key: str
    value: str
    properties: tuple[tuple[str, str | None], ...] = ()


class BaggagePropagator:
    """The one header."""

    fields = (HEADER,)

    def extract(self, headers: Headers) -> TraceContext | None:
        """A trace that begins here and has this baggage; None where there is none."""
        finding = self.read(gathered(headers, self.fields))
        return None if finding is None else completed(finding)

    def read(self, fields: Fields) -> Finding | None:
        """What it says."""
        members = read_baggage(fields.get(HEADER, ()))
        return Finding(baggage=members) if members else None

    def inject(self, context: TraceContext) -> list[tuple[str, str]]:
        """The header, where there is something to say."""
        text = write_baggage(context.baggage)
        return [(HEADER, text)] if text else []


def read_baggage(values: Iterable[str]) -> tuple[BaggageMember, ...]:
    """The valid members of all header fields together, as many as may be handed on; keys may come twice."""
    return _bounded(member for text in ",".join(values).split(",") if (member := _member(text)) is not None)[0]


def write_baggage(members: Iterable[BaggageMember]) -> str:
    """The value of the header, which is valid whatever `members` say; whole members are left out at the limits."""
    return ",".join(_bounded(members)[1])


def _bounded(members: Iterable[BaggageMember]) -> tuple[tuple[BaggageMember, ...], list[str]]:
    kept: list[BaggageMember] = []
    texts: list[str] = []
    room = MOST_BYTES + 1
    for member in members:
        text = _written(member)
        if text and len(text) < room:
            kept.append(member)
            texts.append(text)
            room -= len(text) + 1
            if len(texts) == MOST_MEMBERS:
                break
    return tuple(kept), texts


def _member(text: str) -> BaggageMember | None:
    first, *rest = text.split(";")
    pair = _pair(first)
    properties = [_pair(part) for part in rest]
    if pair is None or pair[1] is None or None in properties:
        return None
    return BaggageMember(pair[0], pair[1], tuple(part for part in properties if part is not None))


def _pair(text: str) -> tuple[str, str | None] | None:
    key, equals, value = text.partition("=")
    key, value = key.strip(" \t"), value.strip(" \t")
    if not _TOKEN.fullmatch(key) or not _VALUE.fullmatch(value):
        return None
    return key, unquote(value, errors="replace") if equals else None


def _written(member: BaggageMember) -> str:
    parts = [(member.key, member.value), *member.properties]
    if not all(_TOKEN.fullmatch(key) for key, _ in parts):
        return ""
    return ";".join(key if value is None else f"{key}={quote(value, _SAFE, errors='replace')}" for key, value in parts)
