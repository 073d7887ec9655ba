"""JSON of promised shape: what is taken, and the words for what is not."""

from __future__ import annotations

import contextlib
import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.http_registry import fields
from meshclient.discovery.http_registry.fields import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("empty", [None, {}])
def test_what_is_missing_is_empty(empty: object) -> None:
    assert fields.table(empty, "it", optional=True) == fields.texts(empty, "it") == {}
    assert fields.array(None, "it") == []
    assert fields.text(None, "it") == ""
    assert fields.truth(None, "it") is None
    assert fields.weight(None) == 1


def test_what_is_there_is_handed_on() -> None:
    assert fields.document(b'{"a": [1]}') == fields.document('{"a": [1]}') == {"a": [1]}
    assert fields.parsed(b"[1]") == fields.array([1], "it") == [1]
    assert fields.texts({"a": "b", "c": None}, "it") == {"a": "b", "c": ""}
    assert fields.truth(value=False, name="it") is False
    assert fields.whole(7, "it") == 7
    assert [fields.weight(share) for share in (0, 2.5, 1e9, 10**400, math.inf)] == [0, 2.5, 1e6, 1e6, 1e6]


@pytest.mark.parametrize(
    ("read", "problem"),
    [
        (lambda: fields.document(b"<html>"), r"it is not JSON \(.*\); it begins b'<html>'"),
        (lambda: fields.document(b"[" * 10**6), r"it is not JSON"),
        (lambda: fields.document(b"null"), "it is missing, not an object; it begins b'null'"),
        (lambda: fields.document("[" + "1," * 99 + "1]"), r"it is a list, not an object; it begins '\[(1,){29}1'$"),
        (lambda: fields.table(None, "its node"), "its node is missing, not an object"),
        (lambda: fields.table([], "its node", optional=True), "its node is a list, not an object"),
        (lambda: fields.array("a", "its tags"), "its tags is text, not a list"),
        (lambda: fields.text(7, "its zone"), "its zone is a number, not text"),
        (lambda: fields.texts({"k" * 99: 1}, "its metadata"), "its metadata 'k{60}' is a number, not text"),
        (lambda: fields.truth("yes", "its ready"), "its ready is text, not true or false"),
        (lambda: fields.whole(True, "its port"), "its port is a truth value, not a whole number"),
        (lambda: fields.whole(80.0, "its port"), "its port is a number, not a whole number"),
        (lambda: fields.whole(None, "its port"), "its port is missing"),
        (lambda: fields.weight("3"), "its weight is text, not a number"),
        (lambda: fields.weight(True), "its weight is a truth value"),
        (lambda: fields.weight(-1), "its weight is not 0 or above"),
        (lambda: fields.weight(math.nan), "its weight is not 0 or above"),
    ],
)
def test_what_is_wrong_is_named(read: Callable[[], object], problem: str) -> None:
    with pytest.raises(PayloadError, match=problem):
        read()


@given(JSON)
def test_any_value_is_taken_or_named(value: object) -> None:
    for read in (fields.table, fields.array, fields.text, fields.texts, fields.truth, fields.whole):
        with contextlib.suppress(PayloadError):
            assert isinstance(read(value, "it"), dict | list | str | bool | int | None)
    assert fields.kind(value).isprintable()
    if isinstance(value, dict):
        assert json.dumps(fields.document(json.dumps(value))) == json.dumps(value)
