"""What a filled response makes of JSON is what httpx's makes of it: the same values of the same types, and errors."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.http.filled import FilledResponse

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))
ODD = [
    b"", b" ", b"01", b"1.", b"-", b"+1", b"1e400", b"-1e400", b"1e-400", b"-0", b"-0.0", b"NaN", b"-Infinity", b"[1,]",
    b"1" * 400, b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xff"', b"\xef\xbb\xbf1", b"1\x00", b"\x001",
    '"ä"'.encode("utf-16"), b'{"a":1,"a":2}', b'"\n"', b"'a'", b"\x0c1", b"nul", b'{"a" 1}', b"[" * 20, b"{1: 2}",
    b'"\\x"', b'"\\u00g0"', b"1 2",
]  # fmt: skip


def both(content: bytes) -> tuple[Any, Any]:
    filled = FilledResponse.__new__(FilledResponse)
    filled._content = content
    return told(filled), told(httpx.Response(200, content=content))


def told(response: httpx.Response) -> object:
    try:
        return spelt(response.json())
    except ValueError as error:
        return type(error), str(error)


def spelt(value: Any) -> object:
    """With the types, and with the signs of zeros."""
    if isinstance(value, list):
        return [spelt(one) for one in value]
    if isinstance(value, dict):
        return [(name, spelt(one)) for name, one in value.items()]
    return type(value), repr(value)


@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_documents(value: object, ascii_only: bool, indent: int | None) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    ours, theirs = both(content)
    assert ours == theirs


@given(st.from_regex(r"-?[0-9]{0,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{0,4})?", fullmatch=True))
def test_numbers(text: str) -> None:
    ours, theirs = both(text.encode())
    assert ours == theirs


@given(st.binary(max_size=12))
def test_anything(content: bytes) -> None:
    ours, theirs = both(content)
    assert ours == theirs


@pytest.mark.parametrize("content", ODD, ids=range(len(ODD)))
def test_what_is_odd(content: bytes) -> None:
    ours, theirs = both(content)
    assert ours == theirs


def test_with_arguments_it_is_the_standard_librarys() -> None:
    filled = FilledResponse.__new__(FilledResponse)
    filled._content = b"[1.5]"
    assert filled.json(parse_float=str) == ["1.5"]
