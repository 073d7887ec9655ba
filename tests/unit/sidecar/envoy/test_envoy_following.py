"""Which endpoints Envoy is told of, when one mesh takes the place of another."""

from __future__ import annotations

import asyncio

from meshclient import Mesh
from meshclient.sidecar.envoy.following import Following
from meshclient.testing.fake_resolver import FakeResolver

BOUND = 30.0


def ports(following: Following, name: str) -> list[int]:
    return [endpoint.port for endpoint in following.served[name].listed]


def test_what_is_not_known_yet_stays_as_it_was() -> None:
    first = FakeResolver(
        {"orders": ["http://10.0.0.1:1"], "users": ["http://10.0.0.1:2"], "gone": ["http://10.0.0.1:3"]}
    )
    second = FakeResolver()
    for name in ("orders", "users"):
        second.fail(name)

    async def run() -> None:
        changed = asyncio.Event()
        async with Mesh(first) as old, Mesh(second) as new:
            before = Following(old, changed.set)
            before.follow(["orders", "users", "gone"])
            await before.answered(BOUND)
            after = Following(new, changed.set, before.served)
            after.follow(["orders", "users", "gone", "fresh"])
            await after.answered(BOUND)
            # The registry fails for two of them, and says that there is no third.
            assert [ports(after, name) for name in ("orders", "users", "gone", "fresh")] == [[1], [2], [], []]
            changed.clear()
            second.set("orders", ["http://10.0.0.1:4"])
            async with asyncio.timeout(BOUND):
                await changed.wait()
            assert ports(after, "orders") == [4]
            await before.aclose()
            await after.aclose()

    asyncio.run(run())
