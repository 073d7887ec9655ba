"""Services whose clocks are wrong, and whose headers contradict themselves; and calls of several threads and loops."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from meshclient.core.caching.policy import Policy
from meshclient.http._async.caching.cache import AsyncCache
from meshclient.http._sync.caching.cache import Cache
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.shelf import Rule, Shelf
from unit.http.cached import BOUND, MEGABYTE, AsyncCachedTransport, CachedTransport, Site, answer, kept, numbered
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from unit.http.rawserver import Request

HOUR = 3600.0


def date(ahead: float = 0.0) -> str:
    return formatdate(time.time() + ahead, usegmt=True)


@pytest.mark.parametrize("ahead", [HOUR, 0.0])
def test_a_service_whose_clock_is_ahead(face: Face, ahead: float) -> None:
    with Site(lambda _, number: answer(f"Date: {date(ahead)}", "Cache-Control: max-age=60", body=str(number))) as site:
        client = kept(face, site.url)
        assert [client.get().text for _ in range(2)] == ["1", "1"]
        client.wall.ahead += 61
        assert client.get().text == "2"


def test_a_service_whose_clock_is_behind_is_not_believed_for_too_long(face: Face) -> None:
    """By RFC 9111, section 4.2.3 its responses seem to have been under way for an hour."""
    with Site(lambda _, number: answer(f"Date: {date(-HOUR)}", "Cache-Control: max-age=60", body=str(number))) as site:
        client = kept(face, site.url)
        assert [client.get().text for _ in range(2)] == ["1", "2"]


def test_a_clock_of_our_own_that_goes_back(face: Face) -> None:
    with Site(numbered("Cache-Control: max-age=60")) as site:
        client = kept(face, site.url)
        client.get()
        client.wall.ahead -= HOUR
        early = client.get()
        assert (early.text, early.headers["age"]) == ("1", "0")


@pytest.mark.parametrize(
    ("lines", "kept_for_a_minute"),
    [
        (["Cache-Control: max-age=60", "Cache-Control: no-store"], False),
        (["Cache-Control: max-age=60, max-age=0"], True),
        (["Cache-Control: no-cache, max-age=60"], False),
        (["Expires: Thu, 01 Jan 1970 00:00:00 GMT"], False),
        (["Expires: Fri, 31 Dec 9999 23:59:59 GMT"], True),
        (["Expires: 0"], False),
        (["Expires: Thu, 01 Jan 1970 00:00:00 GMT", "Cache-Control: max-age=60"], True),
        (["Date: Thu, 01 Jan 1970 00:00:00 GMT", "Cache-Control: max-age=60"], False),
        (["Date: nonsense", "Cache-Control: max-age=60"], True),
        (["Cache-Control: max-age=99999999999999999999999999"], True),
        (["Cache-Control: max-age=-60"], False),
        (["Cache-Control: max-age=60", "Age: 100"], False),
        (["Cache-Control: max-age=60", "Age: -1"], True),
        (["Cache-Control: max-age=60", "Vary: *"], False),
        (["Cache-Control: max-age=60", "Vary: Accept, *"], False),
        (["Cache-Control: max-age=60", "Vary: Accept\r\nVary: User-Agent"], True),
        (["Cache-Control: max-age=60", "ETag: no-quotes"], True),
    ],
    ids=str,
)
def test_conflicting_and_extreme_headers(face: Face, lines: list[str], kept_for_a_minute: bool) -> None:
    with Site(numbered(*lines)) as site:
        client = kept(face, site.url)
        assert [client.get().status_code for _ in range(3)] == [200] * 3
        assert len(site.asked) == (1 if kept_for_a_minute else 3)


def test_bytes_that_are_no_text_survive(face: Face) -> None:
    with Site(lambda *_: answer("Cache-Control: max-age=60", "X-Name: caf\xe9 \xff", body="x")) as site:
        client = kept(face, site.url)
        raw = [dict(client.get().headers.raw)[b"X-Name"] for _ in range(2)]
        assert raw == [b"caf\xe9 \xff"] * 2
        odd = client.send("GET", "/%ff?q=%00", headers=[(b"x-odd", b"\xff\xfe")])
        assert odd.status_code == 200


def test_redirects_and_errors_are_kept_as_they_say(face: Face) -> None:
    def say(request: Request, number: int) -> bytes:
        if request.target == "/moved":
            return answer("Cache-Control: max-age=60", "Location: /there", status="301 Moved Permanently")
        return answer("Cache-Control: max-age=60", body=str(number), status="404 Not Found")

    with Site(say) as site:
        client = kept(face, site.url)
        moved = client.send("GET", "/moved", follow_redirects=True)
        assert (moved.status_code, moved.text) == (404, "2")
        again = client.send("GET", "/moved", follow_redirects=True)
        assert (again.status_code, again.text) == (404, "2")
        assert len(site.asked) == 2


def test_clients_of_both_colours_and_several_loops_share_what_a_mesh_keeps() -> None:
    with (
        Site(numbered("Cache-Control: max-age=60")) as site,
        meshclient.Mesh(services={"orders": {"endpoints": [site.url]}}) as mesh,
    ):
        shelf = Shelf("orders", lambda _: Rule(Policy()), MemoryStore(MEGABYTE))

        def blocking() -> str:
            with httpx.Client(transport=CachedTransport(mesh, Cache(shelf))) as client:
                return client.get("http://orders/").text

        shared = AsyncCache(shelf)

        async def call() -> str:
            async with httpx.AsyncClient(transport=AsyncCachedTransport(mesh, shared)) as client:
                return (await client.get("http://orders/")).text

        with ThreadPoolExecutor(8) as threads:
            asynchronous = [threads.submit(asyncio.run, call()) for _ in range(4)]
            assert {each.result(BOUND) for each in asynchronous} <= {"1", "2", "3", "4"}
            before = len(site.asked)
            texts = {each.result(BOUND) for each in [threads.submit(blocking) for _ in range(8)]}
        assert len(texts) == 1
        assert len(site.asked) == before


def test_a_small_body_that_unpacks_to_a_large_one_is_bounded_each_time(face: Face) -> None:
    import gzip

    packed = gzip.compress(b"\0" * 1_000_000)
    with Site(lambda *_: answer("Cache-Control: max-age=60", "Content-Encoding: gzip", body=packed)) as site:
        client = kept(face, site.url, service={"max_response": 100_000})
        for _ in range(2):
            with face.stream(client.client, "GET", "http://orders/") as response:
                assert b"".join(face.chunks(response)) == packed
            with pytest.raises(httpx.DecodingError, match="larger than 100000 bytes"):
                client.get()
        assert len(site.asked) == 1


def test_the_cookie_of_a_session_is_not_kept(face: Face) -> None:
    lines = ["Cache-Control: max-age=60", "Set-Cookie: theirs=1"]
    with Site(lambda *_: answer(*lines, body="x")) as site:
        rule = Rule(Policy(identity=()))
        shelf = Shelf("orders", lambda _: rule, MemoryStore(MEGABYTE), unkept="mesh-session")
        client = kept(face, site.url, shelf=shelf, service={"session": {"cookie": "mesh-session"}})
        first, second = client.get(), client.get()
        assert [value.partition("=")[0] for value in first.headers.get_list("set-cookie")] == ["theirs", "mesh-session"]
        assert second.headers.get_list("set-cookie") == ["theirs=1"]


def test_a_place_that_is_no_url_makes_nothing_invalid(face: Face) -> None:
    def say(request: Request, number: int) -> bytes:
        return answer("Cache-Control: max-age=60", "Location: http://orders:a/%zz[", body=str(number))

    with Site(say) as site:
        client = kept(face, site.url)
        client.get()
        assert client.send("POST").status_code == 200
        assert client.get().text == "3"
