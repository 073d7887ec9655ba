"""B3 in one header and in several."""

from __future__ import annotations

import pytest

from meshclient.telemetry.propagation.context import TraceContext
from meshclient.telemetry.propagation.formats import get

TRACE_ID, SPAN_ID, PARENT_ID = "80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1", "05e3ac9a4f6e3b90"
SHORT, PADDED = "64fe8b2a57d3eff7", "0" * 16 + "64fe8b2a57d3eff7"
SINGLE, MULTIPLE = get("b3"), get("b3multi")

DECISIONS = [
    ("1", TraceContext(TRACE_ID, SPAN_ID, sampled=True)),
    ("0", TraceContext(TRACE_ID, SPAN_ID, sampled=False)),
    ("d", TraceContext(TRACE_ID, SPAN_ID, sampled=True, debug=True)),
]


@pytest.mark.parametrize(("letter", "context"), DECISIONS)
def test_the_single_header(letter: str, context: TraceContext) -> None:
    text = f"{TRACE_ID}-{SPAN_ID}-{letter}"
    assert SINGLE.extract({"b3": text}) == context
    assert SINGLE.inject(context) == [("b3", text)]


def test_the_single_header_with_a_parent_and_without_a_decision() -> None:
    found = SINGLE.extract({"B3": f"{TRACE_ID}-{SPAN_ID}-1-{PARENT_ID}"})
    assert found == TraceContext(TRACE_ID, SPAN_ID, sampled=True, parent_id=PARENT_ID)
    assert SINGLE.inject(found) == [("b3", f"{TRACE_ID}-{SPAN_ID}-1-{PARENT_ID}")]
    open_ = SINGLE.extract({"b3": f"{TRACE_ID}-{SPAN_ID}"})
    assert open_ == TraceContext(TRACE_ID, SPAN_ID, sampled=None)
    assert SINGLE.inject(open_) == [("b3", f"{TRACE_ID}-{SPAN_ID}")]


@pytest.mark.parametrize(
    ("headers", "context"),
    [
        ({"X-B3-Sampled": "1"}, TraceContext(TRACE_ID, SPAN_ID, sampled=True)),
        ({"X-B3-Sampled": "true"}, TraceContext(TRACE_ID, SPAN_ID, sampled=True)),
        ({"X-B3-Sampled": "0"}, TraceContext(TRACE_ID, SPAN_ID, sampled=False)),
        ({"X-B3-Sampled": "False"}, TraceContext(TRACE_ID, SPAN_ID, sampled=False)),
        ({}, TraceContext(TRACE_ID, SPAN_ID, sampled=None)),
        ({"X-B3-Sampled": "yes"}, TraceContext(TRACE_ID, SPAN_ID, sampled=None)),
        ({"X-B3-Flags": "1"}, TraceContext(TRACE_ID, SPAN_ID, sampled=True, debug=True)),
        ({"X-B3-Flags": "1", "X-B3-Sampled": "0"}, TraceContext(TRACE_ID, SPAN_ID, sampled=True, debug=True)),
        ({"X-B3-Flags": "0", "X-B3-Sampled": "0"}, TraceContext(TRACE_ID, SPAN_ID, sampled=False)),
        ({"X-B3-ParentSpanId": PARENT_ID}, TraceContext(TRACE_ID, SPAN_ID, parent_id=PARENT_ID)),
        ({"X-B3-ParentSpanId": "nonsense"}, TraceContext(TRACE_ID, SPAN_ID)),
    ],
)
def test_several_headers(headers: dict[str, str], context: TraceContext) -> None:
    ids = {"X-B3-TraceId": TRACE_ID.upper(), "x-b3-spanid": SPAN_ID}
    assert MULTIPLE.extract(ids | headers) == context
    assert SINGLE.extract(ids | headers) == context
    assert MULTIPLE.extract(MULTIPLE.inject(context)) == context
    assert MULTIPLE.extract(SINGLE.inject(context)) == (
        context if context.sampled is not None else TraceContext(TRACE_ID, SPAN_ID)
    )


def test_what_is_written_in_several_headers() -> None:
    ids = [("X-B3-TraceId", TRACE_ID), ("X-B3-SpanId", SPAN_ID)]
    assert MULTIPLE.inject(TraceContext(TRACE_ID, SPAN_ID)) == ids
    assert MULTIPLE.inject(TraceContext(TRACE_ID, SPAN_ID, sampled=True)) == [*ids, ("X-B3-Sampled", "1")]
    assert MULTIPLE.inject(TraceContext(TRACE_ID, SPAN_ID, sampled=False)) == [*ids, ("X-B3-Sampled", "0")]
    debug = TraceContext(TRACE_ID, SPAN_ID, sampled=True, debug=True, parent_id=PARENT_ID)
    assert MULTIPLE.inject(debug) == [*ids, ("X-B3-ParentSpanId", PARENT_ID), ("X-B3-Flags", "1")]


