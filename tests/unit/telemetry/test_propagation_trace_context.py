"""W3C Trace Context: what a service that was called so hands on to those it calls meanwhile.

The cases are those that the working group's own harness tries (github.com/w3c/trace-context, test/), which sends the
same headers to a running service and looks at the calls that it makes.
"""

from __future__ import annotations

import re

import pytest

from meshclient.telemetry.propagation.context import TRACE, TraceContext, using
from meshclient.telemetry.propagation.formats import get
from meshclient.telemetry.propagation.outbound import Outbound
from meshclient.telemetry.propagation.reader import extract_any

TRACE_ID, SPAN_ID = "12345678901234567890123456789012", "1234567890123456"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-00"
OUT = Outbound(["tracecontext"])
VALID = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]")

Pairs = list[tuple[str, str]]


def passed_on(headers: Pairs, calls: int = 1) -> list[dict[str, str]]:
    """What each of these calls says that are made while a request with these headers is served."""
    assert TRACE.get() is None
    with using(extract_any(headers)):
        texts = [OUT.lines()[0].decode("ascii") for _ in range(calls)]
    found = []
    for text in texts:
        assert text.endswith("\r\n")
        lines = [line.partition(": ") for line in text.removesuffix("\r\n").split("\r\n")]
        said = {name: value for name, _, value in lines}
        assert len(said) == len(lines)
        parent = said["traceparent"]
        assert VALID.fullmatch(parent)
        assert "0" * 32 not in parent
        assert parent[36:52] != "0" * 16
        found.append(said)
    return found


def trace_of(headers: Pairs) -> str:
    return passed_on(headers)[0]["traceparent"][3:35]


def state_of(*values: str) -> str:
    """The tracestate that is handed on of one that came in these fields."""
    (said,) = passed_on([("traceparent", PARENT), *(("tracestate", value) for value in values)])
    assert said["traceparent"][3:35] == TRACE_ID
    return said.get("tracestate", "")


def test_a_trace_begins_where_none_came() -> None:
    first, second = (trace_of([]) for _ in range(2))
    assert first != second


def test_a_trace_is_continued_in_a_new_span() -> None:
    (said,) = passed_on([("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-01")])
    assert said["traceparent"].startswith(f"00-{TRACE_ID}-")
    assert SPAN_ID not in said["traceparent"][36:]
    assert said["traceparent"].endswith("-01")
    assert "tracestate" not in said


@pytest.mark.parametrize("name", ["traceparent", "TraceParent", "TrAcEpArEnT", "TRACEPARENT"])
def test_the_name_in_any_case(name: str) -> None:
    assert trace_of([(name, PARENT)]) == TRACE_ID


@pytest.mark.parametrize("name", ["trace-parent", "trace.parent", "traceparent2"])
def test_no_other_name(name: str) -> None:
    assert trace_of([(name, PARENT)]) != TRACE_ID


