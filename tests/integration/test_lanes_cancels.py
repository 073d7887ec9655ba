"""Calls to services that are cancelled, wherever they are, leave nothing behind."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvloop

import meshclient
from integration.lanes import BOUND, listed
from unit.http.face import pending, statuses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

CALLS = 2000
AT_ONCE = 20
PLACES = 3
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
ROADS = ("plain", "hook", "stream")
# Of what a call may be cancelled in: a body that is here at once or in pieces, of an answer or of an error, a failure
# that is repeated, and one that breaks off.
ANSWERS = (
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",),
    (b"HTTP/1.1 200 OK\r\nContent-", b"Length: 4\r\n\r\n", b"ok", b"ok"),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n", b"no", b"no"),
    (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\n", b"no", b"no"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n", b"0\r\n\r\n"),
    (),
)


class Endpoint:
    """An instance on the loop of the test, which answers one way or another and knows what is open."""

    def __init__(self, chance: random.Random) -> None:
        self.open = 0
        self.under_way = 0
        self.well = False
        self.go = asyncio.Event()
        self.url = ""
        self._chance = chance

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    await self._answer(head, writer)
        finally:
            self.open -= 1
            writer.close()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"GET /held "):
            self.under_way += 1
            await self.go.wait()
        if self.well:
            writer.write(ANSWERS[0][0])
            return
        answer = self._chance.choice(ANSWERS)
        for part in answer:
            await asyncio.sleep(self._chance.uniform(0, 0.001))
            writer.write(part)
        if not answer:
            writer.transport.abort()


@asynccontextmanager
async def two(chance: random.Random) -> AsyncIterator[list[Endpoint]]:
    endpoints, servers = [Endpoint(chance), Endpoint(chance)], []
    for endpoint in endpoints:
        server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
        endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        servers.append(server)
    try:
        yield endpoints
    finally:
        for server in servers:
            server.close()
        await until(lambda: not any(endpoint.open for endpoint in endpoints))


async def until(fact: Any) -> None:
    async with asyncio.timeout(BOUND):
        while not fact():  # noqa: ASYNC110 - of many things, none of which can be waited for
            await asyncio.sleep(0.001)


def known(endpoints: list[Endpoint], road: str, **service: Any) -> meshclient.AsyncClient:
    urls = [endpoint.url for endpoint in endpoints]
    services = {"orders": {"endpoints": urls, "connections": {"per_endpoint": PLACES}, **service}}
    client = meshclient.AsyncClient(services=services, verify=False, trust_env=False)
    if road == "hook":
        client.event_hooks = {"request": [lambda _: asyncio.sleep(0)]}
    return listed(client)  # type: ignore[no-any-return]


async def ask(client: meshclient.AsyncClient, road: str, path: str = "/") -> httpx.Response:
    if road != "stream":
        return await client.get(f"http://orders{path}")
    async with client.stream("GET", f"http://orders{path}") as response:
        await response.aread()
        return response


def play(loop: str, work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(work)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("loop", LOOPS)
def test_random_cancels_leave_nothing(loop: str, road: str) -> None:
    chance = random.Random(5)  # noqa: S311 - the same each time
    calls = CALLS if (loop, road) == ("asyncio", "plain") else CALLS // 5

    async def cancelled(client: meshclient.AsyncClient, seconds: float) -> str:
        task = asyncio.ensure_future(ask(client, road))
        asyncio.get_running_loop().call_later(seconds, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
        except httpx.TransportError:
            return "failed"
        return "answered"

    async def work() -> None:
        async with two(chance) as endpoints:
            policies = {"ejection": False, "throttle": False, "circuit": {"ratio": 1.0, "window": 1}}
            async with known(endpoints, road, **policies, retry={"backoff": "1ms..2ms"}) as client:
                ended: dict[str, int] = {}
                for _ in range(calls // AT_ONCE):
                    waits = [chance.choice((0.0, chance.uniform(0, 0.008))) for _ in range(AT_ONCE)]
                    for how in await asyncio.gather(*(cancelled(client, seconds) for seconds in waits)):
                        ended[how] = ended.get(how, 0) + 1
                assert ended["cancelled"] > calls // 4
                assert ended["answered"] > 0
                assert pending(client) == 0
                assert all(status.pending == 0 for status in statuses(client))
                for endpoint in endpoints:
                    endpoint.well = True
                await until(lambda: all(endpoint.open <= PLACES for endpoint in endpoints))
                # Every place is free: so many calls are under way at once.
                held = [asyncio.ensure_future(ask(client, road, "/held")) for _ in range(PLACES * 2)]
                await until(lambda: sum(endpoint.under_way for endpoint in endpoints) == PLACES * 2)
                for endpoint in endpoints:
                    endpoint.go.set()
                assert [response.text for response in await asyncio.gather(*held)] == ["ok"] * PLACES * 2
                assert pending(client) == 0
                serving = {task for task in asyncio.all_tasks() if "Endpoint.serve" in repr(task)}
                assert asyncio.all_tasks() - serving == {asyncio.current_task()}
            await until(lambda: not any(endpoint.open for endpoint in endpoints))

    play(loop, work())


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("loop", LOOPS)
def test_the_trial_of_a_circuit_that_is_cancelled_makes_room_for_the_next(loop: str, road: str) -> None:
    async def work() -> None:
        async with two(random.Random(5)) as endpoints:  # noqa: S311 - the same each time
            circuit = {"consecutive": 1, "open": "10ms..10ms"}
            async with known(endpoints, road, circuit=circuit, ejection=False, retry=False) as client:
                for endpoint in endpoints:
                    # What it breaks off is what opens the circuit.
                    endpoint._chance.choice = lambda _: ANSWERS[-1]  # type: ignore[method-assign, assignment] # noqa: SLF001
                with pytest.raises(httpx.TransportError):
                    await ask(client, road)
                with pytest.raises(meshclient.CircuitOpen):
                    await ask(client, road)
                for count in (1, 2):
                    await asyncio.sleep(0.05)
                    trial = asyncio.ensure_future(ask(client, road, "/held"))
                    await until(lambda: sum(endpoint.under_way for endpoint in endpoints) == count)  # noqa: B023
                    trial.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await trial
                    assert pending(client) == 0
                for endpoint in endpoints:
                    endpoint.well = True
                    endpoint.go.set()
                await asyncio.sleep(0.05)
                assert (await ask(client, road)).text == "ok"
                assert (await ask(client, road)).text == "ok"

    play(loop, work())


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_deadline_around_a_call_is_its_callers(loop: str, road: str) -> None:
    """`asyncio.timeout` around a call ends it as TimeoutError, and nobody is blamed."""

    async def work() -> None:
        async with two(random.Random(5)) as endpoints, known(endpoints, road) as client:  # noqa: S311
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await ask(client, road, "/held")
            assert pending(client) == 0
            assert [status.failures for status in statuses(client)] == [0, 0]
            assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
            for endpoint in endpoints:
                endpoint.well = True
                endpoint.go.set()
            assert (await ask(client, road)).text == "ok"

    play(loop, work())