def test_ids_of_64_bits_are_filled_up_with_zeros_and_are_not_said_to_be_random() -> None:
    for found in (
        SINGLE.extract({"b3": f"{SHORT}-{SPAN_ID}-1"}),
        MULTIPLE.extract({"X-B3-TraceId": SHORT, "X-B3-SpanId": SPAN_ID, "X-B3-Sampled": "1"}),
    ):
        assert found == TraceContext(PADDED, SPAN_ID, sampled=True)
        assert get("tracecontext").inject(found) == [("traceparent", f"00-{PADDED}-{SPAN_ID}-01")]


@pytest.mark.parametrize(("letter", "sampled", "debug"), [("0", False, False), ("1", True, False), ("d", True, True)])
def test_a_decision_alone_is_one_about_a_trace_that_begins_here(letter: str, sampled: bool, debug: bool) -> None:
    found = SINGLE.extract({"b3": letter})
    assert found is not None
    assert (found.sampled, found.debug, found.known, found.random) == (sampled, debug, False, True)
    headers = {"X-B3-Flags": "1"} if debug else {"X-B3-Sampled": letter}
    other = MULTIPLE.extract(headers)
    assert other is not None
    assert (other.sampled, other.debug, other.known) == (sampled, debug, False)
    assert other.trace_id != found.trace_id


def test_the_single_header_goes_first_where_it_is_valid() -> None:
    multiple = {"X-B3-TraceId": PADDED, "X-B3-SpanId": SPAN_ID}
    assert MULTIPLE.extract(multiple | {"b3": f"{TRACE_ID}-{SPAN_ID}-1"}) == TraceContext(TRACE_ID, SPAN_ID, True)
    assert MULTIPLE.extract(multiple | {"b3": "x"}) == TraceContext(PADDED, SPAN_ID)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2",
        "true",
        TRACE_ID,
        f"{TRACE_ID}-",
        f"-{SPAN_ID}",
        f"{TRACE_ID}0-{SPAN_ID}-1",
        f"{TRACE_ID[1:]}-{SPAN_ID}-1",
        f"{TRACE_ID}-{SPAN_ID}0-1",
        f"{TRACE_ID}-{SPAN_ID}-2",
        f"{TRACE_ID}-{SPAN_ID}-",
        f"{TRACE_ID}-{SPAN_ID}-1-",
        f"{TRACE_ID}-{SPAN_ID}-1-{PARENT_ID}-1",
        f"{TRACE_ID}-{SPAN_ID}-{PARENT_ID}",
        f"{'0' * 32}-{SPAN_ID}-1",
        f"{'0' * 16}-{SPAN_ID}-1",
        f"{TRACE_ID}-{'0' * 16}-1",
        f"{TRACE_ID[:-1]}g-{SPAN_ID}-1",
    ],
)
def test_what_is_malformed_is_nothing(value: str) -> None:
    assert SINGLE.extract({"b3": value}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"X-B3-TraceId": TRACE_ID},
        {"X-B3-SpanId": SPAN_ID, "X-B3-Sampled": "1"},
        {"X-B3-TraceId": TRACE_ID + "00", "X-B3-SpanId": SPAN_ID},
        {"X-B3-TraceId": TRACE_ID[:20], "X-B3-SpanId": SPAN_ID},
        {"X-B3-TraceId": TRACE_ID, "X-B3-SpanId": "0" * 16},
        {"X-B3-TraceId": "0" * 16, "X-B3-SpanId": SPAN_ID},
        {"X-B3-Sampled": "maybe"},
        {"X-B3-Flags": "2"},
        {"X-B3-ParentSpanId": PARENT_ID},
    ],
)
def test_several_malformed_headers_are_nothing(headers: dict[str, str]) -> None:
    assert MULTIPLE.extract(headers) is None


def test_a_child_says_who_its_parent_is() -> None:
    child = TraceContext(TRACE_ID, PARENT_ID, sampled=True).child(SPAN_ID)
    assert SINGLE.inject(child) == [("b3", f"{TRACE_ID}-{SPAN_ID}-1-{PARENT_ID}")]
