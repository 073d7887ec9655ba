"""The header lines of attempts."""

from __future__ import annotations

import pickle
from dataclasses import replace
from random import Random

import pytest

from meshclient.errors import ConfigError
from meshclient.telemetry.propagation.baggage import BaggageMember
from meshclient.telemetry.propagation.context import TraceContext, using
from meshclient.telemetry.propagation.formats import NAMES
from meshclient.telemetry.propagation.outbound import Outbound
from meshclient.telemetry.propagation.reader import extract_any

TRACE_ID, SPAN_ID = "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
USUAL = ["tracecontext", "xray"]
SERVED = TraceContext(
    TRACE_ID,
    SPAN_ID,
    sampled=True,
    random=True,
    state=(("a", "1"),),
    baggage=(BaggageMember("k", "v w"),),
    request_id="r",
    xray=(("Lineage", "1:a:2"),),
)


def said(lines: bytes) -> list[tuple[str, str]]:
    if not lines:
        return []
    text = lines.decode("ascii")
    assert text.endswith("\r\n")
    return [(name, value) for name, _, value in (each.partition(": ") for each in text[:-2].split("\r\n"))]


def test_a_call_within_a_trace_is_a_span_below_the_one_that_came() -> None:
    with using(SERVED):
        lines, trace_id, span_id = Outbound(USUAL, random=Random(1)).lines()
    assert trace_id == TRACE_ID
    assert span_id == f"{Random(1).getrandbits(64):016x}"
    assert (
        lines
        == (
            f"traceparent: 00-{TRACE_ID}-{span_id}-03\r\ntracestate: a=1\r\n"
            f"X-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Parent={span_id};Sampled=1;Lineage=1:a:2\r\n"
        ).encode()
    )


def test_all_formats_say_the_same() -> None:
    with using(SERVED):
        lines, _, span_id = Outbound(NAMES).lines()
    for name in ("tracecontext", "xray", "b3", "b3multi"):
        found = extract_any(said(lines), [name])
        assert found is not None
        assert (found.trace_id, found.span_id, found.sampled) == (TRACE_ID, span_id, True)
    everything = dict(said(lines))
    assert everything["b3"] == f"{TRACE_ID}-{span_id}-1-{SPAN_ID}"
    assert everything["X-B3-ParentSpanId"] == SPAN_ID
    assert (everything["baggage"], everything["x-request-id"]) == ("k=v%20w", "r")


