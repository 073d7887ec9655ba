"""A Redis that is away, hangs, is slow, restarted, or holds nonsense: a miss, never an error, and no long wait."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis

from meshclient.discovery.resolver import ResolverUri
from meshclient_redis import RedisResponseStore, standing
from servers.faults import LinkFault
from unit.http.cached import Kept, Site, answer, kept, numbered
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers.faultproxies import FaultProxies
    from servers.redis import Redis

pytestmark = pytest.mark.registry("redis", "faults")
FRESH = "Cache-Control: max-age=60"
# Far from the store's limit of 200 ms, and far from any limit of the calls.
LONG = 5.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is asked again soon after it was away."""
    monkeypatch.setattr(standing, "PAUSE_LIMIT", 0.1)


def calling(face: Face, url: str, port: int, options: str = "", *, scheme: str = "redis") -> Kept:
    limit = "" if "timeout=" in options else "timeout=200ms&"
    uri = f"{scheme}://127.0.0.1:{port}/0?prefix=test-{secrets.token_hex(4)}&{limit}{options}"
    return kept(face, url, store=RedisResponseStore(ResolverUri.parse(uri), environ={}))


def store_of(client: Kept) -> RedisResponseStore:
    store = client.shelf.store
    assert isinstance(store, RedisResponseStore)
    return store


def eventually_hits(client: Kept) -> None:
    end = time.monotonic() + 10
    while client.get("/again").extensions["mesh"].cache != "hit":
        assert time.monotonic() < end, store_of(client).trouble
        time.sleep(0.01)


def test_killed_and_restarted(face: Face, redis_server: Redis) -> None:
    with Site(numbered(FRESH)) as site:
        client = calling(face, site.url, redis_server.port)
        assert [client.get().text for _ in range(3)] == ["1", "1", "1"]
        redis_server.kill()
        begun = time.monotonic()
        said = [client.get().text for _ in range(20)]
        assert said == [str(number) for number in range(2, 22)]
        assert time.monotonic() - begun < LONG
        assert client.counts == {"miss": 1, "hit": 2, "store_error": 20}
        assert "cannot be used" in store_of(client).trouble
        assert client.send("POST").status_code == 200
        redis_server.restart()
        eventually_hits(client)
        assert store_of(client).trouble == ""


@pytest.mark.parametrize(
    "fault",
    [
        LinkFault(freeze=True),
        LinkFault(sever=True),
        LinkFault(latency=5.0),
        LinkFault(reset=True),
        LinkFault(garbage=50),
        LinkFault(blackhole=True),
    ],
    ids=["frozen", "severed", "slow", "reset", "garbage", "unreachable"],
)
def test_faults_of_the_link(face: Face, redis_server: Redis, fault_proxy: FaultProxies, fault: LinkFault) -> None:
    proxy = fault_proxy.tcp("127.0.0.1", redis_server.port)
    with Site(numbered(FRESH)) as site:
        client = calling(face, site.url, proxy.port)
        assert [client.get().text for _ in range(2)] == ["1", "1"]
        proxy.set(fault)
        begun = time.monotonic()
        assert [client.get("/other").status_code for _ in range(5)] == [200] * 5
        assert time.monotonic() - begun < LONG
        proxy.clear()
        eventually_hits(client)


def test_accepts_and_never_answers(face: Face, redis_server: Redis) -> None:
    redis_server.pause()
    try:
        with Site(numbered(FRESH)) as site:
            client = calling(face, site.url, redis_server.port)
            assert [client.get().text for _ in range(2)] == ["1", "2"]
            assert "did not answer within 200ms" in store_of(client).trouble
    finally:
        redis_server.resume()


def test_a_redis_that_hangs_holds_up_no_loop(redis_server: Redis) -> None:
    face = Face("async")
    try:
        with Site(numbered(FRESH)) as site:
            client = calling(face, site.url, redis_server.port)
            client.get()
            redis_server.pause()

            async def ticking() -> int:
                task = asyncio.ensure_future(client.client.get("http://orders/other"))
                ticks = 0
                while not task.done():
                    await asyncio.sleep(0.001)
                    ticks += 1
                assert (await task).text == "2"
                return ticks

            # 200 ms of waiting, in which the loop went on.
            assert face.run(ticking()) > 20
    finally:
        redis_server.resume()
        face.end()


@pytest.mark.parametrize("rate", [100.0, 20.0])
def test_a_redis_that_drips_holds_up_no_call(
    face: Face, redis_server: Redis, fault_proxy: FaultProxies, rate: float
) -> None:
    proxy = fault_proxy.tcp("127.0.0.1", redis_server.port)
    with Site(lambda *_: answer(FRESH, body="x" * 2000)) as site:
        client = calling(face, site.url, proxy.port)
        assert [client.get().extensions["mesh"].cache for _ in range(2)] == [None, "hit"]
        # Twenty seconds and more for the body, none of them without a byte.
        proxy.set(LinkFault(rate=rate))
        begun = time.monotonic()
        assert client.get().extensions["mesh"].cache is None
        assert time.monotonic() - begun < LONG
        assert "did not answer within 200ms" in store_of(client).trouble


