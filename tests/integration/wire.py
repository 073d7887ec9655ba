"""Both colours of the engine's transport under a stock httpx client, and httpx's own transport beside it."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvloop

from meshclient.engine.blocking.pool import LOOK_AFTER
from meshclient.http._async.engine_transport import AsyncEngineTransport
from meshclient.http._sync.engine_transport import EngineTransport
from unit.http.face import Face

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

BOUND = 60.0


class Wire(Face):
    """One colour, on one kind of loop."""

    def __init__(self, colour: str) -> None:
        super().__init__("sync" if colour == "sync" else "async")
        if colour == "uvloop":
            self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def engine(self, **keywords: Any) -> Any:
        """The engine's transport; close it with its client."""
        return self._pick(EngineTransport, AsyncEngineTransport)(**keywords)

    def stock(self, **keywords: Any) -> Any:
        """httpx's transport; without certificates, which take it long to load."""
        return self._pick(httpx.HTTPTransport, httpx.AsyncHTTPTransport)(**{"verify": False, **keywords})

    def over(self, transport: Any, **keywords: Any) -> Any:
        """httpx's client over a transport; it waits for ten seconds at most."""
        return self.httpx(transport=transport, timeout=keywords.pop("timeout", BOUND), **keywords)

    def wired(self, **keywords: Any) -> Any:
        """httpx's client over the engine."""
        return self.over(self.engine(**keywords))

    def body_of(self, parts: Iterator[bytes]) -> Any:
        """A request body that is made while it is sent."""

        async def asynchronous() -> AsyncIterator[bytes]:
            for part in parts:
                yield part

        return asynchronous() if self.is_async else parts

    def at_once(self, calls: list[Callable[[], Any]]) -> list[Any]:
        """The results of calls that are made beside each other, as tasks or in threads."""

        async def all_of_them() -> list[Any]:
            return list(await asyncio.gather(*(call() for call in calls)))

        if self._runner is not None:
            return self._runner.run(all_of_them())
        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(lambda call: call(), calls))

    def turn(self) -> bool:
        """Let the loop run for a moment; False."""
        if self._runner is not None:
            self._runner.run(asyncio.sleep(0))
        return False

    def idle(self) -> None:
        """Let what has happened to connections meanwhile be noticed: a loop sees it when it runs."""

        async def turns() -> None:
            for _ in range(5):
                await asyncio.sleep(0.005)

        if self._runner is not None:
            self._runner.run(turns())
        else:
            # A thread looks at a connection that was idle for longer than this.
            time.sleep(2 * LOOK_AFTER)


@pytest.fixture(params=["sync", "asyncio", "uvloop"], name="wire")
def wire_fixture(request: pytest.FixtureRequest) -> Iterator[Wire]:
    """Each colour in turn, the asynchronous one on both loops."""
    wire = Wire(request.param)
    try:
        yield wire
    finally:
        wire.end()


def kind_of(error: BaseException) -> object:
    """The row of the table of outcomes that the engine put an error in."""
    return getattr(error.__cause__, "kind", None)
