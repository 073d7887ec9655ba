"""Hits without httpx: what the short road and channels ask for, and how it is configured."""

from __future__ import annotations

import gc
import weakref

import httpx
import pytest

import meshclient
from meshclient.config.cache_shape import CacheConfig
from meshclient.config.shape import RouteConfig, ServiceConfig
from meshclient.core.caching.policy import Policy
from meshclient.errors import PluginNotFound
from meshclient.http.caching.hit import Hit
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.shelf import Rule, Shelf
from meshclient.http.caching.shelves import shelf_of
from meshclient.http.plain.call import PlainCall
from unit.http.cached import MEGABYTE, Kept, Site, answer, kept
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import Request

FRESH = "Cache-Control: max-age=60"


def call(path: str = "/", method: str = "GET", **headers: str) -> PlainCall:
    """As a client prepares it."""
    lines = {"Host": "orders", "Accept": "*/*"} | {name.replace("_", "-"): value for name, value in headers.items()}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    url = f"http://orders{path}"
    return PlainCall(
        method, url, "http", "orders", None, path, head.encode(), None, b"", {}, None, False, False
    )  # fmt: skip


def warmed(face: Face, site: Site, path: str = "/", **headers: str) -> Kept:
    client = kept(face, site.url)
    client.get(path, **{"accept": "*/*", **headers})
    return client


def test_a_hit_has_all_of_the_response(face: Face) -> None:
    with Site(lambda *_: answer(FRESH, "X-Two: b", "x-two: a", body=b"\x00\xff")) as site:
        client = warmed(face, site, "/a?b=%20c")
        hit = client.shelf.fresh(call("/a?b=%20c"))
        assert isinstance(hit, Hit)
        assert (hit.status, hit.reason, hit.body) == (200, b"OK", b"\x00\xff")
        fields = httpx.Headers(hit.headers)
        assert fields.get_list("x-two") == ["b", "a"]
        assert fields["age"] == "0"
        report = hit.extensions()["mesh"]
        assert (report.service, report.cache, report.attempts) == ("orders", "hit", ())  # type: ignore[attr-defined]
        client.wall.ahead += 30
        again = client.shelf.fresh(call("/a?b=%20c"))
        assert again is not None
        assert httpx.Headers(again.headers)["age"] in {"30", "31"}
        assert client.counts == {"miss": 1, "hit": 2}
        client.wall.ahead += 31
        assert client.shelf.fresh(call("/a?b=%20c")) is None
        assert client.counts == {"miss": 1, "hit": 2}


def test_what_is_kept_past_its_time_is_no_hit(face: Face) -> None:
    with Site(lambda *_: answer(FRESH, 'ETag: "a"', body="x")) as site:
        client = warmed(face, site)
        assert client.shelf.fresh(call()) is not None
        client.wall.ahead += 61
        assert client.shelf.fresh(call()) is None
        assert client.shelf.fresh(call(accept_language="de")) is None
        assert client.urls == 1


def test_what_the_store_has_let_go_of_is_held_by_nobody(face: Face) -> None:
    with Site(lambda *_: answer(FRESH, body="x" * 100_000)) as site:
        client = kept(face, site.url)
        held = []
        for number in range(30):
            client.get(f"/{number}", accept="*/*")
            hit = client.shelf.fresh(call(f"/{number}"))
            assert hit is not None
            held.append(weakref.ref(hit))
            del hit
        gc.collect()
        assert sum(each() is not None for each in held) == client.urls < 12
        assert client.shelf.fresh(call("/0")) is None
        assert client.shelf.fresh(call("/29")) is not None


def test_one_that_is_hit_all_the_time_is_the_last_to_go(face: Face) -> None:
    with Site(lambda *_: answer(FRESH, body="x" * 100_000)) as site:
        client = warmed(face, site)
        for number in range(30):
            client.wall.ahead += 1
            assert client.shelf.fresh(call()) is not None
            client.get(f"/{number}")
        assert client.shelf.fresh(call()) is not None


@pytest.mark.parametrize(
    "other",
    [
        call("/other"),
        call(method="HEAD"),
        call(method="POST"),
        call(cache_control="no-cache"),
        call(cache_control="max-age=1"),
        call(pragma="no-cache"),
        call(range="bytes=0-1"),
        call(if_none_match='"a"'),
        call(if_modified_since="Tue, 15 Nov 1994 08:12:31 GMT"),
        call(if_match='"a"'),
        call(authorization="Bearer a"),
        call(cookie="a=b"),
        call(Host="elsewhere"),
    ],
    ids=range(13),
)
def test_what_is_not_plain_is_left_to_the_cache(face: Face, other: PlainCall) -> None:
    with Site(lambda *_: answer(FRESH, 'ETag: "a"', body="x")) as site:
        client = warmed(face, site)
        for _ in range(2):
            assert client.shelf.fresh(other) is None
        assert client.shelf.fresh(call()) is not None


def test_what_has_changed_is_seen_at_once(face: Face) -> None:
    def say(_: Request, number: int) -> bytes:
        return answer(FRESH, body=str(number))

    with Site(say) as site:
        client = kept(face, site.url)
        assert client.shelf.fresh(call()) is None
        client.get(accept="*/*")
        for _ in range(2):
            hit = client.shelf.fresh(call())
            assert hit is not None
            assert hit.body == b"1"
        client.get(cache_control="no-cache")
        hit = client.shelf.fresh(call())
        assert hit is not None
        assert hit.body == b"2"
        client.send("DELETE")
        assert client.shelf.fresh(call()) is None
        # As it is by the slow road.
        assert client.get(accept="*/*").text == "4"


