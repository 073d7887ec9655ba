"""What tests on trio share: a bound on every run, and a client of one service."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

import meshclient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

# Seconds; nothing here takes so long on a machine that has others to do.
BOUND = 60.0


def on_trio(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work`; fails where it does not end."""

    async def bounded() -> None:
        with trio.fail_after(BOUND):
            await work()

    trio.run(bounded)


@asynccontextmanager
async def orders(*urls: str, service: dict[str, Any] | None = None, **keywords: Any) -> AsyncIterator[Any]:
    """A client that knows the service "orders" at these addresses, and asks them in turn."""
    settings = {"endpoints": list(urls), "balancer": "round_robin", **(service or {})}
    keywords.setdefault("trust_env", False)
    async with meshclient.AsyncClient(services={"orders": settings}, **keywords) as client:
        yield client


async def until(condition: Callable[[], bool]) -> None:
    """Until it holds; the run is bounded."""
    while not condition():  # noqa: ASYNC110 - on other threads
        await trio.sleep(0.005)
