"""Whatever headers come: nothing is raised, nothing invalid is written, and nothing without bounds."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from urllib.parse import unquote

from hypothesis import assume, example, given
from hypothesis import strategies as st

from meshclient.telemetry.propagation.baggage import BaggageMember, read_baggage, write_baggage
from meshclient.telemetry.propagation.context import TraceContext, using
from meshclient.telemetry.propagation.formats import NAMES, get
from meshclient.telemetry.propagation.outbound import Outbound
from meshclient.telemetry.propagation.reader import Reader, extract_any
from meshclient.telemetry.propagation.tracestate import put, read_state, write_state
from meshclient.telemetry.propagation.xray import _read_slowly

HEX = "0123456789abcdef"


def ids(length: int) -> st.SearchStrategy[str]:
    return st.text(HEX, min_size=length, max_size=length).filter(lambda text: text.strip("0") != "")


TRACE_IDS, SPAN_IDS = ids(32), ids(16)
FIELDS = sorted({field for name in NAMES for field in get(name).fields})
# Close to what is meant: the characters of all grammars, and valid pieces put together at random.
PIECES = st.one_of(
    st.sampled_from(["00", "01", "cc", "ff", "-", "=", ";", ",", " ", "\t", "?", "1", "0", "d", "true", "Root=1-"]),
    st.sampled_from(["Parent=", "Self=", "Sampled=", "Sampled=?", "Lineage=1:a:2", "%41", "%", "%ff", "k=v", "a@b=1"]),
    st.sampled_from(["\r\nx: y", "\0", "é", "@", "v;p=1"]),
    TRACE_IDS,
    SPAN_IDS,
    ids(8),
    ids(24),
    st.text(max_size=5),
)
VALUES = st.one_of(
    st.lists(PIECES, max_size=12).map("".join),
    st.text(string.printable, max_size=80),
    st.builds("00-{}-{}-{}".format, TRACE_IDS, SPAN_IDS, ids(2)),
    st.builds("Root=1-{}-{};Parent={};Sampled={}".format, ids(8), ids(24), SPAN_IDS, st.sampled_from("01?x")),
    st.builds("{}-{}-{}".format, TRACE_IDS, SPAN_IDS, st.sampled_from(["0", "1", "d"])),
    st.lists(st.builds("{}={}".format, st.text("ab@z0_", max_size=300), st.text(max_size=300)), max_size=40).map(
        ",".join
    ),
    TRACE_IDS,
    SPAN_IDS,
)
NAME = st.sampled_from([*FIELDS, *map(str.upper, FIELDS), *map(str.title, FIELDS)])
HEADERS = st.lists(st.tuples(NAME, VALUES), max_size=8)
MANY = st.lists(st.sampled_from(NAMES), unique=True).map(tuple)

GRAMMAR = {
    "traceparent": re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]"),
    "tracestate": re.compile(r"[!-~ ]{1,512}"),
    "baggage": re.compile(r"[!#-:<-\[\]-~;]{1,8192}"),
    "x-amzn-trace-id": re.compile(
        r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=(?!0{16})[0-9a-f]{16}(;Sampled=[01?])?(;[\w.-]+=[!-+\--:<>-~]+){0,16}",
        re.ASCII,
    ),
    "b3": re.compile(r"[0-9a-f]{32}-[0-9a-f]{16}(-[01d](-[0-9a-f]{16})?)?"),
    "x-b3-traceid": re.compile(r"(?!0{32})[0-9a-f]{32}"),
    "x-b3-spanid": re.compile(r"(?!0{16})[0-9a-f]{16}"),
    "x-b3-parentspanid": re.compile(r"(?!0{16})[0-9a-f]{16}"),
    "x-b3-sampled": re.compile(r"[01]"),
    "x-b3-flags": re.compile(r"1"),
    "x-request-id": re.compile(r"[!-~]{1,128}"),
    "x-correlation-id": re.compile(r"[!-~]{1,128}"),
}
STATE_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]")
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
OCTETS = r"(?:[!#$&-+\--:<-\[\]-~]|%[0-9A-F]{2})*"
BAGGAGE_MEMBER = re.compile(rf"{TOKEN}={OCTETS}(;{TOKEN}(={OCTETS})?)*")


def check(headers: list[tuple[str, str]]) -> None:
    """That these may be sent."""
    names = [name.lower() for name, _ in headers]
    assert len(set(names)) == len(names)
    for name, value in headers:
        assert GRAMMAR[name.lower()].fullmatch(value), (name, value)
        assert len(value) <= 8192
    said = {name.lower(): value for name, value in headers}
    if "tracestate" in said:
        members = said["tracestate"].split(",")
        assert all(STATE_MEMBER.fullmatch(member) for member in members)
        keys = [member.partition("=")[0] for member in members]
        assert len(set(keys)) == len(keys) <= 32
    if "baggage" in said:
        assert all(BAGGAGE_MEMBER.fullmatch(member) for member in said["baggage"].split(","))
        assert said["baggage"].count(",") < 180
    if "x-amzn-trace-id" in said:
        assert len(said["x-amzn-trace-id"]) <= 75 + 10 + 256


def read(lines: bytes) -> list[tuple[str, str]]:
    return [(n, v) for n, _, v in (line.partition(": ") for line in lines.decode("ascii").split("\r\n") if line)]


@given(HEADERS, st.sampled_from(NAMES))
def test_each_format_reads_anything_and_writes_what_is_valid_and_stays_so(
    headers: list[tuple[str, str]], name: str
) -> None:
    each = get(name)
    found = each.extract(headers)
    if found is None:
        return
    written = each.inject(found)
    check(written)
    again = each.extract(written)
    assert again is not None or not written
    if again is not None:
        assert each.inject(again) == written


@given(HEADERS, MANY, st.sampled_from(NAMES))
def test_what_is_read_of_many_is_written_as_any(
    headers: list[tuple[str, str]], names: tuple[str, ...], name: str
) -> None:
    found = extract_any(headers, names)
    if found is None:
        return
    check(get(name).inject(found))
    ids_first = (found.trace_id, found.span_id)
    if name in ("tracecontext", "xray", "b3", "b3multi"):
        again = get(name).extract(get(name).inject(found))
        assert again is not None
        assert (again.trace_id, again.span_id) == ids_first
        assert again.known


@given(HEADERS, MANY)
def test_lines_are_valid_below_whatever_came(headers: list[tuple[str, str]], names: tuple[str, ...]) -> None:
    found = extract_any(headers)
    with using(found):
        lines, trace_id, span_id = Outbound(names).lines()
        listed = Outbound(names).headers()[0]
    check(read(lines))
    assert lines.count(b"\n") == len(read(lines)) == len(listed)
    if found is not None:
        assert trace_id == found.trace_id
        assert span_id != found.span_id


@given(HEADERS, MANY)
def test_what_a_request_has_already_is_never_said_twice(headers: list[tuple[str, str]], names: tuple[str, ...]) -> None:
    given_ = dict(headers)
    added = Outbound(names).headers(given=given_)[0]
    check(added)
    assert not {name.lower() for name in given_} & {name.lower() for name, _ in added}


TEXT = st.text(max_size=300)
CONTEXTS = st.builds(
    TraceContext,
    TRACE_IDS,
    SPAN_IDS,
    st.sampled_from([None, True, False]),
    random=st.booleans(),
    debug=st.booleans(),
    state=st.lists(st.tuples(st.text("ab@Z0_", max_size=300), TEXT), max_size=40).map(tuple),
    baggage=st.lists(
        st.builds(
            BaggageMember,
            TEXT,
            TEXT,
            st.lists(st.tuples(st.text("kü", max_size=3), st.none() | TEXT), max_size=3).map(tuple),
        ),
        max_size=9,
    ).map(tuple),
    parent_id=st.none() | SPAN_IDS,
    request_id=st.none() | TEXT,
    correlation_id=st.none() | TEXT,
    xray=st.lists(st.tuples(TEXT | st.sampled_from(["Root", "Lineage", "a"]), TEXT), max_size=20).map(tuple),
)


@given(CONTEXTS, st.sampled_from(NAMES))
def test_no_context_makes_an_invalid_header(context: TraceContext, name: str) -> None:
    check(get(name).inject(context))


@given(CONTEXTS)
def test_nor_invalid_lines(context: TraceContext) -> None:
    with using(context):
        lines, _, span_id = Outbound(NAMES).lines()
        check(read(lines))
        assert lines.count(span_id.encode()) >= 4


@given(TRACE_IDS, SPAN_IDS, st.sampled_from([True, False]), st.sampled_from(["tracecontext", "xray", "b3", "b3multi"]))
def test_every_format_keeps_ids_and_decision(trace_id: str, span_id: str, sampled: bool, name: str) -> None:
    context = TraceContext(trace_id, span_id, sampled)
    assert get(name).extract(get(name).inject(context)) == context


@given(TRACE_IDS, SPAN_IDS, st.sampled_from("01"))
def test_from_xray_to_w3c_and_back(trace_id: str, span_id: str, decision: str) -> None:
    header = [("X-Amzn-Trace-Id", f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={span_id};Sampled={decision}")]
    w3c, xray = get("tracecontext"), get("xray")
    found = xray.extract(header)
    assert found is not None
    parent = w3c.inject(found)
    assert parent == [("traceparent", f"00-{trace_id}-{span_id}-0{decision}")]
    back = w3c.extract(parent)
    assert back is not None
    assert xray.inject(back) == header


@given(
    st.lists(PIECES, max_size=12).map("".join),
    st.sampled_from(["", ";Sampled=0", ";Sampled=1", ";Sampled=?"]),
    SPAN_IDS,
)
def test_the_usual_form_of_xray_is_read_as_any_other(more: str, sampled: str, span_id: str) -> None:
    for value in (f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent={span_id}{sampled}", more):
        quick = get("xray").extract({"x-amzn-trace-id": value})
        slow = _read_slowly(value.strip(" \t"))
        assert (quick is None) is (slow is None)
        if quick is not None and slow is not None:
            assert (quick.trace_id, quick.sampled, quick.xray) == (slow.trace_id, slow.sampled, slow.xray)
            assert quick.span_id == slow.span_id or not quick.known


@given(st.lists(st.text(max_size=60), max_size=4))
@example([",".join(f"k{number}=v" for number in range(32))])
@example([",".join(f"k{number}={'v' * 250}" for number in range(32))])
def test_a_state_that_is_read_stays_as_it_is_written(values: list[str]) -> None:
    state = read_state(values)
    assert len(state) <= 32
    text = write_state(state)
    assert len(text) <= 512
    again = read_state([text])
    assert write_state(again) == text
    # The order of those that are left is theirs.
    assert [member for member in state if member in again] == list(again)


@given(
    st.lists(st.tuples(ids(4), st.text("xy", min_size=1, max_size=200)), max_size=32, unique_by=lambda pair: pair[0]),
    st.integers(0, 40),
)
def test_a_member_that_is_put_stands_in_front_and_once(state: list[tuple[str, str]], index: int) -> None:
    key = state[index][0] if index < len(state) else "new"
    after = put(tuple(state), key, "v")
    assert after[0] == (key, "v")
    assert [pair for pair in state if pair[0] != key][: len(after) - 1] == list(after[1:])
    assert len(after) <= 32


@given(
    st.lists(st.builds("{}={}".format, st.text("ab", min_size=1), st.text("v", min_size=1, max_size=250)), max_size=32)
)
def test_512_characters_are_never_cut(members: list[str]) -> None:
    assume(len({member.partition("=")[0] for member in members}) == len(members))
    text = ",".join(members)
    written = write_state(read_state([text]))
    if len(text) <= 512:
        assert written == text
    else:
        small = [member for member in members if len(member) <= 128]
        assert [m for m in written.split(",") if len(m) <= 128] == small[
            : len([m for m in written.split(",") if m and len(m) <= 128])
        ]


@given(st.lists(st.tuples(st.from_regex(TOKEN, fullmatch=True), st.text(max_size=30)), max_size=20))
def test_baggage_is_read_as_it_was_meant(pairs: list[tuple[str, str]]) -> None:
    members = tuple(BaggageMember(key, value) for key, value in pairs)
    text = write_baggage(members)
    expected = tuple(replace(m, value=m.value.encode("utf-8", "replace").decode()) for m in members)
    if len(text) < 8000:
        assert read_baggage([text]) == expected
        assert [unquote(part.partition("=")[2]) for part in text.split(",") if part] == [m.value for m in expected]


@given(HEADERS)
def test_a_mapping_and_bytes_say_the_same_as_pairs(headers: list[tuple[str, str]]) -> None:
    single = {name.lower(): value for name, value in headers}
    pairs = list(single.items())
    found = extract_any(single)
    assert (found is None) is (extract_any(pairs) is None)
    if found is not None and found.known:
        assert found == extract_any(pairs)
    assume(all(value.isascii() for value in single.values()))
    raw = extract_any([(name.upper().encode(), value.encode()) for name, value in pairs])
    assert (raw is None) is (found is None)


@given(
    st.integers(0, 70_000),
    st.sampled_from([",", ";", "a=1,", "k=v;", "0", "Root=1-", "-", " "]),
    st.sampled_from(FIELDS),
)
def test_long_headers_are_read_in_their_length(times: int, piece: str, field: str) -> None:
    found = extract_any({field: piece * times})
    for name in NAMES if found is not None else ():
        assert found is not None
        check(get(name).inject(found))


def test_a_reader_of_nothing_reads_nothing() -> None:
    assert Reader([]).extract({"traceparent": "x"}) is None
