"""What is written to disk is read again, and nothing else is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.stored_form import SCHEMA, StoredList, decode, digest, encode
from meshclient.model.endpoint import Endpoint, Health

text = st.text(max_size=10)
endpoints = st.lists(
    st.builds(
        Endpoint,
        st.sampled_from(["10.0.0.1", "a.example", "::1"]),
        st.integers(1, 65535),
        st.sampled_from(["http", "https"]),
        text,
        st.floats(min_value=1e-6, max_value=1e6),
        st.integers(0, 9),
        text,
        st.lists(text, max_size=2).map(tuple),
        st.dictionaries(text, text, max_size=2),
        st.sampled_from(Health),
    ),
    min_size=1,
    max_size=3,
).map(tuple)
times = st.floats(min_value=0, max_value=1e11)
CONTENT = encode("x://?dc=1", "orders", [Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 80)], 1e9)


@given(endpoints, times)
def test_a_list_comes_back_as_it_was(those: tuple[Endpoint, ...], at: float) -> None:
    assert decode(encode("x://", "orders", those, at), "x://", "orders") == StoredList(those, at)


@given(st.integers(0, len(CONTENT) - 1))
def test_no_part_of_a_file_is_taken_for_the_whole(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(CONTENT[:length], "x://?dc=1", "orders")


@pytest.mark.parametrize("change", [1, 2, 32])
def test_a_changed_byte_is_noticed_wherever_it_is(change: int) -> None:
    for place in range(len(CONTENT)):
        changed = bytearray(CONTENT)
        changed[place] ^= change
        try:
            found = decode(bytes(changed), "x://?dc=1", "orders")
        except ValueError:
            continue
        # White space between the values says nothing.
        assert found == decode(CONTENT, "x://?dc=1", "orders")


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | text, st.lists).map(lambda v: json.dumps(v).encode())
)
def test_anything_else_is_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(content, "x://", "orders")


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"schema":' * 100_000, b"1" * 5000])
def test_what_would_break_a_reader_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(content, "x://", "orders")


def test_a_list_of_another_registry_service_or_form_is_refused() -> None:
    for source, service in (("x://?dc=2", "orders"), ("x://?dc=1", "users")):
        with pytest.raises(ValueError, match="another service or registry"):
            decode(CONTENT, source, service)
    with pytest.raises(ValueError, match="not a list in the form"):
        decode(CONTENT.replace(SCHEMA.encode(), b"meshclient.last_known/v9"), "x://?dc=1", "orders")


def test_neither_the_registry_nor_the_service_can_be_told_from_a_digest() -> None:
    assert "secret" not in digest("x://?token=secret", "orders")
    assert b"dc=1" not in CONTENT
    assert len({digest(source, service) for source in ("a", "b") for service in ("a", "b")}) == 4
