"""``X-Amzn-Trace-Id``, the header of AWS X-Ray and of AWS's load balancers.

    Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:e3b0c442:0

The id in ``Root`` is a trace id of W3C with its first eight digits, the second of its beginning, set apart; X-Ray takes
any 128 bits. ``Self`` names the request at the load balancer that it came through and is true
for that one hop: it is not handed on. All else that is well-formed is, as load balancers do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.telemetry.propagation.carrier import gathered, only
from meshclient.telemetry.propagation.context import NO_SPAN, is_span_id, is_trace_id
from meshclient.telemetry.propagation.identifiers import completed
from meshclient.telemetry.propagation.propagator import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.telemetry.propagation.context import TraceContext
    from meshclient.telemetry.propagation.propagator import Fields, Headers

HEADER = "x-amzn-trace-id"
_WRITTEN = "X-Amzn-Trace-Id"
_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
# As it nearly always is.
_USUAL = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16})(?:;Sampled=([01]))?")
# Names and values of the fields that nobody here knows, and how much of them is handed on: Lineage has 18 characters,
# and load balancers document 256 for the whole header.
_FIELD = re.compile(r"([A-Za-z0-9_.-]{1,64})=([!-+\--:<>-~]{1,128})")
_MOST_FIELDS = 16
_MOST_CHARACTERS = 256
_OWN = frozenset(("root", "parent", "self", "sampled"))
# Whoever asks for a decision goes on asking while there is none.
_ASKED = ("Sampled", "?")
_DECISIONS = {"1": True, "0": False}


class XRayPropagator:
    """The one header."""

    fields = (HEADER,)

    def extract(self, headers: Headers) -> TraceContext | None:
        """The context, or None without a valid ``Root``. Without a ``Parent`` it has a span id that is made here."""
        finding = self.read(gathered(headers, self.fields))
        return None if finding is None else completed(finding)

    def read(self, fields: Fields) -> Finding | None:
        """What it says: fields in any order, of two with one name the first, and what is malformed not at all."""
        text = only(fields.get(HEADER))
        usual = _USUAL.fullmatch(text)
        if usual is not None and usual[3] != NO_SPAN and is_trace_id(usual[1] + usual[2]):
            return Finding(usual[1] + usual[2], usual[3], _DECISIONS.get(usual[4]))
        return _read_slowly(text)

    def inject(self, context: TraceContext) -> list[tuple[str, str]]:
        """All of it; ``Sampled`` is left out while nobody has decided, unless the decision was asked for."""
        first, last = context.trace_id[:8], context.trace_id[8:]
        return [(_WRITTEN, f"Root=1-{first}-{last};Parent={context.span_id}{rest(context)}")]


def _read_slowly(header: str) -> Finding | None:
    known: dict[str, str] = {}
    others: dict[str, str] = {}
    for part in header.split(";"):
        text = part.strip(" \t")
        name, equals, value = text.partition("=")
        if equals and name.lower() in _OWN:
            known.setdefault(name.lower(), value.strip(" \t"))
        elif _FIELD.fullmatch(text):
            others.setdefault(name, value)
    root = _ROOT.fullmatch(known.get("root", "").lower())
    if root is None or not is_trace_id(root[1] + root[2]):
        return None
    parent = known.get("parent", "").lower()
    sampled = known.get("sampled", "")
    asked = (_ASKED,) if sampled == _ASKED[1] else ()
    return Finding(
        root[1] + root[2],
        parent if is_span_id(parent) else "",
        _DECISIONS.get(sampled),
        xray=asked + _bounded(sorted(others.items(), key=_last)),
    )


def rest(context: TraceContext) -> str:
    """What follows the ids."""
    sampled = True if context.debug else context.sampled
    text = "" if sampled is None else f";Sampled={sampled:d}"
    if sampled is None and _ASKED in context.xray:
        text = f";{_ASKED[0]}={_ASKED[1]}"
    return text + "".join(f";{name}={value}" for name, value in _bounded(context.xray))


def _last(field: tuple[str, str]) -> bool:
    """Whether others go before it: Lineage, by which AWS finds loops, is handed on in any case."""
    return field[0] != "Lineage"


def _bounded(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    kept: list[tuple[str, str]] = []
    room = _MOST_CHARACTERS
    for name, value in fields:
        if name.lower() in _OWN or not _FIELD.fullmatch(f"{name}={value}") or len(kept) == _MOST_FIELDS:
            continue
        room -= len(name) + len(value) + 2
        if room >= 0:
            kept.append((name, value))
    return tuple(kept)
