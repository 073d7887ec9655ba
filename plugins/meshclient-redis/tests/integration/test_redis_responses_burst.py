"""Many questions at once, and an event loop that has no time: neither is taken for a Redis that is away."""

from __future__ import annotations

import asyncio
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient_redis import RedisResponseStore, standing
from servers.faults import LinkFault
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servers.faultproxies import FaultProxies
    from servers.redis import Redis

pytestmark = pytest.mark.registry("redis", "faults")
HEADS = {"f": b"head"}
Found = list["Mapping[str, bytes] | None"]


def opened(port: int, options: str = "") -> RedisResponseStore:
    """A store that has `HEADS` under "a", and a connection on the way of blocking calls."""
    uri = f"redis://127.0.0.1:{port}/0?prefix=test-{secrets.token_hex(4)}&{options}"
    store = RedisResponseStore(ResolverUri.parse(uri), environ={})
    assert store.put("a", ("f", b"head"), ("t", b"body"), (60.0, 60.0))
    return store


def at_once(face: Face, store: RedisResponseStore, count: int) -> Found:
    """What so many questions find that are put at the same moment."""

    async def gathered() -> Found:
        return list(await asyncio.gather(*(store.async_heads("a") for _ in range(count))))

    if face.is_async:
        found: Found = face.run(gathered())
        return found
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda _: store.heads("a"), range(count)))


def test_a_burst_is_no_fault_of_redis(redis_server: Redis) -> None:
    face, store = Face("async"), opened(redis_server.port, "timeout=300ms")
    try:
        found = at_once(face, store, 3000)
        assert (store.faults, store.trouble) == (0, "")
        assert HEADS in found
        assert at_once(face, store, 10) == [HEADS] * 10
        face.close(store)
    finally:
        face.end()


def test_who_finds_no_slot_in_time_finds_nothing(face: Face, redis_server: Redis, fault_proxy: FaultProxies) -> None:
    proxy = fault_proxy.tcp("127.0.0.1", redis_server.port)
    store = opened(proxy.port, "connections=1&timeout=1s")
    assert at_once(face, store, 1) == [HEADS]
    # An answer takes 700 ms: in time for who asks first, and too long for another to wait for the only connection.
    proxy.set(LinkFault(latency=0.35))
    found = at_once(face, store, 2)
    assert sorted(found, key=bool) == [None, HEADS]
    assert (store.faults, store.trouble) == (0, "")
    face.close(store)


def test_the_limit_does_not_run_while_the_loop_stands_still(redis_server: Redis, fault_proxy: FaultProxies) -> None:
    proxy = fault_proxy.tcp("127.0.0.1", redis_server.port)
    store = opened(proxy.port, "timeout=400ms")

    async def standing_still() -> object:
        await store.async_heads("a")
        # The answer comes 600 ms after the question; of the 400 ms for it the loop takes 500 away.
        proxy.set(LinkFault(latency=0.3))
        question = asyncio.ensure_future(store.async_heads("a"))
        await asyncio.sleep(0.01)  # in which it is sent
        time.sleep(0.5)  # noqa: ASYNC251 - what is tested
        found = await question
        await store.aclose()
        return found

    assert asyncio.run(standing_still()) == HEADS
    assert (store.faults, store.trouble) == (0, "")


def test_a_loop_that_keeps_standing_still_is_an_excuse_for_a_while(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(redis_server.port, "timeout=200ms")

    async def busy() -> object:
        question = asyncio.ensure_future(store.async_heads("a"))
        for _ in range(100):
            if question.done():
                break
            time.sleep(0.05)  # noqa: ASYNC251 - what is tested
            await asyncio.sleep(0)
        return await question

    async def asked() -> None:
        assert await store.async_heads("a") == HEADS
        redis_server.pause()
        try:
            assert await busy() is None
            assert (store.faults, store.trouble) == (0, "")
            monkeypatch.setattr(standing, "DOUBT_LIMIT", 0.0)
            assert await busy() is None
            assert "did not answer within 200ms" in store.trouble
        finally:
            redis_server.resume()
            await store.aclose()

    asyncio.run(asked())
