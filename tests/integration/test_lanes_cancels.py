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
ROADS = ("plain", "hook", "stream", "driver")
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
                while not writer.is_closing() and (head := await reader.readuntil(b"\r\n\r\n")):
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
            if writer.is_closing():
                return
            writer.write(part)
        if not answer:
            writer.transport.abort()


@asynccontextmanager
async def listening() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(random.Random(5))
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield endpoint
    finally:
        server.close()
        await until(lambda: not endpoint.open)


async def until(fact: Any) -> None:
    async with asyncio.timeout(BOUND):
        while not fact():  # noqa: ASYNC110 - of many things, none of which can be waited for
            await asyncio.sleep(0.001)


def known(endpoint: Endpoint, road: str, **service: Any) -> meshclient.AsyncClient:
    services = {"orders": {"endpoints": [endpoint.url], "connections": {"per_endpoint": PLACES}, **service}}
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
    chance = random.Random(5)
    calls = CALLS if road == "plain" else CALLS // 4

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
        policies = {"ejection": False, "throttle": False, "circuit": {"ratio": 1.0}, "retry": {"backoff": "1ms..2ms"}}
        async with listening() as endpoint, known(endpoint, road, **policies) as client:
            ended: dict[str, int] = {}
            for _ in range(calls // AT_ONCE):
                # On a busy machine a call takes as long as the last of these.
                waits = [chance.choice((0.0, chance.uniform(0, 0.01), chance.uniform(0, 1.0))) for _ in range(AT_ONCE)]
                for how in await asyncio.gather(*(cancelled(client, seconds) for seconds in waits)):
                    ended[how] = ended.get(how, 0) + 1
            assert ended["cancelled"] > calls // 4
            assert ended["answered"] > 0
            assert pending(client) == 0
            endpoint.well = True
            await until(lambda: endpoint.open <= PLACES)
            # Every place is free: so many calls are under way at once.
            held = [asyncio.ensure_future(ask(client, road, "/held")) for _ in range(PLACES)]
            await until(lambda: endpoint.under_way == PLACES)
            endpoint.go.set()
            assert [response.text for response in await asyncio.gather(*held)] == ["ok"] * PLACES
            assert pending(client) == 0
            serving = {task for task in asyncio.all_tasks() if "Endpoint.serve" in repr(task)}
            assert asyncio.all_tasks() - serving == {asyncio.current_task()}
            await client.aclose()
            await until(lambda: not endpoint.open)

    play(loop, work())


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("loop", LOOPS)
def test_the_trial_of_a_circuit_that_is_cancelled_makes_room_for_the_next(loop: str, road: str) -> None:
    async def work() -> None:
        circuit = {"open": "10ms..10ms"}
        async with (
            listening() as endpoint,
            known(endpoint, road, circuit=circuit, ejection=False, retry=False) as client,
        ):
            client.mesh.circuits.open("orders")
            with pytest.raises(meshclient.CircuitOpen):
                await ask(client, road)
            for count in (1, 2):
                await asyncio.sleep(0.05)
                trial = asyncio.ensure_future(ask(client, road, "/held"))
                await until(lambda: endpoint.under_way == count)  # noqa: B023
                trial.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await trial
                assert pending(client) == 0
            endpoint.well = True
            endpoint.go.set()
            await asyncio.sleep(0.05)
            for _ in range(2):
                assert (await ask(client, road)).text == "ok"

    play(loop, work())


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_deadline_around_a_call_is_its_callers(loop: str, road: str) -> None:
    """`asyncio.timeout` around a call ends it as TimeoutError, and nobody is blamed."""

    async def work() -> None:
        async with listening() as endpoint, known(endpoint, road) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await ask(client, road, "/held")
            [status] = statuses(client)
            assert (status.pending, status.failures) == (0, 0)
            assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
            endpoint.well = True
            endpoint.go.set()
            assert (await ask(client, road)).text == "ok"

    play(loop, work())
