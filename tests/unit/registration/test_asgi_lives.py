"""An ASGI application whose server begins and ends its lifespan more than once, as those in tests do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from meshclient.integrations.asgi import Registered

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from meshclient.mesh import Mesh


class Leases:
    """In place of a mesh and of its lease: says what is asked of it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def register(self, name: str, **_: object) -> Leases:
        self.said.append(f"register {name}")
        return self

    async def aclose(self) -> None:
        self.said.append("close")


async def application(scope: object, receive: object, send: object) -> None:
    raise RuntimeError("no lifespan here")


def test_each_life_registers_and_leaves() -> None:
    leases = Leases()
    app = Registered(application, cast("Mesh", leases), "shop", port=8080)

    async def live() -> list[object]:
        heard = iter(("lifespan.startup", "lifespan.shutdown"))
        told: list[object] = []

        async def receive() -> MutableMapping[str, object]:
            return {"type": next(heard)}

        async def send(message: MutableMapping[str, object]) -> None:
            told.append(message["type"])

        await app({"type": "lifespan"}, receive, send)
        return told

    for _ in range(2):
        assert asyncio.run(live()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert leases.said == ["register shop", "close"] * 2
