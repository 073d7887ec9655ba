"""Responses in a real Redis: what is put is what is got, by all processes, and for so long as it is of use."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import redis
import trio

from meshclient.discovery.resolver import ResolverUri
from meshclient_redis import RedisResponseStore
from unit.http.cached import Kept, Site, answer, kept, numbered
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.redis import Redis
    from unit.http.rawserver import Request

FRESH = "Cache-Control: max-age=60"


@pytest.fixture(name="prefix")
def prefix_fixture() -> str:
    return f"test-{secrets.token_hex(4)}"


def opened(server: Redis, prefix: str, options: str = "") -> RedisResponseStore:
    uri = f"redis://127.0.0.1:{server.port}/0?prefix={prefix}&timeout=2s&{options}"
    return RedisResponseStore(ResolverUri.parse(uri), environ={})


@pytest.fixture(name="client")
def client_fixture(redis_server: Redis) -> Iterator[redis.Redis]:
    with redis.Redis(port=redis_server.port) as client:
        yield client


class Colour:
    """The store in the colour of a face."""

    def __init__(self, face: Face, store: RedisResponseStore) -> None:
        self.face, self.store = face, store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, f"async_{name}" if self.face.is_async else name)
        return lambda *arguments: self.face.run(method(*arguments))

    def close(self) -> None:
        self.face.close(self.store)


@pytest.fixture(name="store")
def store_fixture(face: Face, redis_server: Redis, prefix: str) -> Iterator[Any]:
    colour = Colour(face, opened(redis_server, prefix))
    yield colour
    colour.close()


def test_what_is_put_is_got(store: Any, client: redis.Redis, prefix: str) -> None:
    assert store.heads("a") == {}
    assert store.body("a", "t1") is None
    assert store.put("a", ("f1", b"head"), ("t1", b"\x00body"), (20.0, 10.0))
    assert store.put("a", ("f2", b"other"), ("t2", b""), (20.0, 5.0))
    assert store.heads("a") == {"f1": b"head", "f2": b"other"}
    assert (store.body("a", "t1"), store.body("a", "t2")) == (b"\x00body", b"")
    assert store.heads("b") == {}
    assert 15000 < client.pttl(f"{prefix}:response:{{a}}") <= 20000
    assert 5000 < client.pttl(f"{prefix}:response:{{a}}:t1") <= 10000
    # Another head for the same body, which lives on.
    assert store.put("a", ("f1", b"newer"), ("t1", None), (40.0, 40.0))
    assert 35000 < client.pttl(f"{prefix}:response:{{a}}:t1") <= 40000
    assert store.heads("a")["f1"] == b"newer"
    assert store.body("a", "t1") == b"\x00body"
    assert store.delete("a")
    assert store.heads("a") == {}
    assert store.store.faults == 0


def test_what_leaves_goes_with_its_body(store: Any, client: redis.Redis, prefix: str) -> None:
    for name in "123":
        store.put("a", (f"f{name}", b"head"), (f"t{name}", b"body"), (20.0, 20.0))
    store.put("a", ("f4", b"head"), ("t4", b"body"), (20.0, 20.0), (["f1", "f2"], ["t1", "t3"]))
    assert store.heads("a").keys() == {"f3", "f4"}
    assert {store.body("a", f"t{name}") for name in "13"} == {None}
    assert store.body("a", "t2") == b"body"


def test_nothing_lives_longer_than_configured(
    face: Face, redis_server: Redis, prefix: str, client: redis.Redis
) -> None:
    store = Colour(face, opened(redis_server, prefix, "ttl=30s"))
    store.put("a", ("f", b"head"), ("t", b"body"), (1e9, 1e9))
    assert client.pttl(f"{prefix}:response:{{a}}") <= 30000
    assert client.pttl(f"{prefix}:response:{{a}}:t") <= 30000
    store.close()


def test_after_closing_it_can_be_asked_again(store: Any) -> None:
    store.put("a", ("f", b"head"), ("t", b"body"), (20.0, 20.0))
    store.close()
    assert store.body("a", "t") == b"body"


def test_on_trio_there_is_nothing(redis_server: Redis, prefix: str) -> None:
    store = opened(redis_server, prefix)
    store.put("a", ("f", b"head"), ("t", b"body"), (20.0, 20.0))

    async def ask() -> object:
        found = await store.async_heads("a")
        await store.aclose()
        return found

    assert trio.run(ask) is None
    store.close()


def calling(face: Face, url: str, server: Redis, prefix: str, options: str = "", **policy: Any) -> Kept:
    return kept(face, url, store=opened(server, prefix, options), **policy)


def test_two_clients_share(face: Face, redis_server: Redis, prefix: str) -> None:
    with Site(numbered(FRESH, "X-Two: b", "X-Two: a")) as site:
        one, other = (calling(face, site.url, redis_server, prefix) for _ in range(2))
        assert one.get("/a").text == "1"
        shared = other.get("/a")
        assert (shared.text, shared.extensions["mesh"].cache) == ("1", "hit")
        assert shared.headers.get_list("x-two") == ["b", "a"]
        assert (one.counts, other.counts) == ({"miss": 1}, {"hit": 1})
        # What one makes invalid is invalid for the other.
        other.send("POST", "/a")
        assert one.get("/a").text == "3"
        assert other.get("/a").text == "3"


def test_validation_is_shared(face: Face, redis_server: Redis, prefix: str) -> None:
    def say(request: Request, number: int) -> bytes:
        if request.header("if-none-match"):
            return answer(FRESH, 'ETag: "a"', f"X-Number: {number}", status="304 Not Modified", length=False)
        return answer(FRESH, 'ETag: "a"', f"X-Number: {number}", body="content")

    with Site(say) as site:
        one, other = (calling(face, site.url, redis_server, prefix) for _ in range(2))
        one.get()
        one.wall.ahead = other.wall.ahead = 70
        again = one.get()
        assert (again.text, again.extensions["mesh"].cache) == ("content", "revalidated")
        hit = other.get()
        assert (hit.text, hit.headers["x-number"], hit.extensions["mesh"].cache) == ("content", "2", "hit")
        assert len(site.asked) == 2


def test_variants_of_a_url_are_bounded(face: Face, redis_server: Redis, prefix: str, client: redis.Redis) -> None:
    with Site(lambda request, _: answer(FRESH, "Vary: X-User", body=request.header("x-user") or "")) as site:
        one = calling(face, site.url, redis_server, prefix)
        for user in range(80):
            assert one.get(x_user=str(user)).text == str(user)
        [key] = [name for name in client.keys(f"{prefix}:*") if str(name).endswith("}'")]
        assert client.hlen(key) == 64
        assert len(client.keys(f"{prefix}:*")) == 65
        assert one.get(x_user="79").extensions["mesh"].cache == "hit"
        assert one.get(x_user="0").extensions["mesh"].cache is None


def test_a_body_over_the_limit_is_not_kept(face: Face, redis_server: Redis, prefix: str, client: redis.Redis) -> None:
    with Site(lambda *_: answer(FRESH, body="x" * 2000)) as site:
        one = calling(face, site.url, redis_server, prefix, "max_value=1000")
        assert [len(one.get().content) for _ in range(2)] == [2000, 2000]
        assert len(site.asked) == 2
        assert client.keys(f"{prefix}:*") == []


OTHER = """
import sys
import meshclient
from meshclient.core.caching.policy import Policy
from meshclient.discovery.resolver import ResolverUri
from meshclient.http._sync.caching.cache import Cache
from meshclient.http.caching.shelf import Rule, Shelf
from meshclient_redis import RedisResponseStore
from unit.http.cached import CachedTransport
import httpx

