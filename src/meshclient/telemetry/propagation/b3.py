"""B3, the headers of Zipkin: ``b3: <trace>-<span>-<decision>-<parent>``, or each of these in a header of its own.

Both forms are read by both propagators, the single header first, as OpenTelemetry asks of them. Trace ids of 64 bits
are filled up with zeros in front.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.telemetry.propagation.carrier import gathered, only
from meshclient.telemetry.propagation.context import is_span_id, is_trace_id
from meshclient.telemetry.propagation.identifiers import completed
from meshclient.telemetry.propagation.propagator import Finding

if TYPE_CHECKING:
    from meshclient.telemetry.propagation.context import TraceContext
    from meshclient.telemetry.propagation.propagator import Fields, Headers

SINGLE = "b3"
TRACE_ID, SPAN_ID, PARENT_ID = "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid"
SAMPLED, FLAGS = "x-b3-sampled", "x-b3-flags"
_SINGLE = re.compile(r"([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-([0-9a-f]{16}))?)?")
_TRACE_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}")
_DECISIONS = {"1": True, "0": False, "true": True, "false": False, "d": True}
_DEBUG = "d"
# The whole of the single header where there are no ids.
_SHORT = frozenset(("0", "1", _DEBUG))


class B3Propagator:
    """Reads both forms.

    Args:
        single: whether it writes the single header.
    """

    fields = (SINGLE, TRACE_ID, SPAN_ID, PARENT_ID, SAMPLED, FLAGS)

    def __init__(self, *, single: bool) -> None:
        self._write = _write_single if single else _write_multiple

    def extract(self, headers: Headers) -> TraceContext | None:
        """The context, or None. A decision without ids is one about a trace that begins here."""
        finding = self.read(gathered(headers, self.fields))
        return None if finding is None else completed(finding)

    def read(self, fields: Fields) -> Finding | None:
        """What they say."""
        return _read_single(only(fields.get(SINGLE)).lower()) or _read_multiple(fields)

    def inject(self, context: TraceContext) -> list[tuple[str, str]]:
        """All of it; nothing of the decision while nobody has decided."""
        return self._write(context)


def _read_single(text: str) -> Finding | None:
    if text in _SHORT:
        return Finding(sampled=_DECISIONS[text], debug=text == _DEBUG)
    found = _SINGLE.fullmatch(text)
    if found is None:
        return None
    trace_id, span_id, letter, parent_id = found.groups()
    return _finding(trace_id, span_id, parent_id, sampled=_DECISIONS.get(letter or ""), debug=letter == _DEBUG)


def _read_multiple(fields: Fields) -> Finding | None:
    debug = only(fields.get(FLAGS)) == "1"
    sampled = True if debug else _DECISIONS.get(only(fields.get(SAMPLED)).lower())
    trace_id, span_id, parent_id = (only(fields.get(name)).lower() for name in (TRACE_ID, SPAN_ID, PARENT_ID))
    if TRACE_ID not in fields and SPAN_ID not in fields:
        return None if sampled is None else Finding(sampled=sampled, debug=debug)
    if not _TRACE_ID.fullmatch(trace_id):
        return None
    return _finding(trace_id, span_id, parent_id, sampled=sampled, debug=debug)


def _finding(
    trace_id: str, span_id: str, parent_id: str | None, *, sampled: bool | None, debug: bool
) -> Finding | None:
    padded = trace_id.rjust(32, "0")
    if not (is_trace_id(padded) and is_span_id(span_id)):
        return None
    parent = parent_id if parent_id and is_span_id(parent_id) else None
    return Finding(padded, span_id, sampled=sampled, debug=debug, parent_id=parent)


def decision(context: TraceContext) -> str:
    """In one letter; "" while nobody has decided."""
    if context.debug:
        return _DEBUG
    return "" if context.sampled is None else f"{context.sampled:d}"


def _write_single(context: TraceContext) -> list[tuple[str, str]]:
    parts = [context.trace_id, context.span_id]
    if letter := decision(context):
        parts += [letter, context.parent_id] if context.parent_id else [letter]
    return [("b3", "-".join(parts))]


def _write_multiple(context: TraceContext) -> list[tuple[str, str]]:
    headers = [("X-B3-TraceId", context.trace_id), ("X-B3-SpanId", context.span_id)]
    if context.parent_id:
        headers.append(("X-B3-ParentSpanId", context.parent_id))
    if context.debug:
        headers.append(("X-B3-Flags", "1"))
    elif context.sampled is not None:
        headers.append(("X-B3-Sampled", f"{context.sampled:d}"))
    return headers
