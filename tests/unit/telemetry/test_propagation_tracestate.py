"""How tracestate is changed and cut."""

from __future__ import annotations

import pytest

from meshclient.telemetry.propagation.tracestate import put, read_state, without, write_state

STATE = (("a", "1"), ("b", "2"), ("c", "3"))


def test_a_changed_member_moves_to_the_front_and_the_others_keep_their_order() -> None:
    assert put(STATE, "b", "9") == (("b", "9"), ("a", "1"), ("c", "3"))
    assert put(STATE, "d@t", "4") == (("d@t", "4"), *STATE)
    assert without(STATE, "b") == (("a", "1"), ("c", "3"))
    assert without(STATE, "z") == STATE


def test_a_new_member_costs_the_last_one_where_there_would_be_33() -> None:
    full = tuple((f"k{number}", "v") for number in range(32))
    assert put(full, "new", "v") == (("new", "v"), *full[:31])
    assert put(full, "k31", "w") == (("k31", "w"), *full[:31])


@pytest.mark.parametrize(
    ("key", "value"), [("A", "1"), ("a", ""), ("a", "1,b=2"), ("a", "x "), ("", "1"), ("a=b", "1")]
)
def test_what_is_no_member_is_refused(key: str, value: str) -> None:
    with pytest.raises(ValueError, match="is no member of a tracestate: write a key in lower case"):
        put(STATE, key, value)


def test_what_is_no_member_is_not_written() -> None:
    assert write_state((("A", "1"), ("a", "1"), ("b", "2\r\nx: y"), ("a", "2"), ("c", "3 "), ("d", "é"))) == "a=1"
    assert write_state(tuple((f"k{number}", "v") for number in range(40))).count(",") == 31
    assert write_state(()) == ""


def lengths(*sizes: int) -> tuple[tuple[str, str], ...]:
    """Members with these lengths, "=" included."""
    return tuple((f"k{index}", "v" * (size - 3)) for index, size in enumerate(sizes))


def kept(*sizes: int) -> list[int]:
    text = write_state(lengths(*sizes))
    assert len(text) <= 512
    return [int(member[1 : member.index("=")]) for member in text.split(",")]


def test_512_characters_are_handed_on() -> None:
    assert kept(258, 253) == [0, 1]
    assert len(write_state(lengths(258, 253))) == 512
    assert kept(*[127] * 4) == [0, 1, 2, 3]


def test_the_large_ones_go_first_and_from_the_end() -> None:
    assert kept(258, 254) == [0]
    assert kept(129, 128, 129, 128, 128) == [1, 3, 4]
    assert kept(129, 100, 129, 100, 100) == [0, 1, 3, 4]
    assert kept(10, 200, 20, 200, 30, 200, 40) == [0, 1, 2, 3, 4, 6]


def test_then_whole_members_from_the_end() -> None:
    assert kept(128, 128, 128, 128, 10) == [0, 1, 2]
    assert kept(*[100] * 9) == [0, 1, 2, 3, 4]
    assert kept(200, *[128] * 5) == [1, 2, 3]


def test_fields_are_one_list() -> None:
    assert read_state(["a=1,", "", "b=2"]) == (("a", "1"), ("b", "2"))
    assert read_state([]) == ()
