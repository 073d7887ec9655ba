"""However a stream of records is cut into pieces, its records are the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from meshclient.rpc.codec.events import Events, ServerSentEvent
from meshclient.rpc.codec.lines import Lines

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
# One line of an event's text: what ends a line cannot be within it.
LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)
END = st.sampled_from([b"\n", b"\r\n", b"\r"])


def cut(body: bytes, places: list[int]) -> list[bytes]:
    """The body in pieces, some of them empty."""
    at = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[begin:end] for begin, end in pairwise(at)]


def fed(reader: Lines | Events, parts: list[bytes]) -> list[Any]:
    return [each for part in parts for each in reader.feed(part)] + list(reader.end())


@given(
    st.lists(st.tuples(JSON, st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n\x1e"]))),
    st.booleans(),
    st.lists(st.integers(0)),
)
def test_lines(records: list[tuple[Any, bytes]], ended: bool, places: list[int]) -> None:
    body = b"".join(msgspec.json.encode(value) + end for value, end in records)
    if not ended:
        body = body.rstrip(b"\r\n\x1e")
    read = [msgspec.json.decode(line) for line in fed(Lines(), cut(body, places))]
    assert read == [value for value, _ in records]


@given(
    st.lists(st.tuples(st.lists(LINE, min_size=1, max_size=3), LINE, LINE, st.none() | st.integers(0, 10**9 - 1))),
    END,
    st.lists(st.integers(0)),
    st.booleans(),
)
def test_events(
    events: list[tuple[list[str], str, str, int | None]], end: bytes, places: list[int], marked: bool
) -> None:
    body, expected, retry = b"\xef\xbb\xbf" if marked else b"", [], None
    for data, name, ident, asked in events:
        lines = [f"event: {name}", *(f"data: {line}" for line in data), f"id: {ident}", ": comment"]
        if asked is not None:
            lines.append(f"retry: {asked}")
            retry = asked
        body += b"".join(line.encode() + end for line in [*lines, ""])
        expected.append(ServerSentEvent("\n".join(data), name or "message", ident, retry))
    assert fed(Events(), cut(body, places)) == expected
    assert fed(Events(), [*cut(body, places), b"data: not ended"]) == expected


@given(st.binary(), st.lists(st.integers(0)))
def test_any_bytes_read_the_same_however_they_come(body: bytes, places: list[int]) -> None:
    assert fed(Lines(), cut(body, places)) == fed(Lines(), [body])
    assert fed(Events(), cut(body, places)) == fed(Events(), [body])
