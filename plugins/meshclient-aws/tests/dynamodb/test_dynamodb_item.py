"""Items as they are written and as anybody may have written them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient_aws.dynamodb.item import decode_item, encode_item, encode_lifetime, instance_id, item_key

WORDS = st.text("abcäö #:/", min_size=1, max_size=8)
ENDPOINTS = st.builds(
    Endpoint,
    host=st.sampled_from(["127.0.0.1", "fd00::1", "host.example"]),
    port=st.integers(1, 65535),
    scheme=st.sampled_from(["http", "https"]),
    id=WORDS,
    weight=st.floats(1e-6, 1e6),
    zone=st.just("") | WORDS,
    tags=st.lists(WORDS, max_size=3).map(tuple),
    metadata=st.dictionaries(WORDS, WORDS | st.just(""), max_size=3),
)

# As DynamoDB's numbers go: 38 digits, with an exponent or without, and what only a foreign server would send.
VALUES = st.one_of(
    st.none(),
    st.builds(lambda text: {"S": text}, st.text(max_size=5)),
    st.builds(lambda text: {"N": text}, st.sampled_from(["1", "8080", "1.5", "-1", "1e9", "1E-7", "nan", "inf", "x"])),
    st.builds(lambda text: {"SS": [text]}, st.text(max_size=3)),
    st.builds(lambda text: {"L": [{"S": text}, {"N": "1"}]}, st.text(max_size=3)),
    st.builds(lambda text: {"M": {text: {"S": text}, "n": {"N": "1"}}}, st.text(max_size=3)),
    st.sampled_from([{}, {"BOOL": True}, {"NULL": True}, {"X": 1}, {"S": 1}, {"N": 1}, {"L": 1}, {"M": 1}, 7, "x", []]),
)
MORE = ("status", "expires", "heartbeat")
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("instance", "host", "port", "scheme", "weight", "zone", "tags", "metadata", *MORE), VALUES),
)


@given(ENDPOINTS, st.integers(0, 2**32), st.floats(1, 1e6))
def test_what_is_written_is_read(endpoint: Endpoint, now: int, ttl: float) -> None:
    item = decode_item(encode_item(Registration(ServiceName("web"), endpoint, ttl=ttl), "me", now))
    assert item.problem == ""
    assert item.endpoint is not None
    # DynamoDB keeps 38 digits, and 15 are written, as many as every double has.
    assert math.isclose(item.endpoint.weight, endpoint.weight, rel_tol=1e-14)
    assert replace(item.endpoint, weight=1.0) == replace(endpoint, health=Health.PASSING, weight=1.0)
    assert item.endpoint.metadata == endpoint.metadata
    assert now + ttl <= item.expires < now + ttl + 1
    assert item.heartbeat == now * 1000


@given(ATTRIBUTES)
def test_any_item_is_an_endpoint_or_a_problem(attributes: dict[str, object]) -> None:
    item = decode_item(attributes)
    assert (item.endpoint is None) == bool(item.problem)


def good(**attributes: object) -> dict[str, object]:
    return {"instance": {"S": "a"}, "host": {"S": "127.0.0.1"}, "port": {"N": "80"}, **attributes}


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"port": {"S": "80"}}, "its port is text, not a number"),
        ({"port": {"N": "80.5"}}, "its port 80.5 is not a whole number"),
        ({"port": None}, "it has no port"),
        ({"port": {"N": "0"}}, "port 0 of host '127.0.0.1' is out of range"),
        ({"host": {"N": "1"}}, "its host is a number, not text"),
        ({"host": None}, "host '' is not a host name"),
        ({"weight": {"N": "0"}}, "must be above 0"),
        ({"scheme": {"S": "ftp"}}, "scheme 'ftp'"),
        ({"status": {"S": "Gone"}}, "its status 'gone' is none of passing"),
        ({"tags": {"S": "v1"}}, "its tags is text, not a list of texts"),
        ({"tags": {"L": [{"N": "1"}]}}, "its tags entry is a number, not text"),
        ({"metadata": {"L": []}}, "its metadata is a list, not a map"),
        ({"metadata": {"M": {"a": {"BOOL": True}}}}, "its metadata entry 'a' is a truth value, not text"),
        ({"expires": {"S": "soon"}}, "its expires is text, not a number"),
        ({"expires": {"N": "nan"}}, "its expires is not finite"),
    ],
)
def test_a_malformed_item_says_why(attributes: dict[str, object], problem: str) -> None:
    found = decode_item({name: value for name, value in good(**attributes).items() if value is not None})
    assert found.instance == "a"
    assert problem in found.problem


def test_items_of_others_may_be_short() -> None:
    item = decode_item(good(tags={"SS": ["b", "a"]}, metadata={"M": {"n": {"N": "7"}}}, status={"S": "WARNING"}))
    assert item.endpoint == Endpoint(
        "127.0.0.1", 80, id="a", tags=("a", "b"), metadata={"n": "7"}, health=Health.WARNING
    )
    assert (item.expires, item.heartbeat) == (math.inf, -math.inf)


def test_keys_and_lifetime() -> None:
    registration = Registration(ServiceName("web"), Endpoint("fd00::1", 80))
    assert instance_id(registration) == "web-fd00::1-80"
    assert item_key(registration) == {"service": {"S": "web"}, "instance": {"S": "web-fd00::1-80"}}
    assert encode_lifetime(100.5, 15) == {"expires": {"N": "116"}, "heartbeat": {"N": "100500"}}
