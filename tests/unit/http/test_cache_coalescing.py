"""Equal calls that wait at the same time: one goes to the service."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from unit.http.cached import answer, kept
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.gate import URL, Gate, gates_fixture, together  # noqa: F401 - a fixture

FRESH = "Cache-Control: max-age=60"


@pytest.mark.parametrize("when", ["the head", "the body"])
def test_many_equal_calls_make_one(face: Face, gates: list[Gate], when: str) -> None:
    whole = answer(FRESH, body="once")
    before = whole[:-2] if when == "the body" else b""
    gate = Gate(lambda _: whole.removeprefix(before), before)
    gates.append(gate)
    client = kept(face, gate.server.url)
    count = 1000 if face.is_async else 60
    responses = together(client, count, gate)
    assert Counter(response.text for response in responses) == {"once": count}
    assert Counter(response.extensions["mesh"].cache for response in responses) == {None: 1, "coalesced": count - 1}
    assert gate.asked == 1
    assert client.counts == {"miss": 1, "coalesced": count - 1}
    assert len(client.cache._flights) == 0
    assert client.get().extensions["mesh"].cache == "hit"


def test_a_validation_is_shared_too(face: Face, gates: list[Gate]) -> None:
    first = answer(FRESH, 'ETag: "a"', body="content")
    gate = Gate(lambda number: first if number == 1 else answer(FRESH, 'ETag: "a"', status="304 Not Modified"))
    gates.append(gate)
    client = kept(face, gate.server.url)
    gate.open.set()
    client.get()
    client.wall.ahead += 70
    gate.open.clear()
    responses = together(client, 20, gate)
    assert Counter(response.text for response in responses) == {"content": 20}
    assert gate.asked == 2
    assert client.counts == {"miss": 1, "revalidated": 1, "coalesced": 19}


def test_an_error_is_everybodys(face: Face, gates: list[Gate]) -> None:
    gate = Gate(lambda _: None)
    gates.append(gate)
    client = kept(face, gate.server.url, service={"retry": False})
    errors = together(client, 20, gate)
    assert {type(error) for error in errors} == {httpx.RemoteProtocolError}
    # Each its own, with its own request.
    assert len({id(error) for error in errors}) == 20
    assert len({id(error.request) for error in errors}) == 20
    assert gate.asked == 1
    assert len(client.cache._flights) == 0


def test_a_body_that_breaks_is_everybodys(face: Face, gates: list[Gate]) -> None:
    whole = answer(FRESH, body="broken")
    gate = Gate(lambda _: None, whole[:-2])
    gates.append(gate)
    client = kept(face, gate.server.url, service={"retry": False})
    errors = together(client, 20, gate)
    assert {type(error) for error in errors} == {httpx.RemoteProtocolError}
    assert gate.asked == 1
    assert len(client.cache._flights) == 0
    assert client.urls == 0


def test_a_failing_service_is_asked_once_for_all_that_may_have_what_is_stale(face: Face, gates: list[Gate]) -> None:
    good, bad = answer(f"{FRESH}, stale-if-error=600", body="good"), answer(status="503 Unavailable")
    gate = Gate(lambda number: good if number == 1 else bad)
    gates.append(gate)
    client = kept(face, gate.server.url, service={"retry": False})
    gate.open.set()
    client.get()
    client.wall.ahead += 70
    gate.open.clear()
    responses = together(client, 20, gate)
    assert Counter(response.text for response in responses) == {"good": 20}
    assert {response.extensions["mesh"].cache for response in responses} == {"stale"}
    assert gate.asked == 2
    assert client.counts == {"miss": 1, "stale": 20}


@pytest.mark.parametrize("line", ["Cache-Control: no-store", "Cache-Control: max-age=60\r\nVary: *"])
def test_what_is_for_one_alone_is_not_shared(face: Face, gates: list[Gate], line: str) -> None:
    gate = Gate(lambda number: answer(line, body=str(number)))
    gates.append(gate)
    client = kept(face, gate.server.url)
    responses = together(client, 10, gate)
    assert sorted(int(response.text) for response in responses) == list(range(1, 11))
    # And nobody waits for the next.
    assert client.cache._lonely._until
    assert client.get().text == "11"


def test_calls_that_differ_do_not_wait_for_each_other(face: Face, gates: list[Gate]) -> None:
    gate = Gate(lambda number: answer(FRESH, "Vary: X-Colour", body=str(number)))
    gates.append(gate)
    client = kept(face, gate.server.url)
    gate.open.set()
    client.get()
    client.wall.ahead += 70
    gate.open.clear()

    def flying(**headers: str) -> Any:
        request = client.client.build_request(
            "GET", URL, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        from meshclient.http.caching.question import Question

        return Question(request, "orders").flight(frozenset({"x-colour"}), 0)

    same = flying()
    assert same is not None
    assert same == flying()
    assert same == flying(traceparent="00-1-2-00", x_request_id="7")
    differing = [{"authorization": "a"}, {"cookie": "a=b"}, {"accept_language": "de"}, {"x_colour": "red"}]
    keys = [flying(**headers) for headers in differing]
    assert len({same, *keys}) == 5
    alone: list[dict[str, str]] = [
        {"cache_control": "no-cache"},
        {"cache_control": "max-age=0"},
        {"range": "bytes=0-1"},
        {"if_none_match": '"a"'},
        {"pragma": "no-cache"},
    ]
    assert [flying(**headers) for headers in alone] == [None] * 5


def test_a_variant_of_another_is_not_shared(face: Face, gates: list[Gate]) -> None:
    """What varies is known with the first response; those who differ in it then go by themselves."""
    gate = Gate(lambda number: answer(FRESH, "Vary: X-Colour", body=str(number)))
    gates.append(gate)
    client = kept(face, gate.server.url)
    colours = iter([{"x-colour": "red"}, {"x-colour": "blue"}] * 5)

    class Painted(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            request.headers.update(next(colours))
            yield request

    responses = together(client, 10, gate, auth=Painted())
    by_colour: dict[str, set[str]] = {}
    for response in responses:
        by_colour.setdefault(response.request.headers["x-colour"], set()).add(response.text)
    assert not by_colour["red"] & by_colour["blue"]


def test_without_coalescing_each_call_goes_by_itself(face: Face, gates: list[Gate]) -> None:
    gate = Gate(lambda number: answer("Cache-Control: no-store", body=str(number)))
    gates.append(gate)
    client = kept(face, gate.server.url, coalesce=False)
    gate.open.set()
    assert {client.get().text for _ in range(3)} == {"1", "2", "3"}
    assert len(client.cache._flights) == 0
