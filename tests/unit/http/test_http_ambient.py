"""What calls inherit, from the headers of a request that is served and from a block they are made in."""

from __future__ import annotations

import threading
from math import inf

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import meshclient
from meshclient.http.ambient import AMBIENT, NOTHING, Ambient, format_timeout, inbound, parse_timeout, serving
from meshclient.http.options import CallOptions, call_options
from meshclient.mesh import MeshService

NOW = 1000.0


@pytest.fixture
def service() -> MeshService:
    mesh = meshclient.Mesh(
        mode="on-demand",
        services={"orders": {"endpoints": ["127.0.0.1:1"], "deadline": "2s", "hedge": True, "hash_key": "path"}},
    )
    return mesh.service("orders")


def options(service: MeshService, mesh: dict[str, object] | None = None) -> CallOptions:
    return call_options(httpx.Request("GET", "http://orders/x", extensions={"mesh": mesh} if mesh else {}), service)


@given(st.floats(0.0, 1e9, allow_nan=False))
def test_what_is_written_is_read_and_never_more(seconds: float) -> None:
    text = format_timeout(seconds)
    # The grammar of grpc-timeout: eight digits at most.
    assert len(text) <= 9
    read = parse_timeout(text)
    assert read is not None
    assert read <= seconds
    assert seconds >= 1e8 or seconds - read < (0.0010001 if seconds < 9e4 else 1.0)


@pytest.mark.parametrize(
    ("headers", "ends"),
    [
        ({}, inf),
        ({"mesh-timeout": "250m"}, NOW + 0.25),
        ({"grpc-timeout": "2S"}, NOW + 2),
        ({"grpc-timeout": "1M"}, NOW + 60),
        ({"grpc-timeout": "1H"}, NOW + 3600),
        ({"grpc-timeout": "500u"}, NOW + 0.0005),
        ({"x-envoy-expected-rq-timeout-ms": "1500"}, NOW + 1.5),
        ({"mesh-timeout": "3S", "grpc-timeout": "2S", "x-envoy-expected-rq-timeout-ms": "9000"}, NOW + 2),
        *(
            ({"mesh-timeout": text}, inf)
            for text in ("", "soon", "1", "-1S", "1.5S", "1" * 9 + "m", "1s", "\u0661S", "1S 2S")
        ),
        *(({"x-envoy-expected-rq-timeout-ms": text}, inf) for text in ("", "-1", "x", "1.5", "\u00b2")),
    ],
)
def test_the_shortest_limit_holds_and_nonsense_is_none(headers: dict[str, str], ends: float) -> None:
    assert inbound(headers, NOW).ends == pytest.approx(ends)


@pytest.mark.parametrize(
    ("text", "chained"), [("1", False), ("2", True), ("0", False), ("x", False), ("9" * 5000, True)]
)
def test_from_the_second_attempt_on_it_is_a_repeat(text: str, *, chained: bool) -> None:
    assert inbound({"mesh-attempt": text}, NOW).chained is chained


def test_what_a_request_asks_for_holds_while_it_is_served(service: MeshService) -> None:
    with serving({"mesh-timeout": "500m", "mesh-attempt": "2"}):
        inherited = options(service, {"deadline": 60})
        assert 0 < (inherited.deadline or 0) <= 0.5
        assert inherited.chained
    assert options(service).deadline == 2.0
    assert AMBIENT.get() is NOTHING


def test_nothing_of_what_held_before_holds_for_a_request() -> None:
    with serving({"mesh-attempt": "2"}), meshclient.override(retry=False), serving({}) as ambient:
        assert ambient is NOTHING


def test_blocks_within_each_other_add_up(service: MeshService) -> None:
    with meshclient.override(deadline=0.5, hedge=False):
        with meshclient.override(deadline=0.2, priority=3):
            inner = options(service)
            assert (inner.deadline, inner.hedge, inner.priority) == (0.2, False, 3)
            assert options(service, {"deadline": 0.1}).deadline == 0.1
        outer = options(service)
        assert (outer.deadline, outer.hedge, outer.priority) == (0.5, False, 0)
    assert options(service).hedge


def test_a_block_keeps_the_deadline_of_the_request(service: MeshService) -> None:
    with serving({"mesh-timeout": "500m"}), meshclient.override(deadline=5):
        assert (options(service).deadline or 0) <= 0.5


def test_a_block_says_nothing_to_other_threads() -> None:
    seen: list[Ambient] = []
    with meshclient.override(deadline=1):
        thread = threading.Thread(target=lambda: seen.append(AMBIENT.get()))
        thread.start()
        thread.join()
    assert seen == [NOTHING]


def test_a_wrong_key_is_told_by_the_call(service: MeshService) -> None:
    with meshclient.override(dedline=1), pytest.raises(meshclient.ConfigError, match="did you mean 'deadline'"):
        options(service)


def test_a_call_says_its_key_its_priority_and_whether_to_hedge(service: MeshService) -> None:
    plain = options(service)
    assert (plain.key, plain.hedge, plain.priority) == ("/x", True, 0)
    asked = options(service, {"hash_key": "me", "hedge": False, "priority": 2})
    assert (asked.key, asked.hedge, asked.priority) == ("me", False, 2)


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        ({"hash_key": 7}, "['hash_key'] is 7: give text"),
        ({"hedge": 1}, "['hedge'] is 1: give True or False"),
        ({"priority": -1}, "['priority'] is -1: give a whole number from 0"),
        ({"priority": True}, "['priority'] is True: give a whole number"),
    ],
)
def test_wrong_values_are_told(service: MeshService, mesh: dict[str, object], message: str) -> None:
    with pytest.raises(meshclient.ConfigError) as caught:
        options(service, mesh)
    assert message in str(caught.value)