uri, url = sys.argv[1:]
store = RedisResponseStore(ResolverUri.parse(uri), environ={})
with meshclient.Mesh(services={"orders": {"endpoints": [url]}}) as mesh:
    shelf = Shelf("orders", lambda _: Rule(Policy()), store)
    with httpx.Client(transport=CachedTransport(mesh, Cache(shelf))) as client:
        response = client.get("http://orders/shared")
        print(response.text, response.extensions["mesh"].cache)
"""


def test_two_processes_share(redis_server: Redis, prefix: str, tests_folder: Path) -> None:
    uri = f"redis://127.0.0.1:{redis_server.port}/0?prefix={prefix}&timeout=2s"
    with Site(numbered(FRESH)) as site:
        said = [
            subprocess.run(
                [
                    sys.executable,
                    "-c",
                    f"import sys; sys.path.insert(0, {str(tests_folder)!r})\n{OTHER}",
                    uri,
                    site.url,
                ],
                capture_output=True,
                text=True,
                check=True,
                timeout=30,
            ).stdout.split()
            for _ in range(2)
        ]
        assert said == [["1", "None"], ["1", "hit"]]
        assert len(site.asked) == 1


def test_nothing_secret_lies_in_redis(face: Face, redis_server: Redis, prefix: str, client: redis.Redis) -> None:
    with Site(numbered(FRESH)) as site:
        one = calling(face, site.url, redis_server, prefix)
        one.get(authorization="Bearer tell-nobody", cookie="session=neither")
        assert one.get(authorization="Bearer tell-nobody", cookie="session=neither").text == "1"
        assert one.get(authorization="Bearer another").text == "2"
        for name in client.keys(f"{prefix}:*"):
            text = client.get(name) if client.type(name) == b"string" else repr(client.hgetall(name)).encode()
            assert text is not None
            assert b"tell-nobody" not in text
            assert b"neither" not in text


@pytest.mark.parametrize("kinds", [(False, True), (True, False)], ids=["private first", "shared first"])
def test_private_and_shared_caches_find_nothing_of_each_other(
    face: Face, redis_server: Redis, prefix: str, kinds: tuple[bool, bool]
) -> None:
    with Site(numbered("Cache-Control: private, max-age=60" if kinds[1] else FRESH)) as site:
        one, other = (calling(face, site.url, redis_server, prefix, shared=shared) for shared in kinds)
        assert [client.get().text for client in (one, other)] == ["1", "2"]
        assert one.get().extensions["mesh"].cache == "hit"


def test_what_one_kind_of_cache_changes_is_changed_for_both(face: Face, redis_server: Redis, prefix: str) -> None:
    with Site(numbered(FRESH)) as site:
        private, shared = (calling(face, site.url, redis_server, prefix, shared=shared) for shared in (False, True))
        assert [client.get().text for client in (private, shared, private, shared)] == ["1", "2", "1", "2"]
        private.send("POST")
        assert [client.get().text for client in (private, shared)] == ["4", "5"]
        shared.send("POST")
        assert private.get().text == "7"


def test_what_was_written_for_another_url_is_not_there(
    face: Face, redis_server: Redis, prefix: str, client: redis.Redis
) -> None:
    with Site(numbered(FRESH)) as site:
        one = calling(face, site.url, redis_server, prefix)
        names: list[str] = []
        for path in ("/a", "/b"):
            one.get(path)
            found = {name.decode() for name in client.keys(f"{prefix}:*") if isinstance(name, bytes)}
            names += sorted(found - set(names), key=len)
        head, body, other, gone = names
        client.delete(gone)
        # Everything of "/a", under the names of "/b".
        client.copy(head, other, replace=True)
        client.copy(body, other + body.removeprefix(head))
        assert one.get("/b").text == "3"


def test_each_loop_has_its_own_connections(redis_server: Redis, prefix: str) -> None:
    store = opened(redis_server, prefix)

    async def once(number: int) -> object:
        await store.async_put("a", (f"f{number}", b"head"), ("t", b"body"), (20.0, 20.0))
        found = await store.async_heads("a")
        await store.aclose()
        return None if found is None else len(found)

    assert [asyncio.run(once(number)) for number in range(3)] == [1, 2, 3]


def test_a_loop_takes_no_connections_along_of_blocking_calls(redis_server: Redis, prefix: str) -> None:
    store = opened(redis_server, prefix)
    connection = store._blocking().client.client_id()
    asyncio.run(store.aclose())
    assert store._blocking().client.client_id() == connection
    store.close()
