"""Beside OpenTelemetry: its open span is the place in the trace, and its propagators are used."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from meshclient.telemetry.propagation import active
from meshclient.telemetry.propagation.active import active_span, as_parent
from meshclient.telemetry.propagation.baggage import BaggageMember
from meshclient.telemetry.propagation.context import TraceContext, using
from meshclient.telemetry.propagation.outbound import Outbound
from meshclient.telemetry.propagation.reader import extract_any

TRACE_ID, SPAN_ID = "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
PARENT = ("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-03")
XRAY = ("X-Amzn-Trace-Id", f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1")
SERVED = TraceContext("1" * 32, "2" * 16, baggage=(BaggageMember("k", "ours"),), request_id="r")
OPEN = NonRecordingSpan(
    SpanContext(
        int(TRACE_ID, 16),
        int(SPAN_ID, 16),
        is_remote=False,
        trace_flags=TraceFlags(3),
        trace_state=TraceState([("a", "1")]),
    )
)
INVALID = NonRecordingSpan(SpanContext(0, 0, is_remote=False))


class Own(TextMapPropagator):
    """A propagator of the process's own."""

    def extract(
        self, carrier: CarrierT, context: context.Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> context.Context:
        raise AssertionError

    def inject(
        self, carrier: CarrierT, context: context.Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        setter.set(carrier, "x-own", "1")
        setter.set(carrier, "X-Amzn-Trace-Id", "theirs")
        setter.set(carrier, "x-split", "1\r\nx-other: 2")
        setter.set(carrier, "x-wide", "\u0660")
        setter.set(carrier, "x split", "1")

    @property
    def fields(self) -> set[str]:
        return {"x-own"}


class Broken(Own):
    def inject(
        self, carrier: CarrierT, context: context.Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        raise RuntimeError("lost")


@pytest.fixture
def textmap() -> Iterator[None]:
    before = propagate.get_global_textmap()
    yield
    propagate.set_global_textmap(before)


@pytest.mark.parametrize("served", [None, SERVED])
def test_the_open_span_is_the_parent_under_its_own_id(served: TraceContext | None) -> None:
    outbound = Outbound(["tracecontext", "xray"])
    with using(served), trace.use_span(OPEN):
        headers, trace_id, span_id = outbound.headers("3" * 32)
        lines = outbound.lines("3" * 32)
    assert headers == [PARENT, ("tracestate", "a=1"), XRAY]
    assert (trace_id, span_id) == (TRACE_ID, SPAN_ID)
    assert lines == ("".join(f"{name}: {value}\r\n" for name, value in headers).encode(), TRACE_ID, SPAN_ID)


def test_a_span_that_is_none_does_not_count() -> None:
    with using(SERVED), trace.use_span(INVALID):
        assert active_span() is None
        assert Outbound(["tracecontext"]).lines()[1] == SERVED.trace_id
        assert Outbound(["tracecontext"]).headers()[1] == SERVED.trace_id


def test_its_baggage_is_sent_and_ours_where_it_has_none() -> None:
    outbound = Outbound(["tracecontext", "baggage", "request-id"])
    with using(SERVED), trace.use_span(OPEN):
        token = context.attach(baggage.set_baggage("k", "theirs"))
        theirs = dict(outbound.headers()[0])
        context.detach(token)
        ours = dict(outbound.headers()[0])
    assert (theirs["baggage"], ours["baggage"]) == ("k=theirs", "k=ours")
    assert (theirs["x-request-id"], ours["x-request-id"]) == ("r", "r")


def test_the_global_propagators_write_what_they_write_and_ours_the_rest(textmap: None) -> None:
    propagate.set_global_textmap(Own())
    outbound = Outbound(["tracecontext", "xray"])
    with trace.use_span(OPEN):
        headers, _, _ = outbound.headers()
        assert headers == [("x-own", "1"), ("X-Amzn-Trace-Id", "theirs"), PARENT, ("tracestate", "a=1")]
        assert outbound.lines()[0].count(b"\r\n") == 4
        assert next(iter(outbound.headers(given={"X-Own": "2"})[0])) == ("X-Amzn-Trace-Id", "theirs")
        assert Outbound([]).headers()[0] == []
        assert Outbound([]).lines()[0] == b""
    assert [name for name, _ in outbound.headers()[0]] == ["traceparent", "X-Amzn-Trace-Id"]


def test_what_the_request_says_already_is_stronger() -> None:
    given = {"traceparent": f"00-{'4' * 32}-{'5' * 16}-01"}
    with trace.use_span(OPEN):
        headers, trace_id, span_id = Outbound(["tracecontext", "xray"]).headers(given=given)
    assert headers == [("X-Amzn-Trace-Id", f"Root=1-{'4' * 8}-{'4' * 24};Parent={'5' * 16};Sampled=1")]
    assert (trace_id, span_id) == ("4" * 32, "5" * 16)


def test_what_the_request_says_beside_a_trace_is_not_said_twice() -> None:
    with trace.use_span(OPEN):
        headers, _, _ = Outbound(["tracecontext", "xray"]).headers(given={"Traceparent": "nonsense"})
    assert headers == [XRAY]


def test_a_propagator_that_fails_costs_no_call_and_is_told_once(
    textmap: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active._Trouble, "told", False)
    propagate.set_global_textmap(Broken())
    with caplog.at_level(logging.ERROR, "meshclient.telemetry"), trace.use_span(OPEN):
        assert [Outbound(["xray"]).headers()[0] for _ in range(3)] == [[XRAY]] * 3
    assert [record.message for record in caplog.records] == ["OpenTelemetry failed; its context is not handed on"]


def test_a_span_that_fails_costs_no_call(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(NonRecordingSpan):
        def get_span_context(self) -> SpanContext:
            raise RuntimeError("lost")

    monkeypatch.setattr(active._Trouble, "told", False)
    with using(SERVED), trace.use_span(Wrong(INVALID.get_span_context()), record_exception=False):
        assert Outbound(["tracecontext"]).lines()[1] == SERVED.trace_id
    assert len(caplog.records) == 1


def test_nor_does_a_span_that_is_half_one(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half(SpanContext):
        trace_state = None  # type: ignore[assignment]

    monkeypatch.setattr(active._Trouble, "told", False)
    half = NonRecordingSpan(Half(int(TRACE_ID, 16), int(SPAN_ID, 16), is_remote=False))
    with using(SERVED), trace.use_span(half, record_exception=False):
        assert active_span() is not None
        assert Outbound(["tracecontext"]).lines()[1] == SERVED.trace_id
        assert Outbound(["tracecontext"]).headers()[1] == SERVED.trace_id
    assert len(caplog.records) == 1


def test_what_the_call_says_itself_is_asked_only_where_others_write_beside(textmap: None) -> None:
    asked: list[str] = []

    def given() -> dict[str, str]:
        asked.append("asked")
        return {"X-Own": "mine"}

    propagate.set_global_textmap(Own())
    outbound = Outbound(["tracecontext"])
    with trace.use_span(OPEN):
        assert b"x-own" in outbound.lines()[0]
        assert b"x-own" not in outbound.lines("", given)[0]
    assert asked == ["asked"]
    outbound.lines("", given)
    assert asked == ["asked"]


@pytest.mark.parametrize(
    ("sampled", "sampler", "recorded"),
    [
        (True, ALWAYS_ON, True),
        (False, ALWAYS_ON, False),
        (None, ALWAYS_ON, True),
        (None, ALWAYS_OFF, False),
        (None, TraceIdRatioBased(0.0), False),
        (None, TraceIdRatioBased(1.0), True),
        (True, ALWAYS_OFF, True),
    ],
)
def test_what_came_as_the_parent_of_spans(sampled: bool | None, sampler: Sampler, recorded: bool) -> None:
    provider = TracerProvider(sampler=ParentBased(sampler), shutdown_on_exit=False)
    served = TraceContext(TRACE_ID, SPAN_ID, sampled, random=True, state=(("a", "1"),))
    span = as_parent(served, provider)
    found = span.get_span_context()
    assert (found.trace_id, found.span_id, found.is_remote) == (int(TRACE_ID, 16), int(SPAN_ID, 16), True)
    assert (found.trace_flags & 2, dict(found.trace_state)) == (2, {"a": "1"})
    child = provider.get_tracer("t").start_span("x", trace.set_span_in_context(span))
    assert child.is_recording() is recorded
    assert child.get_span_context().trace_id == int(TRACE_ID, 16)


def test_debugging_is_recording() -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    served = TraceContext(TRACE_ID, SPAN_ID, sampled=False, debug=True)
    assert as_parent(served, provider).get_span_context().trace_flags == 1


def test_without_an_sdk_nothing_is_recorded() -> None:
    span = as_parent(TraceContext(TRACE_ID, SPAN_ID), trace.NoOpTracerProvider())
    assert span.get_span_context().trace_flags == 0


def test_round_trip_through_its_own_propagator() -> None:
    with trace.use_span(OPEN):
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
    assert extract_any(carrier) == TraceContext(TRACE_ID, SPAN_ID, True, random=True, state=(("a", "1"),))