@pytest.mark.parametrize(
    "value",
    [
        f"cc-{TRACE_ID}-{SPAN_ID}-01",
        f"cc-{TRACE_ID}-{SPAN_ID}-01-",
        f"cc-{TRACE_ID}-{SPAN_ID}-01-what-the-future-brings",
        f"01-{TRACE_ID}-{SPAN_ID}-ff-AND.more",
        f" {PARENT}",
        f"\t{PARENT}",
        f"{PARENT} ",
        f"{PARENT}\t",
        f"\t {PARENT} \t",
    ],
)
def test_what_is_valid_is_continued_in_version_00(value: str) -> None:
    assert trace_of([("traceparent", value)]) == TRACE_ID


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"00-{TRACE_ID}-{SPAN_ID}-01.",
        f"00-{TRACE_ID}-{SPAN_ID}-01-",
        f"00-{TRACE_ID}-{SPAN_ID}-01-what-the-future-brings",
        f"cc-{TRACE_ID}-{SPAN_ID}-01.what-the-future-brings",
        f"cc-{TRACE_ID}-{SPAN_ID}-011",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"FF-{TRACE_ID}-{SPAN_ID}-01",
        f"CC-{TRACE_ID}-{SPAN_ID}-01",
        f".0-{TRACE_ID}-{SPAN_ID}-01",
        f"0.-{TRACE_ID}-{SPAN_ID}-01",
        f"000-{TRACE_ID}-{SPAN_ID}-01",
        f"0000-{TRACE_ID}-{SPAN_ID}-01",
        f"0-{TRACE_ID}-{SPAN_ID}-01",
        f"-{TRACE_ID}-{SPAN_ID}-01",
        f"00-.{TRACE_ID[1:]}-{SPAN_ID}-01",
        f"00-{TRACE_ID[:-1]}.-{SPAN_ID}-01",
        f"00-{TRACE_ID[:-1]}A-{SPAN_ID}-01",
        f"00-{TRACE_ID}3-{SPAN_ID}-01",
        f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID}-.{SPAN_ID[1:]}-01",
        f"00-{TRACE_ID}-{SPAN_ID[:-1]}.-01",
        f"00-{TRACE_ID}-{SPAN_ID[:-1]}F-01",
        f"00-{TRACE_ID}-{SPAN_ID}7-01",
        f"00-{TRACE_ID}-{SPAN_ID[:-1]}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-.0",
        f"00-{TRACE_ID}-{SPAN_ID}-0.",
        f"00-{TRACE_ID}-{SPAN_ID}-0A",
        f"00-{TRACE_ID}-{SPAN_ID}-001",
        f"00-{TRACE_ID}-{SPAN_ID}-1",
        f"00-{TRACE_ID}-{SPAN_ID}-",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID}-{SPAN_ID}-\u0660\u0661",
        f"{PARENT}, {PARENT}",
        f"{PARENT}\n",
    ],
)
def test_what_is_invalid_begins_a_new_trace_without_its_state(value: str) -> None:
    (said,) = passed_on([("traceparent", value), ("tracestate", "foo=1")])
    assert said["traceparent"][3:35] not in (TRACE_ID, TRACE_ID[:-1] + "A")
    assert "tracestate" not in said


def test_a_trace_id_of_zeros_is_none() -> None:
    (said,) = passed_on([("traceparent", f"00-{'0' * 32}-{SPAN_ID}-01")])
    assert said["traceparent"][3:35] != "0" * 32


def test_two_of_them_are_none_even_when_they_are_the_same() -> None:
    other = TRACE_ID[:-1] + "1"
    assert trace_of([("traceparent", PARENT), ("traceparent", f"00-{other}-{SPAN_ID}-01")]) not in (TRACE_ID, other)
    assert trace_of([("traceparent", PARENT), ("Traceparent", PARENT)]) != TRACE_ID


def test_each_call_has_a_span_of_its_own() -> None:
    for headers in ([("traceparent", PARENT)], [], [("traceparent", f"00-{'0' * 32}-{SPAN_ID}-01")]):
        said = passed_on(headers, 3)
        assert len({each["traceparent"][36:52] for each in said}) == 3
        traces = {each["traceparent"][3:35] for each in said}
        assert traces == {TRACE_ID} if headers == [("traceparent", PARENT)] else len(traces) == 3


@pytest.mark.parametrize(
    ("came", "goes"),
    [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("fc", "00"), ("ff", "03"), ("fe", "02"), ("09", "01")],
)
def test_flags_are_kept_bit_by_bit_and_those_without_a_meaning_are_zero(came: str, goes: str) -> None:
    for version in ("00", "cc"):
        (said,) = passed_on([("traceparent", f"{version}-{TRACE_ID}-{SPAN_ID}-{came}")])
        assert said["traceparent"].endswith(f"-{goes}")


def test_a_trace_that_begins_here_is_random_and_not_said_to_be_recorded() -> None:
    assert passed_on([])[0]["traceparent"].endswith("-02")


def test_no_state_without_a_parent() -> None:
    assert "tracestate" not in passed_on([("tracestate", "foo=1")])[0]


@pytest.mark.parametrize("name", ["tracestate", "TraceState", "TrAcEsTaTe", "TRACESTATE"])
def test_the_name_of_the_state_in_any_case(name: str) -> None:
    assert passed_on([("traceparent", PARENT), (name, "foo=1")])[0]["tracestate"] == "foo=1"


