"""What a call holds when it ends otherwise than with an answer: a response put by, a body half read."""

from __future__ import annotations

import httpx
import pytest

import meshclient
from meshclient.http.routing import logical_location
from meshclient.model.endpoint import Endpoint
from meshclient.testing.fake_resolver import FakeResolver
from unit.http.face import Face, face_fixture, pending, statuses  # noqa: F401 - a fixture
from unit.http.rawserver import Connection, RawServer


def test_a_response_held_while_the_list_became_empty_is_closed(face: Face) -> None:
    registry = FakeResolver()

    def last_words(connection: Connection) -> None:
        while connection.request():
            registry.empty("orders")
            connection.send(b"HTTP/1.1 503 x\r\nRetry-After: 0\r\nContent-Length: 3\r\n\r\nabc")

    with RawServer(last_words) as server:
        client = face.client(registry, limits=httpx.Limits(max_connections=2), defaults={"attempt_timeout": 1.0})
        for _ in range(3):
            registry.set("orders", [server.url])
            with pytest.raises(meshclient.NoEndpoints):
                face.run(client.get("http://orders/"))
        assert len(server.requests) == 3
        assert pending(client) == 0


def test_a_body_cut_by_the_calls_deadline_blames_nobody(face: Face) -> None:
    def half(connection: Connection) -> None:
        while connection.request():
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")

    with RawServer(half) as server:
        client = face.orders(server.url, defaults={"deadline": "300ms"})
        with pytest.raises(meshclient.DeadlineExceeded):
            face.run(client.get("http://orders/"))
        assert (statuses(client)[0].failures, pending(client)) == (0, 0)


def test_a_malformed_location_is_passed_on_as_it_is() -> None:
    request = httpx.Request("GET", "mesh://orders/a")
    assert logical_location(request, Endpoint("10.0.0.1", 8080), "http://a:bad/") == "http://a:bad/"
