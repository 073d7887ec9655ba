"""Copies of real calls: what the shadow gets, and that the calls do not notice."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK, Connection, RawServer, always, refusing
from unit.http.steered import steered

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers.backend import Backends

BOUND = 60.0


def wait(face: Face, condition: Callable[[], bool]) -> None:
    """Until it holds; an asynchronous client's copies only go on while its loop runs."""
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        if face.is_async:
            face.run(asyncio.sleep(0.005))
        else:
            threading.Event().wait(0.005)


def mirrored(face: Face, real: str, shadow: str, share: float = 1.0, limit: int = 8) -> tuple[Any, Any]:
    services = {"orders": [real], "orders-next": [shadow]}
    client, branches = steered(face, services, mirror={"to": "orders-next", "share": share, "limit": limit})
    return client, branches.mirror


def test_the_shadow_gets_the_same_request_marked_as_a_copy(face: Face, backends: Backends) -> None:
    [real] = backends(1)
    with RawServer(always(OK)) as shadow:
        client, mirror = mirrored(face, real.url, shadow.url)
        response = face.run(client.post("http://orders/pay?x=1", content=b"body", headers={"x-user": "7"}))
        assert response.json()["instance"] == real.name
        assert "mesh-shadow" not in response.request.headers
        wait(face, lambda: mirror.in_flight == 0)
        [copy] = shadow.requests
    assert (copy.method, copy.target, copy.body) == ("POST", "/pay?x=1", b"body")
    assert [copy.header(name) for name in ("host", "x-user", "mesh-shadow")] == ["orders", "7", "true"]
    assert real.stats()["requests"] == 1


def test_copies_keep_to_their_share(face: Face, backends: Backends) -> None:
    real, shadow = backends(2)
    client, mirror = mirrored(face, real.url, shadow.url, share=0.25)
    for _ in range(60):
        assert face.run(client.get("http://orders/")).json()["instance"] == real.name
    wait(face, lambda: mirror.in_flight == 0)
    assert 12 <= shadow.stats()["requests"] <= 15
    assert real.stats()["requests"] == 60


def hang_up(connection: Connection) -> None:
    connection.request()


@pytest.mark.parametrize("trouble", ["refuses", "hangs up", "fails"])
def test_trouble_of_the_shadow_is_nobodys_news(face: Face, backends: Backends, trouble: str) -> None:
    [real] = backends(1)
    [failing] = backends(1, status=503)
    with RawServer(hang_up) as rude:
        url = {"refuses": refusing(), "hangs up": rude.url, "fails": failing.url}[trouble]
        client, mirror = mirrored(face, real.url, url)
        for _ in range(10):
            report = face.run(client.get("http://orders/")).extensions["mesh"]
            assert (report.endpoint.port, report.retries) == (real.port, 0)
        wait(face, lambda: mirror.in_flight == 0)
        if trouble == "fails":
            # Each copy is tried once.
            assert failing.stats()["requests"] <= 10


def test_a_shadow_that_hangs_holds_no_more_copies_than_allowed_and_no_call(face: Face, backends: Backends) -> None:
    [real] = backends(1)
    [stuck] = backends(1, hang=True)
    client, mirror = mirrored(face, real.url, stuck.url, limit=3)
    for _ in range(30):
        assert face.run(client.get("http://orders/")).json()["instance"] == real.name
        assert mirror.in_flight <= 3
    assert mirror.in_flight == 3
    wait(face, lambda: bool(stuck.stats()["requests"] == 3))
    # Closing waits a moment for copies and then gives them up.
    face.close(client)
    if face.is_async:
        assert mirror.in_flight == 0
    assert stuck.stats()["requests"] == 3


def test_copies_under_way_may_end_before_the_client_does(face: Face, backends: Backends) -> None:
    [real] = backends(1)
    [slow] = backends(1, delay=0.2)
    client, mirror = mirrored(face, real.url, slow.url)
    face.run(client.get("http://orders/"))
    assert mirror.in_flight == 1
    face.close(client)
    assert mirror.in_flight == 0
    assert slow.stats()["requests"] == 1


def test_a_body_that_is_read_once_is_not_copied(face: Face, backends: Backends) -> None:
    real, shadow = backends(2)
    client, mirror = mirrored(face, real.url, shadow.url)
    response = face.run(client.post("http://orders/echo", content=face.body([b"a", b"b"])))
    assert response.json()["body"] == "ab"
    face.run(client.get("http://orders/"))
    wait(face, lambda: mirror.in_flight == 0)
    assert shadow.stats()["methods"] == {"GET": 1}


def test_a_long_answer_of_the_shadow_is_not_read_to_its_end(face: Face, backends: Backends) -> None:
    real, shadow = backends(2)
    client, mirror = mirrored(face, real.url, shadow.url)
    with face.stream(client, "GET", "http://orders/stream?chunks=100000&size=1000&delay=0.001") as response:
        wait(face, lambda: mirror.in_flight == 0)
        assert response.status_code == 200


def test_a_call_that_is_cancelled_takes_no_copy_with_it(backends: Backends) -> None:
    [stuck] = backends(1, hang=True)
    face = Face("async")
    try:
        with RawServer(always(OK)) as shadow:
            client, mirror = mirrored(face, stuck.url, shadow.url)

            async def give_up() -> None:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await client.get("http://orders/")

            face.run(give_up())
            wait(face, lambda: mirror.in_flight == 0)
            assert len(shadow.requests) == 1
    finally:
        face.end()
