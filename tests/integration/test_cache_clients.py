"""One line of configuration: clients, channels and transports keep responses, and share them on one mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshclient.http._async.caching.cache import AsyncCache
from meshclient.http._sync.caching.cache import Cache
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.shelf import Shelf
from unit.http.cached import Site, answer, numbered
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    import httpx

    from unit.http.rawserver import Request

FRESH = "Cache-Control: max-age=60"
URL = "http://orders/a?b=1"


def mark(response: httpx.Response) -> str | None:
    found: str | None = response.extensions["mesh"].cache
    return found


def getting(face: Face, mesh: Any, how: str) -> Any:
    """A function that gets a path of "orders"."""
    if how == "channel":
        channel = (mesh.channel if face.is_async else mesh.sync_channel)("orders")
        return lambda path, **more: face.run(channel.get(path, **more))
    transport = face.transport(mesh)
    client = face.httpx(transport=transport)
    return lambda path, **more: face.run(client.get(f"http://orders{path}", **more))


def test_a_client_with_one_line(face: Face) -> None:
    with Site(numbered(FRESH, "X-Colour: red")) as site:
        client = face.orders(site.url, service={"cache": "private"})
        first, *others = (face.run(client.get(URL)) for _ in range(3))
        assert (first.text, mark(first), first.headers.get("age")) == ("1", None, None)
        for other in others:
            assert (other.text, mark(other), other.headers["age"]) == ("1", "hit", "0")
            assert other.headers["x-colour"] == "red"
            assert other.request.url == URL
            assert other.extensions["mesh"].endpoint is None
            assert other.is_closed
        assert len(site.asked) == 1
        face.run(client.post(URL))
        assert face.run(client.get(URL)).text == "3"


def test_without_that_line_nothing_is_kept(face: Face) -> None:
    with Site(numbered(FRESH)) as site:
        client = face.orders(site.url)
        assert [face.run(client.get(URL)).text for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize("how", ["channel", "transport"])
def test_other_ways_and_what_they_share(face: Face, how: str) -> None:
    with Site(numbered(FRESH)) as site:
        mesh = face.mesh(services={"orders": {"endpoints": [site.url], "cache": "private"}})
        one, other = getting(face, mesh, how), getting(face, mesh, "channel" if how == "transport" else "transport")
        assert [mark(one("/a")) for _ in range(3)] == [None, "hit", "hit"]
        # Requests that differ in nothing a response varies by, whoever makes them.
        assert mark(other("/a")) == "hit"
        assert len(site.asked) == 1


def test_what_is_asked_of_a_call_holds(face: Face) -> None:
    with Site(numbered(FRESH)) as site:
        client = face.orders(site.url, service={"cache": "private"})
        texts = [
            face.run(client.get(URL)).text,
            face.run(client.get(URL, headers={"cache-control": "no-cache"})).text,
            face.run(client.get(URL)).text,
            face.run(client.get(URL, headers={"authorization": "Bearer x"})).text,
        ]
        assert texts == ["1", "2", "2", "3"]


def test_configured_times(face: Face) -> None:
    def say(request: Request, number: int) -> bytes:
        return answer(body=str(number))

    with Site(say) as site:
        routes = {"/live/*": {"cache": False}}
        client = face.orders(site.url, service={"cache": {"ttl": "1h"}, "routes": routes})
        kept = [face.run(client.get("http://orders/catalogue")).text for _ in range(2)]
        live = [face.run(client.get("http://orders/live/a")).text for _ in range(2)]
        assert (kept, live) == (["1", "1"], ["2", "3"])


def test_stale_when_the_service_is_gone(face: Face) -> None:
    with Site(lambda *_: answer("Cache-Control: max-age=0", 'ETag: "a"', body="kept")) as site:
        service = {"cache": {"serve_stale": "1h"}, "retry": False}
        client = face.orders(site.url, service=service)
        assert mark(face.run(client.get(URL))) is None
    gone = face.run(client.get(URL))
    assert (gone.text, mark(gone)) == ("kept", "stale")
    assert len(gone.extensions["mesh"].attempts) == 1


def test_a_client_that_is_closed_leaves_the_store_to_the_others(face: Face) -> None:
    class Counting(MemoryStore):
        closed = 0

        def close(self) -> None:
            self.closed += 1

        async def aclose(self) -> None:
            self.closed += 1

    store = Counting(2**20)
    shelf = Shelf("orders", lambda _: None, store)

    async def caches() -> list[int]:
        closed = []
        one, other = AsyncCache(shelf), AsyncCache(shelf)
        for cache in (one, one, other):
            await cache.aclose()
            closed.append(store.closed)
        return closed

    def blocking() -> list[int]:
        closed = []
        one, other = Cache(shelf), Cache(shelf)
        for cache in (one, one, other):
            cache.close()
            closed.append(store.closed)
        return closed

    assert (face.run(caches()) if face.is_async else blocking()) == [0, 0, 1]
