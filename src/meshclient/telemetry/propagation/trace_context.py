"""``traceparent`` and ``tracestate``: W3C Trace Context, levels 1 and 2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.telemetry.propagation.carrier import gathered, only
from meshclient.telemetry.propagation.context import NO_SPAN, NO_TRACE
from meshclient.telemetry.propagation.identifiers import completed
from meshclient.telemetry.propagation.propagator import Finding
from meshclient.telemetry.propagation.tracestate import read_state, write_state

if TYPE_CHECKING:
    from meshclient.telemetry.propagation.context import TraceContext
    from meshclient.telemetry.propagation.propagator import Fields, Headers

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
SAMPLED, RANDOM = 1, 2
# What later versions add comes after another dash (3.2.4).
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_INVALID = "ff"


class TraceContextPropagator:
    """Both headers; a trace without ``traceparent`` has no ``tracestate``."""

    fields = (TRACEPARENT, TRACESTATE)

    def extract(self, headers: Headers) -> TraceContext | None:
        """The context, or None where there is no valid ``traceparent``. An invalid ``tracestate`` counts as empty."""
        finding = self.read(gathered(headers, self.fields))
        return None if finding is None else completed(finding)

    def read(self, fields: Fields) -> Finding | None:
        """What the two say."""
        found = _TRACEPARENT.fullmatch(only(fields.get(TRACEPARENT)))
        if found is None:
            return None
        version, trace_id, span_id, flags, more = found.groups()
        if version == _INVALID or (version == "00" and more) or trace_id == NO_TRACE or span_id == NO_SPAN:
            return None
        bits = int(flags, 16)
        return Finding(
            trace_id,
            span_id,
            bool(bits & SAMPLED),
            random=bool(bits & RANDOM),
            undecidable=True,
            state=read_state(fields[TRACESTATE]) if TRACESTATE in fields else (),
        )

    def inject(self, context: TraceContext) -> list[tuple[str, str]]:
        """In version 00; a decision that is still open is "not sampled", which is all that these headers can say."""
        headers = [(TRACEPARENT, f"00-{context.trace_id}-{context.span_id}-{flags(context):02x}")]
        if state := write_state(context.state):
            headers.append((TRACESTATE, state))
        return headers


def flags(context: TraceContext) -> int:
    """``trace-flags``; those that nobody has given a meaning yet are zero (3.2.2.5.3)."""
    return (SAMPLED if context.sampled or context.debug else 0) | (RANDOM if context.random else 0)
