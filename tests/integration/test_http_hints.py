"""What the server is told of a call: how long it is waited for, and whether it is a repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import meshclient
from meshclient.http.ambient import parse_timeout, serving
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    import httpx

    from servers.backend import Backends


def seen(response: httpx.Response) -> dict[str, str]:
    """The headers as the server got them."""
    return {name.lower(): value for name, value in response.json()["headers"]}


def test_an_original_says_how_long_it_is_waited_for(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    client = face.orders(backend.url, defaults={"attempt_timeout": "3s"})
    headers = seen(face.run(client.get("http://orders/echo")))
    assert headers["mesh-timeout"] == "3000m"
    assert "mesh-attempt" not in headers
    short = seen(face.run(client.get("http://orders/echo", extensions={"mesh": {"deadline": 2}})))
    assert 1.0 < (parse_timeout(short["mesh-timeout"]) or 0) <= 2.0
    free = {"mesh": {"deadline": None, "attempt_timeout": None}}
    assert "mesh-timeout" not in seen(face.run(client.get("http://orders/echo", extensions=free)))


def test_a_repeat_says_so(face: Face, backends: Backends) -> None:
    bad, good = backends(2)
    bad.control(status=503)
    client = face.orders(bad.url, good.url, service={"balancer": "round_robin", "retry": {"backoff": "1ms..2ms"}})
    told = [seen(face.run(client.get("http://orders/echo"))).get("mesh-attempt") for _ in range(4)]
    assert set(told) == {None, "2"}


def test_a_users_own_headers_stay_theirs(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    request = face.orders(backend.url).build_request("GET", "http://orders/echo", headers={"x-own": "1"})
    client = face.orders(backend.url)
    assert seen(face.run(client.send(request)))["x-own"] == "1"
    assert "mesh-timeout" not in request.headers


def inherited(face: Face, client: Any, *, headers: dict[str, str], mesh: dict[str, object] | None = None) -> Any:
    """The answer to a call made while a request with `headers` is served."""

    async def ask() -> Any:
        with serving(headers):
            return await client.get("http://orders/echo", extensions={"mesh": mesh} if mesh else {})

    if face.is_async:
        return face.run(ask())
    with serving(headers):
        return client.get("http://orders/echo", extensions={"mesh": mesh} if mesh else {})


def test_a_call_has_no_more_time_than_the_request_that_is_served(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    client = face.orders(backend.url)
    wishes: list[dict[str, object] | None] = [None, {"deadline": 60}, {"deadline": None}]
    for mesh in wishes:
        headers = seen(inherited(face, client, headers={"mesh-timeout": "900m"}, mesh=mesh))
        assert 0 < (parse_timeout(headers["mesh-timeout"]) or 0) <= 0.9


def test_on_behalf_of_a_repeat_nothing_is_repeated(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    client = face.orders(backend.url)
    assert seen(inherited(face, client, headers={"mesh-attempt": "2"}))["mesh-attempt"] == "2"
    backend.control(status=503)
    response = inherited(face, client, headers={"mesh-attempt": "3"})
    [attempt] = response.extensions["mesh"].attempts
    assert "is itself a repeat" in attempt.reason


def overridden(face: Face, client: Any, mesh: dict[str, object] | None = None, **options: object) -> Any:
    """The answer to a call made in a block with these options."""

    async def ask() -> Any:
        with meshclient.override(**options):
            return await client.get("http://orders/echo", extensions={"mesh": mesh} if mesh else {})

    if face.is_async:
        return face.run(ask())
    with meshclient.override(**options):
        return client.get("http://orders/echo", extensions={"mesh": mesh} if mesh else {})


def test_a_block_changes_the_calls_in_it(face: Face, backends: Backends) -> None:
    [backend] = backends(1, status=503)
    client = face.orders(backend.url, service={"retry": {"backoff": "1ms..2ms"}})
    assert len(overridden(face, client, retry=False).extensions["mesh"].attempts) == 1
    # What the call itself asks for is stronger; outside of the block nothing has changed.
    assert len(overridden(face, client, {"retry": {"attempts": 2}}, retry=False).extensions["mesh"].attempts) == 2
    assert len(face.run(client.get("http://orders/echo")).extensions["mesh"].attempts) == 3


def test_a_key_decides_which_endpoint(face: Face, backends: Backends) -> None:
    urls = [backend.url for backend in backends(3)]
    client = face.orders(*urls, service={"balancer": "ring_hash"})

    def chosen(key: str) -> str:
        response = face.run(client.get("http://orders/", extensions={"mesh": {"hash_key": key}}))
        name: str = response.json()["instance"]
        return name

    first = {key: chosen(key) for key in "abcdefghijklmnop"}
    assert len(set(first.values())) > 1
    assert {key: chosen(key) for key in first} == first