@pytest.mark.parametrize("name", ["trace-state", "trace.state"])
def test_no_other_name_of_the_state(name: str) -> None:
    assert "tracestate" not in passed_on([("traceparent", PARENT), (name, "foo=1")])[0]


@pytest.mark.parametrize(
    ("came", "goes"),
    [
        (["foo=1,bar=2"], "foo=1,bar=2"),
        ([""], ""),
        ([" ,\t, "], ""),
        (["foo=1", ""], "foo=1"),
        (["", "foo=1"], "foo=1"),
        (["foo=1,,bar=2,"], "foo=1,bar=2"),
        (["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        (["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
        ([" foo=1"], "foo=1"),
        (["\tfoo=1\t"], "foo=1"),
        (["foo= 1 2"], "foo= 1 2"),
        (["foo=1,foo=1"], "foo=1"),
        (["foo=1,foo=2"], "foo=1"),
        (["foo=1", "foo=2"], "foo=1"),
        (["foo@=1,bar=2"], "foo@=1,bar=2"),
        (["foo@@bar=1,bar=2"], "foo@@bar=1,bar=2"),
        (["foo@bar@baz=1,bar=2"], "foo@bar@baz=1,bar=2"),
        (["0a=1"], "0a=1"),
    ],
)
def test_a_valid_state_is_handed_on(came: list[str], goes: str) -> None:
    assert state_of(*came) == goes


@pytest.mark.parametrize(
    "value",
    [
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "@foo=1",
        "_foo=1",
        "-foo=1",
        "=1",
        "foo",
        "foo=",
        "foo=bar=baz",
        "foo=\t1",
        "foo=a\x00b",
        "foo=a\x7fb",
        "foo=ä",
        "föö=1",
        "foo=" + "v" * 257,
        "z" * 257 + "=1",
    ],
)
def test_one_invalid_member_costs_the_whole_state_and_not_the_trace(value: str) -> None:
    assert state_of(value, "bar=2") == ""
    assert state_of("bar=2," + value) == ""


def test_all_characters_that_are_allowed() -> None:
    plain = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
    value = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")
    for key in (plain, plain + "@a-z0-9_-*/", "0" + plain):
        assert state_of(f"{key}={value}") == f"{key}={value}"


@pytest.mark.parametrize("key", ["z" * 256, "t" * 241 + "@" + "v" * 14, "t" * 242 + "@v", "t@" + "v" * 15])
def test_keys_may_have_256_characters(key: str) -> None:
    assert state_of("foo=1", f"{key}=1") == f"foo=1,{key}=1"


def test_32_members_are_handed_on_and_33_are_not_read() -> None:
    members = [f"bar{number:02}={number:02}" for number in range(1, 34)]
    fields = [",".join(members[start : start + 10]) for start in (0, 10, 20)]
    assert state_of(*fields, ",".join(members[30:32])) == ",".join(members[:32])
    assert state_of(*fields, ",".join(members[30:33])) == ""


def test_what_is_extracted_can_be_looked_at() -> None:
    found = get("tracecontext").extract({"Traceparent": f"00-{TRACE_ID}-{SPAN_ID}-03", "tracestate": "a=1,b= 2"})
    assert found == TraceContext(TRACE_ID, SPAN_ID, True, random=True, state=(("a", "1"), ("b", " 2")))
    assert get("tracecontext").inject(found) == [
        ("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-03"),
        ("tracestate", "a=1,b= 2"),
    ]
    assert get("tracecontext").extract([(b"TRACEPARENT", b" " + PARENT.encode())]) == TraceContext(
        TRACE_ID, SPAN_ID, sampled=False
    )


def test_an_open_decision_is_written_as_not_sampled_and_debugging_as_sampled() -> None:
    def written(context: TraceContext) -> str:
        return get("tracecontext").inject(context)[0][1][-2:]

    assert written(TraceContext(TRACE_ID, SPAN_ID)) == "00"
    assert written(TraceContext(TRACE_ID, SPAN_ID, sampled=False, debug=True)) == "01"
