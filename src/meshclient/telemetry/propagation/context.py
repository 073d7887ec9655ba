"""The trace that a request belongs to, whatever headers said so."""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.telemetry.propagation.baggage import BaggageMember

NO_TRACE, NO_SPAN = "0" * 32, "0" * 16
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
# At one go: two questions cost each context that is made twice as much.
_BOTH = re.compile(r"(?!0{32})[0-9a-f]{32} (?!0{16})[0-9a-f]{16}")


def is_trace_id(text: str) -> bool:
    """Whether `text` is 32 lower-case hex digits, not all of them zero."""
    return _TRACE_ID.fullmatch(text) is not None


def is_span_id(text: str) -> bool:
    """Whether `text` is 16 lower-case hex digits, not all of them zero."""
    return _SPAN_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace. Raises ValueError for ids that are none.

    Args:
        trace_id: 32 lower-case hex digits, never all zero.
        span_id: 16 lower-case hex digits, never all zero: the span of whoever sent, or sends, the headers.
        sampled: whether it is recorded; None where that is left to whoever comes next.
        random: whether the right-most 7 bytes of the trace id were drawn at random (W3C Trace Context, level 2).
        debug: whether it is to be recorded whatever the samplers say (B3).
        state: the members of ``tracestate``, the latest first.
        baggage: the members of ``baggage``.
        parent_id: the span above `span_id`, where it is known (B3).
        request_id: value of ``x-request-id``.
        correlation_id: value of ``x-correlation-id``.
        xray: the other fields of ``X-Amzn-Trace-Id``, such as ``Lineage``, in their order.
        known: whether somebody has a span of this id. False where headers named a trace and no span in it, or no
            trace at all: the missing ids were made when the headers were read.
    """

    trace_id: str
    span_id: str
    sampled: bool | None = None
    random: bool = False
    debug: bool = False
    state: tuple[tuple[str, str], ...] = ()
    baggage: tuple[BaggageMember, ...] = ()
    parent_id: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    xray: tuple[tuple[str, str], ...] = ()
    known: bool = True
    # What `outbound` made of it, by the names of the formats: services are called more than once for one request.
    prepared: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.parent_id is None and _BOTH.fullmatch(f"{self.trace_id} {self.span_id}"):
            return
        if not is_trace_id(self.trace_id):
            msg = f"{self.trace_id!r} is no trace id: write 32 lower-case hex digits, not all of them zero"
            raise ValueError(msg)
        for name, span in (("span", self.span_id), ("parent", self.parent_id)):
            if span is not None and not is_span_id(span):
                msg = f"{span!r} is no {name} id: write 16 lower-case hex digits, not all of them zero"
                raise ValueError(msg)

    def __reduce__(self) -> tuple[type[TraceContext], tuple[object, ...]]:
        # What is prepared belongs to this process.
        return TraceContext, tuple(getattr(self, each.name) for each in fields(self) if each.init)

    def child(self, span_id: str = "") -> TraceContext:
        """What a span hands on that is begun here, by default one with a new id."""
        if not span_id:
            # That module makes contexts.
            from meshclient.telemetry.propagation.identifiers import new_span_id

            span_id = new_span_id()
        return replace(self, span_id=span_id, parent_id=self.span_id if self.known else None, known=True)


# What the request being served brought, or a block set.
TRACE: ContextVar[TraceContext | None] = ContextVar("meshclient.trace", default=None)


@contextmanager
def using(context: TraceContext | None) -> Iterator[None]:
    """Calls made in this block belong to the trace of `context`; with None, to none that was set outside of it."""
    token = TRACE.set(context)
    try:
        yield
    finally:
        TRACE.reset(token)
