"""A service that answers when a test says so, and many calls that wait for it at the same time."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from unit.http.cached import BOUND, Kept
from unit.http.rawserver import Connection, RawServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URL = "http://orders/"


class Gate:
    """A server that answers what it is told, when it is told."""

    def __init__(self, said: Callable[[int], bytes | None], before: bytes = b"") -> None:
        self._said = said
        self._before = before
        self.open = threading.Event()
        self._passing = ""
        self.server = RawServer(self._rule)
        self.ended = threading.Event()

    def _rule(self, connection: Connection) -> None:
        while (request := connection.request()) is not None:
            number = len(self.server.requests)
            if request.method == self._passing:
                connection.send(self._said(number) or b"")
                continue
            if self._before:
                connection.send(self._before)
            connection.sock.settimeout(0.01)
            end = time.monotonic() + BOUND
            while not self.open.is_set() and time.monotonic() < end:
                try:
                    if not connection.sock.recv(1):
                        self.ended.set()
                        return
                except TimeoutError:
                    pass
                except OSError:
                    self.ended.set()
                    return
            connection.sock.settimeout(None)
            said = self._said(number)
            if said is None:
                return
            connection.send(said)

    def passing(self, method: str) -> None:
        """Let requests with this method pass that come from now on."""
        self._passing = method

    async def reached(self, times: int = 1) -> None:
        """Wait until it was asked so often."""
        end = time.monotonic() + BOUND
        while self.asked < times:
            assert time.monotonic() < end
            await asyncio.sleep(0.002)

    @property
    def asked(self) -> int:
        return len(self.server.requests)


@pytest.fixture(name="gates")
def gates_fixture() -> Iterator[list[Gate]]:
    made: list[Gate] = []
    yield made
    for gate in made:
        gate.open.set()
        gate.server.__exit__(None, None, None)


def together(client: Kept, count: int, gate: Gate, **keywords: Any) -> list[Any]:
    """Responses or errors of `count` calls that all wait before the gate opens."""

    def waiting() -> int:
        return sum(flight.waiting for flight in client.cache._flights._flights.values())

    async def calls() -> list[Any]:
        tasks = [asyncio.ensure_future(client.client.get(URL, **keywords)) for _ in range(count)]
        end = time.monotonic() + BOUND
        while waiting() < count:
            assert time.monotonic() < end
            await asyncio.sleep(0.002)
        gate.open.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    if client.face.is_async:
        done: list[Any] = client.face.run(calls())
        return done

    def call() -> Any:
        try:
            return client.client.get(URL, **keywords)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        futures = [threads.submit(call) for _ in range(count)]
        end = time.monotonic() + BOUND
        while waiting() < count:
            assert time.monotonic() < end
            time.sleep(0.002)
        gate.open.set()
        return [future.result(BOUND) for future in futures]