def test_variants(face: Face) -> None:
    def say(request: Request, _: int) -> bytes:
        return answer(FRESH, "Vary: X-User", body=request.header("x-user") or "none")

    with Site(say) as site:
        client = kept(face, site.url)
        for user in ("ann", "bob"):
            client.get(x_user=user)
        for user in ("ann", "bob", "ann"):
            hit = client.shelf.fresh(call(x_user=user))
            assert hit is not None
            assert hit.body == user.encode()
        assert client.shelf.fresh(call(x_user="eve")) is None
        assert client.shelf.fresh(call()) is None


def test_what_a_user_may_see_only_that_user_sees(face: Face) -> None:
    with Site(lambda request, _: answer(FRESH, body=request.header("authorization") or "nobody")) as site:
        client = kept(face, site.url)
        client.get(authorization="ann")
        assert client.shelf.fresh(call()) is None
        assert client.shelf.fresh(call(authorization="bob")) is None
        hit = client.shelf.fresh(call(authorization="ann"))
        assert hit is not None
        assert hit.body == b"ann"


def test_what_is_remembered_is_bounded(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    from meshclient.http.caching import shelf

    monkeypatch.setattr(shelf, "_REMEMBERED", 10)
    with Site(lambda *_: answer(FRESH, body="x")) as site:
        client = warmed(face, site)
        for number in range(100):
            assert client.shelf.fresh(call(x_number=str(number))) is not None
            assert len(client.shelf._known) <= 10


def test_one_line_turns_it_on() -> None:
    assert Shelf.configured("orders", ServiceConfig()) is None
    shelf = Shelf.configured("orders", ServiceConfig(cache=CacheConfig()))
    assert shelf is not None
    rule = shelf.rule("/any")
    assert rule == Rule(Policy(), coalesce=True)
    assert isinstance(shelf.store, MemoryStore)


def test_everything_configured() -> None:
    config = CacheConfig(
        kind="shared",
        max_bytes=4_000_000,
        ttl=5.0,
        stale_while_revalidate=6.0,
        stale_if_error=7.0,
        serve_stale=8.0,
        coalesce=False,
    )
    shelf = Shelf.configured("orders", ServiceConfig(cache=config))
    assert shelf is not None
    rule = shelf.rule("/")
    assert rule is not None
    assert not rule.coalesce
    policy = rule.policy
    assert (policy.shared, policy.ttl, policy.stale_while_revalidate) == (True, 5.0, 6.0)
    assert (policy.stale_if_error, policy.stale_if_unreachable) == (7.0, 8.0)
    assert isinstance(shelf.store, MemoryStore)
    assert shelf.store.max_body == 1_000_000


def test_routes_have_rules_of_their_own() -> None:
    slow = RouteConfig("/slow/*", None, None, None, CacheConfig(ttl=60.0))
    never = RouteConfig("/live/*", None, None, None, None)
    shelf = Shelf.configured("orders", ServiceConfig(cache=CacheConfig(ttl=1.0), routes=(slow, never)))
    assert shelf is not None
    found = [shelf.rule(path) for path in ("/a", "/slow/a", "/live/a")]
    assert [None if rule is None else rule.policy.ttl for rule in found] == [1.0, 60.0, None]
    only = Shelf.configured("orders", ServiceConfig(routes=(slow,)))
    assert only is not None
    assert only.rule("/a") is None


def test_a_store_that_is_unknown() -> None:
    with pytest.raises(PluginNotFound, match="store 'memcached' is unknown"):
        Shelf.configured("orders", ServiceConfig(cache=CacheConfig(store="memcached://host")))


def test_a_service_has_one_shelf_that_ends_with_it() -> None:
    configured = {"endpoints": ["http://127.0.0.1:1"]}
    with meshclient.Mesh(services={"orders": {**configured, "cache": "private"}, "users": configured}) as mesh:
        orders, users = (mesh.service(name) for name in ("orders", "users"))
        shelf = shelf_of(orders)
        assert isinstance(shelf, Shelf)
        assert shelf_of(orders) is shelf
        assert shelf_of(users) is None
        held = weakref.ref(shelf)
    with meshclient.Mesh(services={"orders": {**configured, "cache": "private"}}) as other:
        assert shelf_of(other.service("orders")) is not shelf
    del mesh, other, orders, users, shelf
    gc.collect()
    assert held() is None


def test_what_is_remembered_of_calls_is_bounded() -> None:
    shelf = Shelf("orders", lambda _: Rule(Policy()), MemoryStore(MEGABYTE))
    room = shelf.store.max_body // 2  # type: ignore[union-attr]
    for number in range(2000):
        assert shelf.fresh(call(f"/{number}", x_filling="x" * 1000)) is None
        assert shelf.fresh(call(f"/{number}", authorization="x" * 7000)) is None
        assert sum(len(head) for _, head in shelf._known) <= shelf._known_bytes <= room
    assert shelf._known
    assert not any(len(head) > 4096 for _, head in shelf._known)
