"""Servers may close an idle connection at any time: nobody is to notice, and no endpoint is to blame."""

from __future__ import annotations

import httpx
import pytest

from unit.http.face import Face, face_fixture, pending, statuses  # noqa: F401 - a fixture
from unit.http.rawserver import OK, Connection, RawServer


def one_answer_then_fin(connection: Connection) -> None:
    if connection.request():
        connection.send(OK)


def closes_on_the_second_request(connection: Connection) -> None:
    """The race: the close crosses the next request on the wire."""
    if connection.request():
        connection.send(OK)
    connection.request()


def resets_on_the_second_request(connection: Connection) -> None:
    closes_on_the_second_request(connection)
    connection.reset()


def test_connections_are_kept(face: Face) -> None:
    def rule(connection: Connection) -> None:
        while connection.request():
            connection.send(OK)

    with RawServer(rule) as server:
        client = face.orders(server.url)
        for _ in range(5):
            face.run(client.get("http://orders/"))
        assert (server.connections, len(server.requests)) == (1, 5)


def test_a_closed_idle_connection_is_not_used(face: Face) -> None:
    with RawServer(one_answer_then_fin) as server:
        client = face.orders(server.url)
        for _ in range(20):
            assert face.run(client.get("http://orders/")).status_code == 200
        assert statuses(client)[0].failures == 0


@pytest.mark.parametrize("rule", [closes_on_the_second_request, resets_on_the_second_request])
def test_a_get_that_crosses_the_close_is_repeated_and_nobody_blamed(face: Face, rule: object) -> None:
    with RawServer(rule) as server:  # type: ignore[arg-type]
        client = face.orders(server.url, service={"retry": {"budget": 1.0, "budget_floor": 10}})
        reports = [face.run(client.get("http://orders/")).extensions["mesh"] for _ in range(20)]
        stale = [attempt for report in reports for attempt in report.attempts if attempt.reason]
        assert len(stale) >= 10
        assert {str(attempt.outcome.kind) for attempt in stale} == {"stale_connection"}
        assert (statuses(client)[0].failures, pending(client)) == (0, 0)


@pytest.mark.parametrize("rule", [closes_on_the_second_request, resets_on_the_second_request])
def test_a_post_that_crosses_the_close_is_not_repeated(face: Face, rule: object) -> None:
    with RawServer(rule) as server:  # type: ignore[arg-type]
        client = face.orders(server.url)
        assert face.run(client.post("http://orders/", content=b"1")).status_code == 200
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)) as caught:
            face.run(client.post("http://orders/", content=b"2"))
        assert [request.body for request in server.requests] == [b"1", b"2"]
        assert "may have been received" in caught.value.__notes__[0]
        assert "POST may have been executed" in caught.value.__notes__[0]
        assert statuses(client)[0].failures == 0