def test_a_redis_that_drips_over_tls_holds_up_no_call(
    face: Face, redis_tls: Redis, redis_pems: Path, fault_proxy: FaultProxies
) -> None:
    proxy = fault_proxy.tcp("127.0.0.1", redis_tls.tls_port)
    pems = f"ca_file={redis_pems}/ca.pem&cert_file={redis_pems}/client.pem&key_file={redis_pems}/client.key"
    with Site(lambda *_: answer(FRESH, body="x" * 2000)) as site:
        client = calling(face, site.url, proxy.port, f"timeout=1s&{pems}", scheme="rediss")
        assert [client.get().extensions["mesh"].cache for _ in range(2)] == [None, "hit"]
        # For an answer, for the handshake of a new connection, and when it is well again as before.
        for _ in range(2):
            proxy.set(LinkFault(rate=50.0))
            begun = time.monotonic()
            assert client.get().extensions["mesh"].cache is None
            assert time.monotonic() - begun < LONG
            assert "did not answer within 1s" in store_of(client).trouble
        proxy.clear()
        eventually_hits(client)


def test_a_wrong_password(face: Face, redis_password: Redis) -> None:
    with Site(numbered(FRESH)) as site:
        client = calling(face, site.url, redis_password.port, "password=not-the-word")
        assert [client.get().text for _ in range(2)] == ["1", "2"]
        assert "denied access" in store_of(client).trouble
        assert "not-the-word" not in store_of(client).trouble


def test_the_rights_that_are_needed(face: Face, redis_server: Redis) -> None:
    # As the README names them.
    commands = ("hgetall", "get", "set", "hset", "hdel", "del", "pexpire", "multi", "exec")
    rights = ["+@connection", *(f"+{command}" for command in commands)]
    redis_server.command("ACL", "SETUSER", "cache", "on", ">cache-word", "~test-*:response:*", *rights)
    with Site(numbered(FRESH)) as site:
        client = calling(face, site.url, redis_server.port, "username=cache&password=cache-word")
        assert [client.get().text for _ in range(2)] == ["1", "1"]
        assert client.send("POST").text == "2"
        assert [client.get().text for _ in range(2)] == ["3", "3"]
        assert store_of(client).trouble == ""


def _key(client: redis.Redis, store: RedisResponseStore, ending: bytes) -> bytes:
    prefix = store._options.server.prefix
    [found] = [name for name in client.keys(f"{prefix}:*") if str(name).endswith("}'") == (ending == b"head")]
    assert isinstance(found, bytes)
    return found


def _bodies(client: redis.Redis, store: RedisResponseStore, change: Callable[[bytes], bytes]) -> None:
    name = _key(client, store, b"body")
    value = client.get(name)
    assert isinstance(value, bytes)
    client.set(name, change(value))


def _heads(client: redis.Redis, store: RedisResponseStore, change: Callable[[bytes], bytes]) -> None:
    name = _key(client, store, b"head")
    for field, value in client.hgetall(name).items():
        assert isinstance(value, bytes)
        client.hset(name, field, change(value))


def _wrong_type(client: redis.Redis, store: RedisResponseStore) -> None:
    client.set(_key(client, store, b"head"), "no hash")


CORRUPTIONS: dict[str, Callable[[Any, RedisResponseStore], None]] = {
    "the body is cut": lambda client, store: _bodies(client, store, lambda value: value[:-1]),
    "the body is longer": lambda client, store: _bodies(client, store, lambda value: value + b"x"),
    "the body is another": lambda client, store: _bodies(client, store, lambda value: b"x" * len(value)),
    "the body is gone": lambda client, store: client.delete(_key(client, store, b"body")),
    "the head is cut": lambda client, store: _heads(client, store, lambda value: value[:-1]),
    "the head is empty": lambda client, store: _heads(client, store, lambda _: b""),
    "the head is of another version": lambda client, store: _heads(
        client, store, lambda value: value[:1] + b"\x63" + value[2:]
    ),
    "the head is a pickle": lambda client, store: _heads(client, store, lambda _: b"cos\nsystem\n(S'true'\ntR."),
    "the head is JSON": lambda client, store: _heads(client, store, lambda _: b'{"status": 200}'),
    "the head is nested": lambda client, store: _heads(client, store, lambda _: b"\x91" * 5000),
    "the key is something else": _wrong_type,
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_what_is_damaged_is_a_miss(face: Face, redis_server: Redis, corruption: str) -> None:
    with Site(numbered(FRESH)) as site, redis.Redis(port=redis_server.port) as direct:
        client = calling(face, site.url, redis_server.port)
        assert [client.get().text for _ in range(2)] == ["1", "1"]
        CORRUPTIONS[corruption](direct, store_of(client))
        assert client.get().text == "2"