def test_a_new_trace_is_random_and_nobody_has_decided_about_it() -> None:
    lines, trace_id, span_id = Outbound(USUAL).lines()
    assert said(lines) == [
        ("traceparent", f"00-{trace_id}-{span_id}-02"),
        ("X-Amzn-Trace-Id", f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={span_id}"),
    ]
    lines, trace_id, span_id = Outbound(["b3", "b3multi"]).lines()
    assert said(lines) == [("b3", f"{trace_id}-{span_id}"), ("X-B3-TraceId", trace_id), ("X-B3-SpanId", span_id)]


def test_a_new_trace_may_be_recorded_or_not_be_told() -> None:
    lines, trace_id, span_id = Outbound(USUAL, new_traces="sampled").lines()
    assert said(lines) == [
        ("traceparent", f"00-{trace_id}-{span_id}-03"),
        ("X-Amzn-Trace-Id", f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={span_id};Sampled=1"),
    ]
    none = Outbound([*USUAL, "request-id"], new_traces="none")
    lines, trace_id, _ = none.lines()
    expected = [
        ("x-request-id", f"{trace_id[:8]}-{trace_id[8:12]}-{trace_id[12:16]}-{trace_id[16:20]}-{trace_id[20:]}")
    ]
    assert said(lines) == expected
    assert none.headers(trace_id)[0] == expected
    assert Outbound(USUAL, new_traces="none").lines()[0] == b""
    with using(SERVED):
        assert len(said(none.lines()[0])) == len(none.headers()[0]) == 4


def test_attempts_of_a_call_have_one_trace_and_spans_of_their_own() -> None:
    outbound = Outbound([*USUAL, "request-id"])
    first, trace_id, _ = outbound.lines()
    later = [
        outbound.lines(trace_id)[0],
        *(b"".join(f"{n}: {v}\r\n".encode() for n, v in outbound.headers(trace_id)[0]),),
    ]
    ids = [extract_any(said(lines)) for lines in (first, *later)]
    assert {each.trace_id for each in ids if each} == {trace_id}
    assert len({each.span_id for each in ids if each}) == 3
    assert len({dict(said(lines))["x-request-id"] for lines in (first, *later)}) == 1
    assert outbound.lines()[1] != trace_id
    with using(SERVED):
        # What is being served is stronger than what an earlier attempt had.
        assert outbound.lines(trace_id)[1] == outbound.headers(trace_id)[1] == TRACE_ID


@pytest.mark.parametrize("context", [None, SERVED, TraceContext(TRACE_ID, SPAN_ID, known=False)])
@pytest.mark.parametrize("new_traces", ["undecided", "sampled", "none"])
def test_the_list_is_what_the_lines_are(context: TraceContext | None, new_traces: str) -> None:
    one = Outbound(NAMES, new_traces=new_traces, random=Random(5))
    two = Outbound(NAMES, new_traces=new_traces, random=Random(5))
    known = "1" * 32
    with using(context):
        for _ in range(3):
            lines, headers = one.lines(known), two.headers(known)
            assert said(lines[0]) == headers[0]
            assert lines[1:] == headers[1:]


def test_a_span_that_nobody_knows_is_no_parent() -> None:
    with using(TraceContext(TRACE_ID, SPAN_ID, sampled=True, known=False)):
        lines, _, span_id = Outbound(["b3"]).lines()
    assert said(lines) == [("b3", f"{TRACE_ID}-{span_id}-1")]


def test_services_with_different_formats_are_called_in_one_trace() -> None:
    one, two = Outbound(["xray"]), Outbound(["b3"])
    with using(SERVED):
        for _ in range(2):
            assert [name for name, _ in said(one.lines()[0])] == ["X-Amzn-Trace-Id"]
            assert [name for name, _ in said(two.lines()[0])] == ["b3"]


def test_what_is_prepared_stays_here_when_a_context_goes_to_another_process() -> None:
    context = replace(SERVED)
    with using(context):
        Outbound(USUAL).lines()
    assert len(context.prepared) == 1
    for copy in (pickle.loads(pickle.dumps(context)), replace(context)):
        assert copy == context
        assert copy.prepared == {}


def test_lines_are_prepared_once_for_each_service() -> None:
    one, two = Outbound(USUAL), Outbound(["xray"])
    context = replace(SERVED)
    with using(context):
        for outbound in (one, one, two, one):
            outbound.lines()
    assert set(context.prepared) == {"tracecontext xray", "xray"}
    context.prepared["xray"] = "x: \0\r\n"
    with using(context):
        lines, _, span_id = two.lines()
    assert lines == f"x: {span_id}\r\n".encode()


def test_no_formats_no_headers() -> None:
    assert Outbound([]).lines()[0] == b""
    assert Outbound([]).headers(given={"traceparent": "x"})[0] == []
    assert Outbound([]).fields == frozenset()
    with using(SERVED):
        assert Outbound([]).lines()[0] == b""


def test_an_unknown_format_is_told() -> None:
    with pytest.raises(ConfigError, match="'w3c' is no way of writing a trace down"):
        Outbound(["w3c"])


def test_what_the_request_says_already_stays_and_is_said_in_the_other_formats_too() -> None:
    given = {"TraceParent": f"00-{TRACE_ID}-{SPAN_ID}-01", "Host": "orders"}
    with using(TraceContext("1" * 32, "2" * 16)):
        headers, trace_id, span_id = Outbound(USUAL).headers(given=given)
    assert headers == [("X-Amzn-Trace-Id", f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent={SPAN_ID};Sampled=1")]
    assert (trace_id, span_id) == (TRACE_ID, SPAN_ID)


def test_what_the_request_says_beside_a_trace_stays() -> None:
    outbound = Outbound([*USUAL, "request-id"])
    with using(SERVED):
        headers, trace_id, span_id = outbound.headers(given={"X-Request-ID": "mine", "traceparent": "nonsense"})
    assert [name for name, _ in headers] == ["X-Amzn-Trace-Id"]
    assert trace_id == TRACE_ID
    assert span_id != SPAN_ID
    headers, _, _ = outbound.headers("1" * 32, {"x-amzn-trace-id": f"Root=1-{'3' * 8}-{'3' * 24}"})
    assert [name for name, _ in headers] == ["traceparent", "x-request-id"]
    with using(TraceContext(TRACE_ID, SPAN_ID, correlation_id="c")):
        assert Outbound(["request-id"]).headers(given={"x-request-id": "mine"})[0] == [("x-correlation-id", "c")]


def test_a_part_of_what_a_format_says_is_not_completed_by_another_trace() -> None:
    with using(SERVED):
        headers, _, _ = Outbound(["b3multi", "xray"]).headers(given={"X-B3-TraceId": "4" * 32})
    assert [name for name, _ in headers] == ["X-Amzn-Trace-Id"]


def test_a_trace_of_the_call_s_own_without_a_span_is_the_trace_of_all_formats() -> None:
    root = f"Root=1-{'4' * 8}-{'4' * 24}"
    with using(SERVED):
        headers, trace_id, span_id = Outbound(USUAL).headers(given={"X-Amzn-Trace-Id": root})
    assert headers == [("traceparent", f"00-{'4' * 32}-{span_id}-00")]
    assert trace_id == "4" * 32


def test_the_headers_that_are_looked_for() -> None:
    assert Outbound(USUAL).fields == {"traceparent", "tracestate", "x-amzn-trace-id"}


class Zeros:
    def getrandbits(self, k: int, /) -> int:
        return 0


def test_ids_are_valid_whatever_is_drawn() -> None:
    lines, trace_id, span_id = Outbound(USUAL, random=Zeros()).lines()
    assert (trace_id, span_id) == ("0" * 31 + "1", "0" * 15 + "1")
    # Nobody has decided, which W3C's header alone could not say.
    assert extract_any(said(lines)) == TraceContext(trace_id, span_id, random=True)
    assert Outbound(USUAL, random=Zeros()).headers()[1:] == (trace_id, span_id)


FLAGS = ("00", "01", "02", "03", "ff")
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-"


@pytest.mark.parametrize("names", [USUAL, NAMES, ["b3", "request-id"], []], ids=["usual", "all", "b3", "none"])
@pytest.mark.parametrize("new_traces", ["undecided", "none"])
def test_what_goes_on_for_others_is_what_the_list_is(names: list[str], new_traces: str) -> None:
    one, two = (Outbound(names, new_traces=new_traces, random=Random(3)) for _ in range(2))
    requests: list[dict[str, str]] = [{"traceparent": PARENT + flags} for flags in FLAGS]
    requests += [{"traceparent": f"00-{number:032x}-{number:016x}-01"} for number in (1, 2, 1 << 63)]
    requests += [
        {"traceparent": f"00-{0:032x}-{SPAN_ID}-01"},
        {"traceparent": f"00-{TRACE_ID}-{0:016x}-01"},
        {"traceparent": PARENT.upper() + "01"},
        {"traceparent": PARENT + "01-more"},
        {"traceparent": f"01-{TRACE_ID}-{SPAN_ID}-01"},
        {"traceparent": "nonsense"},
        {"traceparent": PARENT + "01", "tracestate": "a=1"},
        {"traceparent": PARENT + "01", "x-amzn-trace-id": "Root=1-11111111-111111111111111111111111"},
        {"traceparent": PARENT + "01", "x-request-id": "mine"},
        {"traceparent": PARENT + "01", "accept": "*/*"},
        {"tracestate": "a=1"},
        {"b3": "0"},
    ]
    # Once more: what was made the first time is used the second.
    for request in [*requests, *reversed(requests)]:
        with using(SERVED if "tracestate" in request else None):
            wanted, trace_id, _ = two.headers("", request)
            lines, said_id = one.continued(request)
        assert (said(lines), said_id) == (wanted, trace_id)
