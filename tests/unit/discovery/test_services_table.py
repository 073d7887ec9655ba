"""How endpoints are spelt in tables, lists and texts, and what is said of mistakes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.services_table import parse_endpoints, parse_services
from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.service import ServiceName


def test_text_with_commas() -> None:
    found = parse_endpoints(" http://a:1, https://b ,[::1]:3,", "X")
    assert [e.url for e in found] == ["http://a:1", "https://b:443", "http://[::1]:3"]


def test_every_key_of_a_table() -> None:
    (found,) = parse_endpoints(
        [
            {
                "host": "a",
                "port": 1,
                "scheme": "https",
                "id": "i-1",
                "weight": 2,
                "priority": 1,
                "zone": "z",
                "tags": ["t", "u"],
                "metadata": {"version": 3, "canary": True, "name": "x"},
                "health": "passing",
            }
        ],
        "X",
    )
    assert found == Endpoint(
        "a",
        1,
        scheme="https",
        id="i-1",
        weight=2.0,
        priority=1,
        zone="z",
        tags=("t", "u"),
        metadata={"version": "3", "canary": "true", "name": "x"},
        health=Health.PASSING,
    )


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_a_port_left_out_is_the_schemes(scheme: str, port: int) -> None:
    (found,) = parse_endpoints([{"host": "a", "scheme": scheme}], "X")
    assert found.port == port


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"host": "a", "prot": 1}, "did you mean 'port'?"),
        ({"host": "a", "xyzzy": 1}, "known: host, port"),
        ({"port": 1}, "no 'host'"),
        ({"host": "a", "port": "80"}, "port must be a whole number, and not '80'"),
        ({"host": "a", "port": True}, "port must be a whole number"),
        ({"host": "a", "port": 0}, "port 0 of host 'a' is out of range"),
        ({"host": "a", "port": 99999}, "port 99999"),
        ({"host": "a", "weight": float("nan")}, "weight nan"),
        ({"host": "a", "weight": "heavy"}, "weight must be a number"),
        ({"host": "a", "tags": "t"}, "tags must be a list"),
        ({"host": "a", "tags": [1]}, "tags must be text"),
        ({"host": "a", "metadata": {"k": ["v"]}}, "metadata.k must be text"),
        ({"host": "a", "metadata": ["k"]}, "metadata: a table"),
        ({"host": "a", "health": "fine"}, "health 'fine' is unknown; known: passing"),
        ({"host": "a", "scheme": "ftp"}, "scheme 'ftp'"),
        ({"host": "a b"}, "host 'a b'"),
        ({"host": 5}, "host must be text"),
        (7, "and not 7"),
        ("http://a:1/path", "is not an endpoint"),
    ],
)
def test_a_mistake_names_place_index_and_reason(item: object, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_endpoints(["http://good:1", item], "services.orders.endpoints")
    assert str(caught.value).startswith("services.orders.endpoints[1]: ")
    assert text in str(caught.value)


@pytest.mark.parametrize("value", [None, 5, {"host": "a"}])
def test_a_list_is_needed(value: object) -> None:
    with pytest.raises(ConfigError, match="a list is needed"):
        parse_endpoints(value, "X")


PASSWORDS = [
    "http://u:hunter2@h",
    "u:hunter2,x@h:1",
    ["http://u:hunter2", "x@h:1"],
    [["http://u:hunter2@h"]],
    {"host": "u:hunter2@h"},
    [{"host": "u:hunter2@h"}],
    [{"host": ["u:hunter2@h"]}],
    [{"host": "h", "port": "u:hunter2@h"}],
    [{"host": "h", "weight": "u:hunter2@h"}],
    [{"host": "h", "tags": "u:hunter2@h"}],
]


@pytest.mark.parametrize("value", PASSWORDS)
def test_no_mistake_shows_a_password(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_endpoints(value, "X")
    assert "hunter2" not in str(caught.value)
    assert "...@h" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        parse_services({"services": {"a": "http://u:hunter2@h"}}, "f")
    assert str(caught.value) == "f: services.a: a table of named values is needed, and not '...@h'"


def test_services_without_endpoints_and_other_keys_are_left_alone() -> None:
    document = {
        "resolver": "dns://",
        "services": {
            "Orders": {"deadline": "1s", "endpoints": ["a:1"]},
            "users": {"retry": False},
            "gone": {"endpoints": []},
        },
    }
    assert parse_services(document, "f") == {
        ServiceName("orders"): (Endpoint("a", 1),),
        ServiceName("gone"): (),
    }


@pytest.mark.parametrize("document", [{"services": {}}, {"services": None}])
def test_a_document_may_have_no_services(document: object) -> None:
    assert parse_services(document, "f") == {}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ([], "f: a table"),
        (None, "f: a table"),
        ({"services": []}, "f: services: a table"),
        ({"services": {"a": ["x:1"]}}, "f: services.a: a table"),
        ({"services": {1: {}}}, "f: services: a table"),
        ({"services": {"a b": {}}}, "f: services.a b: 'a b' is not a service name"),
        (
            {"services": {"a": {"endpoints": []}, "A": {"endpoints": []}}},
            "f: services.A: the service a stands there twice",
        ),
        ({"services": {"a": {"endpoints": ["x:0"]}}}, "f: services.a.endpoints[0]: port 0"),
    ],
)
def test_a_document_of_another_shape_is_refused(document: object, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_services(document, "f")
    assert str(caught.value).startswith(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["services", "endpoints", "host", "port", "a"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(json_values)
def test_foreign_documents_are_read_or_refused_and_nothing_else(document: object) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_services(document, "f"), dict)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "mesh.toml has no services: write [services.<name>] tables with endpoints"),
        ({"service": {}}, "did you mean 'services' by 'service'?"),
        (
            {"services": {"orders": {"endpoint": []}}},
            "services.orders has no endpoints; did you mean 'endpoints' by 'endpoint'?",
        ),
    ],
)
def test_a_slip_does_not_read_as_no_services(document: object, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_services(document, "mesh.toml")
    assert told in str(caught.value)
