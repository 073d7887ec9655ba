"""An endpoint counts as busy until the response body ends, however it ends; the deadline runs until then as well."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from unit.http.face import Face, face_fixture, pending, statuses  # noqa: F401 - a fixture
from unit.http.rawserver import Connection, RawServer

if TYPE_CHECKING:
    from servers.backend import Backends

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


def half(connection: Connection) -> None:
    """Half a body, and then nothing until the client goes away."""
    while connection.request():
        connection.send(HEAD + b"12345")


def cut(connection: Connection) -> None:
    connection.request()
    connection.send(HEAD + b"12345")


def test_pending_until_the_body_is_read(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    client = face.orders(backend.url)
    with face.stream(client, "GET", "http://orders/stream?chunks=3&size=10&delay=0.05") as response:
        assert pending(client) == 1
        chunks = face.chunks(response)
        next(chunks)
        assert pending(client) == 1
        assert b"".join(chunks) != b""
        assert pending(client) == 0
    assert statuses(client)[0].failures == 0


def test_pending_until_an_early_close(face: Face) -> None:
    with RawServer(half) as server:
        client = face.orders(server.url)
        with face.stream(client, "GET", "http://orders/") as response:
            next(face.chunks(response))
            assert pending(client) == 1
        assert pending(client) == 0
        assert statuses(client)[0].failures == 0
        with face.stream(client, "GET", "http://orders/"):
            assert pending(client) == 1
        assert pending(client) == 0


def test_a_body_read_in_full_by_the_client(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    client = face.orders(backend.url)
    face.run(client.get("http://orders/"))
    assert pending(client) == 0


def test_a_broken_body_counts_against_the_endpoint(face: Face) -> None:
    with RawServer(cut) as server:
        client = face.orders(server.url)
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            face.run(client.get("http://orders/"))
        assert caught.value.mesh.attempts[0].endpoint.url == server.url  # type: ignore[attr-defined]
        [note] = caught.value.__notes__
        assert note.startswith("meshclient: call to service 'orders': tried 1. ")
        assert "status 200" in note
        assert len(server.requests) == 1
        assert (statuses(client)[0].failures, pending(client)) == (1, 0)


def test_a_body_reset_midway(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    client = face.orders(backend.url)
    with pytest.raises(httpx.TransportError) as caught:
        face.run(client.get("http://orders/stream?chunks=9&cut=2"))
    assert caught.value.mesh.service == "orders"  # type: ignore[attr-defined]
    assert (statuses(client)[0].failures, pending(client)) == (1, 0)


def test_a_body_that_stands_still_meets_the_callers_read_timeout(face: Face) -> None:
    with RawServer(half) as server:
        client = face.orders(server.url, timeout=0.3)
        with pytest.raises(httpx.ReadTimeout) as caught:
            face.run(client.get("http://orders/"))
        assert not isinstance(caught.value, meshclient.DeadlineExceeded)
        assert (statuses(client)[0].failures, pending(client)) == (1, 0)


def test_a_forgotten_response_gives_the_endpoint_back(face: Face) -> None:
    with RawServer(half) as server:
        client = face.orders(server.url)
        response: Any = face.run(client.send(client.build_request("GET", "http://orders/"), stream=True))
        assert pending(client) == 1
        del response
        gc.collect()
        with face.stream(client, "GET", "http://orders/"):
            assert pending(client) == 1
        assert pending(client) == 0


def drip(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        connection.send(b"x")
        time.sleep(0.02)


def test_dripping_cannot_outlive_the_deadline(face: Face) -> None:
    with RawServer(drip) as server:
        client = face.orders(server.url, defaults={"deadline": "300ms"})
        begun = time.monotonic()
        with pytest.raises(meshclient.DeadlineExceeded) as caught:
            face.run(client.get("http://orders/"))
        assert time.monotonic() - begun < 3  # the whole body takes 4 s, and more
        assert isinstance(caught.value, httpx.TimeoutException)
        message = str(caught.value)
        assert message.startswith("the call to 'orders' did not end within its deadline of 0.3s; tried 1. http://")
        assert "(status 200, after" in message
        assert "give it more time with deadline" in message
        assert pending(client) == 0


def test_a_body_whose_data_is_always_there_cannot_outlive_it_either(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    client = face.orders(backend.url)
    wanted = {"mesh": {"deadline": 0.4}}
    url = "http://orders/stream?chunks=1000000&size=64"
    with face.stream(client, "GET", url, extensions=wanted) as response, pytest.raises(meshclient.DeadlineExceeded):
        sum(map(len, face.chunks(response)))
    assert pending(client) == 0


def test_a_body_that_stands_still_meets_the_deadline(face: Face) -> None:
    with RawServer(half) as server:
        client = face.orders(server.url, defaults={"deadline": 0.3}, timeout=None)
        with pytest.raises(meshclient.DeadlineExceeded):
            face.run(client.get("http://orders/"))
        assert pending(client) == 0


def test_the_attempts_own_limit_ends_with_the_head(face: Face) -> None:
    def slow_body(connection: Connection) -> None:
        connection.request()
        connection.send(HEAD + b"12345")
        time.sleep(0.5)
        connection.send(b"67890")

    with RawServer(slow_body) as server:
        client = face.orders(server.url, defaults={"attempt_timeout": 0.2})
        assert face.run(client.get("http://orders/")).text == "1234567890"


def test_a_cancelled_reader_says_nothing_about_the_endpoint() -> None:
    async def scenario(url: str) -> None:
        async with meshclient.AsyncClient(services={"orders": {"endpoints": [url]}}) as client:
            async with client.stream("GET", "http://orders/") as response:
                chunks = response.aiter_raw()
                assert await anext(chunks) == b"12345"
                task = asyncio.ensure_future(anext(chunks))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                # Handed back at once, not only when the response is closed.
                assert pending(client) == 0
            assert statuses(client)[0].failures == 0

    with RawServer(half) as server:
        asyncio.run(scenario(server.url))


def test_a_call_cancelled_before_the_head_says_nothing_about_the_endpoint() -> None:
    async def scenario(server: RawServer) -> None:
        async with meshclient.AsyncClient(services={"orders": {"endpoints": [server.url]}}) as client:
            for _ in range(8):
                task = asyncio.ensure_future(client.get("http://orders/"))
                while pending(client) == 0:  # noqa: ASYNC110 - bounded by the test's own end
                    await asyncio.sleep(0.001)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert (statuses(client)[0].failures, pending(client)) == (0, 0)

    with RawServer(lambda connection: (connection.request(), connection.request())) as server:  # type: ignore[arg-type]
        asyncio.run(scenario(server))
