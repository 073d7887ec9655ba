"""Responses past their time: while they are fetched in the background, when the service fails, when nobody answers."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.http.errors import (
    HttpCircuitOpen,
    HttpDeadlineExceeded,
    HttpNoEndpoints,
    HttpOverloaded,
    HttpResolverUnavailable,
    HttpServiceNotFound,
)
from unit.http.cached import BOUND, Kept, Site, answer, kept, numbered
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import Connection, RawServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.http.rawserver import Request

FRESH = "Cache-Control: max-age=60"
ONCE = {"retry": False}


def wait(face: Face, condition: Callable[[], bool]) -> None:
    """Until it holds; what goes on beside an asynchronous client's calls does so while its loop runs."""
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        if face.is_async:
            face.run(asyncio.sleep(0.005))
        else:
            threading.Event().wait(0.005)


def mark(response: httpx.Response) -> str | None:
    found: str | None = response.extensions["mesh"].cache
    return found


def idle(client: Kept) -> bool:
    return not client.cache._refreshing


@pytest.mark.parametrize("by", ["response", "configuration"])
def test_stale_while_it_is_fetched_anew(face: Face, by: str) -> None:
    lines = [f"{FRESH}, stale-while-revalidate=30"] if by == "response" else [FRESH]
    policy: dict[str, Any] = {} if by == "response" else {"stale_while_revalidate": 30.0}
    with Site(numbered(*lines)) as site:
        client = kept(face, site.url, **policy)
        client.get()
        client.wall.ahead += 70
        stale = client.get()
        assert (stale.text, mark(stale)) == ("1", "stale")
        assert int(stale.headers["age"]) >= 70
        wait(face, lambda: idle(client) and len(site.asked) == 2)
        assert client.get().text == "2"
        assert client.counts == {"miss": 1, "stale": 1, "hit": 1}


def test_one_validation_at_a_time_in_the_background(face: Face) -> None:
    go_on = threading.Event()

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            if len(server.requests) > 1:
                assert go_on.wait(BOUND)
            connection.send(answer(f"{FRESH}, stale-while-revalidate=30", body=str(len(server.requests))))

    with RawServer(rule) as server:
        client = kept(face, server.url)
        client.get()
        client.wall.ahead += 70
        assert [client.get().text for _ in range(5)] == ["1"] * 5
        wait(face, lambda: len(server.requests) == 2)
        assert [client.get().text for _ in range(5)] == ["1"] * 5
        go_on.set()
        wait(face, lambda: idle(client))
        assert client.get().text == "2"
        assert len(server.requests) == 2


def test_validation_in_the_background_that_fails_changes_nothing(face: Face) -> None:
    def say(_: Request, number: int) -> bytes | None:
        return answer(f"{FRESH}, stale-while-revalidate=600", body=str(number)) if number != 2 else None

    with Site(say) as site:
        client = kept(face, site.url, service=ONCE)
        client.get()
        client.wall.ahead += 70
        assert client.get().text == "1"
        wait(face, lambda: idle(client) and len(site.asked) == 2)
        assert client.get().text == "1"
        wait(face, lambda: idle(client) and len(site.asked) == 3)
        assert client.get().text == "3"


def test_closing_does_not_wait_for_the_background(face: Face) -> None:
    held = threading.Event()

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            if len(server.requests) > 1:
                held.wait(BOUND)
            connection.send(answer(f"{FRESH}, stale-while-revalidate=30"))

    with RawServer(rule) as server:
        client = kept(face, server.url)
        client.get()
        client.wall.ahead += 70
        assert mark(client.get()) == "stale"
        wait(face, lambda: len(server.requests) == 2)
        begun = time.monotonic()
        face.close(client.client)
        assert time.monotonic() - begun < BOUND / 2
        if face.is_async:
            assert idle(client)
        held.set()


@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "503 Unavailable", "504 Timeout"])
def test_stale_if_the_service_fails(face: Face, status: str) -> None:
    def say(_: Request, number: int) -> bytes:
        return answer(f"{FRESH}, stale-if-error=30", body="good") if number == 1 else answer(status=status)

    with Site(say) as site:
        client = kept(face, site.url, service=ONCE)
        client.get()
        client.wall.ahead += 70
        stale = client.get()
        assert (stale.status_code, stale.text, mark(stale)) == (200, "good", "stale")
        # What was tried can be seen.
        assert stale.extensions["mesh"].attempts[-1].outcome.status == int(status[:3])
        client.wall.ahead += 30
        assert client.get().status_code == int(status[:3])
        assert client.counts == {"miss": 2, "stale": 1}


def test_what_must_be_validated_is_not_served_stale(face: Face) -> None:
    def say(_: Request, number: int) -> bytes:
        if number == 1:
            return answer("Cache-Control: max-age=60, must-revalidate", body="good")
        return answer(status="503 Unavailable")

    with Site(say) as site:
        client = kept(face, site.url, service=ONCE, stale_if_error=600.0, stale_if_unreachable=600.0)
        client.get()
        client.wall.ahead += 70
        assert client.get().status_code == 503
    with pytest.raises(httpx.TransportError):
        client.get()


REASONS: dict[str, type[Exception]] = {
    "refused": httpx.TransportError,
    "late": HttpDeadlineExceeded,
    "no endpoint": HttpNoEndpoints,
    "no registry": HttpResolverUnavailable,
    "overloaded": HttpOverloaded,
    "circuit": HttpCircuitOpen,
}


@pytest.mark.parametrize("reason", REASONS)
def test_stale_where_nobody_can_be_asked(face: Face, reason: str) -> None:
    error = REASONS[reason]

    def refuse() -> None:
        raise error("as the transport raises it")

    with Site(lambda _, number: answer(FRESH, body="good") if number == 1 else None) as site:
        client = kept(face, site.url, service=ONCE, stale_if_unreachable=30.0)
        client.get()
        client.wall.ahead += 70
        if reason != "refused":
            client.client._transport.inner = Refusing(refuse)
        stale = client.get()
        assert (stale.status_code, stale.text, mark(stale)) == (200, "good", "stale")
        assert int(stale.headers["age"]) >= 70
        client.wall.ahead += 30
        with pytest.raises(error):
            client.get()
        assert client.counts == {"miss": 2, "stale": 1}


class Refusing(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The way to a service that lets nobody through."""

    def __init__(self, refuse: Callable[[], None]) -> None:
        self._refuse = refuse

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._refuse()
        raise AssertionError

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


def test_a_real_deadline_that_is_too_short(face: Face) -> None:
    released = threading.Event()

    def say(_: Request, number: int) -> bytes:
        if number > 1:
            released.wait(BOUND)
        return answer(FRESH, body=str(number))

    with Site(say) as site:
        client = kept(face, site.url, stale_if_unreachable=30.0)
        client.get()
        client.wall.ahead += 70
        stale = client.send("GET", extensions={"mesh": {"deadline": 0.05}})
        assert (stale.text, mark(stale)) == ("1", "stale")
        released.set()


def test_a_name_that_does_not_exist_is_no_reason(face: Face) -> None:
    def refuse() -> None:
        raise HttpServiceNotFound("no such service")

    with Site(numbered(FRESH)) as site:
        client = kept(face, site.url, stale_if_unreachable=30.0)
        client.get()
        client.wall.ahead += 70
        client.client._transport.inner = Refusing(refuse)
        with pytest.raises(meshclient.ServiceNotFound):
            client.get()
