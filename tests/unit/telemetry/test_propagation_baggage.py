"""baggage: what is read of it, what is handed on, and the limits of both."""

from __future__ import annotations

import pytest

from meshclient.telemetry.propagation.baggage import BaggageMember, read_baggage, write_baggage
from meshclient.telemetry.propagation.context import TraceContext
from meshclient.telemetry.propagation.formats import get

TRACE_ID, SPAN_ID = "12345678901234567890123456789012", "1234567890123456"


def member(key: str, value: str, *properties: tuple[str, str | None]) -> BaggageMember:
    return BaggageMember(key, value, properties)


@pytest.mark.parametrize(
    ("values", "members"),
    [
        (["userId=alice,serverNode=DF%2028"], [member("userId", "alice"), member("serverNode", "DF 28")]),
        (["userId =   alice"], [member("userId", "alice")]),
        (["a=1", "b=2,c=3"], [member("a", "1"), member("b", "2"), member("c", "3")]),
        (["a=1,a=2"], [member("a", "1"), member("a", "2")]),
        (["k=Am%C3%A9lie"], [member("k", "Amélie")]),
        (["k=%FF%C3"], [member("k", "\ufffd\ufffd")]),
        (["k=100%"], [member("k", "100%")]),
        (["k=%zz"], [member("k", "%zz")]),
        (["k=a=b=c"], [member("k", "a=b=c")]),
        (["k="], [member("k", "")]),
        (["k=v;p1;p2=a%20b ; p3 = c"], [member("k", "v", ("p1", None), ("p2", "a b"), ("p3", "c"))]),
        (["\tk\t=\tv\t"], [member("k", "v")]),
        (["k=v,,x=y,"], [member("k", "v"), member("x", "y")]),
    ],
)
def test_what_is_valid_is_read(values: list[str], members: list[BaggageMember]) -> None:
    assert list(read_baggage(values)) == members


@pytest.mark.parametrize(
    "text", ["", "k", "=v", "k y=v", "k=v w", 'k="v"', "k=a\\b", "k=é", "é=k", "k=v;", "k=v;p q", "k=v;=1", "k=\x00"]
)
def test_an_invalid_member_is_left_out_alone(text: str) -> None:
    assert read_baggage([f"a=1,{text},b=2"]) == (member("a", "1"), member("b", "2"))


def test_values_are_encoded_where_they_have_to_be() -> None:
    members = [member("k", 'a b,c;d"e\\f%g=h'), member("ü", "x"), member("é", "y"), member("n", "Amélie", ("p", "1 2"))]
    assert write_baggage(members) == "k=a%20b%2Cc%3Bd%22e%5Cf%25g=h,n=Am%C3%A9lie;p=1%202"
    assert write_baggage([member("k", "\r\n\0\ud800")]) == "k=%0D%0A%00?"
    assert write_baggage([member("k", "v", ("p\r\nx", None))]) == ""
    every = "".join(map(chr, range(0x21, 0x7F)))
    (found,) = read_baggage([write_baggage([member("k", every)])])
    assert found.value == every


def test_180_members_are_handed_on_and_no_more() -> None:
    many = [member(f"k{number}", "v") for number in range(200)]
    assert write_baggage(many).count("=") == 180
    assert len(read_baggage([",".join(f"k{number}=v" for number in range(200))])) == 180


def test_8192_bytes_are_handed_on_and_no_part_of_a_member() -> None:
    exact = [member("a", "x" * 4094), member("b", "y" * 4093)]
    assert len(write_baggage(exact)) == 8192
    assert write_baggage([*exact, member("c", "")]) == write_baggage(exact)
    large = [member("a", "x" * 8000), member("b", "é" * 100), member("c", "small")]
    assert write_baggage(large) == f"a={'x' * 8000},c=small"
    assert read_baggage([f"a={'x' * 8000},b={'%C3%A9' * 100},c=small"]) == (large[0], large[2])
    assert write_baggage([member("a", "x" * 8191)]) == ""


def test_it_belongs_to_a_trace_that_begins_here_where_nothing_else_came() -> None:
    found = get("baggage").extract({"Baggage": "a=1"})
    assert found is not None
    assert (found.baggage, found.known, found.random) == ((member("a", "1"),), False, True)
    assert get("baggage").inject(found) == [("baggage", "a=1")]
    assert get("baggage").extract({"baggage": " , "}) is None
    assert get("baggage").inject(TraceContext(TRACE_ID, SPAN_ID)) == []
