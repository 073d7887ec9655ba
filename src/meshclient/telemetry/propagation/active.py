"""The span that OpenTelemetry has open here, where the process uses OpenTelemetry; nothing of it is imported by us.

Where there is such a span it is the place in the trace: what it is handed on by is what the process has set as its
global propagators, and beside them what our configuration asks for.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

from meshclient.telemetry.propagation.context import TraceContext
from meshclient.telemetry.propagation.trace_context import RANDOM, SAMPLED

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext, TracerProvider

_LOG = logging.getLogger("meshclient.telemetry")
_TRACE, _PROPAGATE = "opentelemetry.trace", "opentelemetry.propagate"
# What a header may be without any doubt: what others write is not ours to encode.
_NAME, _VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[!-~](?:[\t -~]*[!-~])?")


class _Trouble:
    """Whether it has been told that OpenTelemetry failed."""

    told = False


def active_span() -> SpanContext | None:
    """What is told of the span that is open here; None where none is."""
    # Another thread may be importing it, and be half done.
    current = getattr(sys.modules.get(_TRACE), "get_current_span", None)
    if current is None:
        return None
    try:
        found: SpanContext = current().get_span_context()
        return found if found.is_valid else None
    except Exception:  # noqa: BLE001 - the call has to be made, whatever spans of others do
        _failed()
        return None


def as_context(span: SpanContext, beside: TraceContext | None) -> TraceContext | None:
    """The place in the trace that `span` is, with what headers said `beside` the trace; None where it is none."""
    try:
        return _as_context(span, beside)
    except Exception:  # noqa: BLE001 - as above
        _failed()
        return None


def _as_context(span: SpanContext, beside: TraceContext | None) -> TraceContext:
    return TraceContext(
        f"{span.trace_id:032x}",
        f"{span.span_id:016x}",
        bool(span.trace_flags & SAMPLED),
        random=bool(span.trace_flags & RANDOM),
        state=tuple(span.trace_state.items()),
        baggage=beside.baggage if beside else (),
        request_id=beside.request_id if beside else None,
        correlation_id=beside.correlation_id if beside else None,
        xray=beside.xray if beside else (),
    )


def global_headers() -> list[tuple[str, str]]:
    """What the process's global propagators write of the context that is current; nothing where none are loaded."""
    inject = getattr(sys.modules.get(_PROPAGATE), "inject", None)
    if inject is None:
        return []
    carrier: dict[str, str] = {}
    try:
        inject(carrier)
    except Exception:  # noqa: BLE001 - as above
        _failed()
        return []
    return [header for header in carrier.items() if _NAME.fullmatch(header[0]) and _VALUE.fullmatch(header[1])]


def as_parent(context: TraceContext, provider: TracerProvider) -> Span:
    """`context` as the parent of spans that begin here, for ``opentelemetry.trace.set_span_in_context``.

    OpenTelemetry knows no open decision: the common samplers drop what a parent did not record, which would be all that
    comes from a load balancer. Where the decision is open, that sampler is asked which decides on traces that begin.
    """
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

    trace_id = int(context.trace_id, 16)
    sampled = True if context.debug else context.sampled
    if sampled is None:
        sampler = getattr(provider, "sampler", None)
        sampled = sampler is not None and sampler.should_sample(None, trace_id, "").decision.is_sampled()
    flags = (SAMPLED if sampled else 0) | (RANDOM if context.random else 0)
    state = TraceState(list(context.state))
    return NonRecordingSpan(SpanContext(trace_id, int(context.span_id, 16), True, TraceFlags(flags), state))


def _failed() -> None:
    if not _Trouble.told:
        _Trouble.told = True
        _LOG.exception("OpenTelemetry failed; its context is not handed on")
