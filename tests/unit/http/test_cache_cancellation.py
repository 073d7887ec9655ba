"""Calls that wait for an equal one and are cancelled, each in its turn, and the client that is closed meanwhile."""

from __future__ import annotations

import asyncio
import time
from math import inf
from typing import Any

import pytest

from meshclient.http.caching.steps import AsyncSteps
from unit.http.cached import BOUND, answer, kept
from unit.http.face import Face
from unit.http.gate import URL, Gate, gates_fixture  # noqa: F401 - a fixture

FRESH = "Cache-Control: max-age=60"


async def cancelled(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("when", ["the head", "the body"])
@pytest.mark.parametrize("who", ["the first", "another", "all"])
def test_cancellation(gates: list[Gate], who: str, when: str) -> None:
    whole = answer(FRESH, body="survived")
    before = whole[:-2] if when == "the body" else b""
    gate = Gate(lambda _: whole.removeprefix(before), before)
    gates.append(gate)
    face = Face("async")
    try:
        client = kept(face, gate.server.url)

        async def calls() -> list[str]:
            tasks = [asyncio.ensure_future(client.client.get(URL)) for _ in range(5)]
            flights = client.cache._flights._flights
            end = time.monotonic() + BOUND
            while not flights or next(iter(flights.values())).waiting < 5 or not gate.asked:
                assert time.monotonic() < end
                await asyncio.sleep(0.002)
            # Until the head was there, if it is.
            await asyncio.sleep(0.05)
            leaving = {"the first": tasks[:1], "another": tasks[2:4], "all": tasks}[who]
            for task in leaving:
                await cancelled(task)
            if who == "all":
                while not gate.ended.is_set():
                    assert time.monotonic() < end
                    await asyncio.sleep(0.002)
                return []
            gate.open.set()
            return [(await task).text for task in tasks if task not in leaving]

        texts = face.run(calls())
        assert set(texts) <= {"survived"}
        assert len(texts) == {"the first": 4, "another": 3, "all": 0}[who]
        assert gate.asked == 1
        assert len(client.cache._flights) == 0
        service = client.client._transport.mesh.service("orders")
        assert sum(status.pending for status in service.balancer.status(service.clock())) == 0
        assert not [task for task in asyncio.all_tasks(face._runner.get_loop()) if not task.done()]  # type: ignore[union-attr]
    finally:
        face.end()


def test_closing_ends_what_is_under_way(gates: list[Gate]) -> None:
    gate = Gate(lambda _: answer(FRESH, body="late"))
    gates.append(gate)
    face = Face("async")
    try:
        client = kept(face, gate.server.url)

        async def calls() -> list[Any]:
            tasks = [asyncio.ensure_future(client.client.get(URL)) for _ in range(3)]
            await gate.reached()
            await client.client.aclose()
            return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), BOUND)

        outcomes = face.run(calls())
        assert all(isinstance(outcome, Exception) for outcome in outcomes)
    finally:
        face.end()


def test_a_step_that_is_given_up_before_it_has_begun_keeps_nobody_waiting() -> None:
    async def never() -> None:
        raise AssertionError

    async def main() -> None:
        steps = AsyncSteps(shared=True)
        waiting = asyncio.ensure_future(steps.run(never, lambda: True, inf))
        # The caller has run, and what it has begun has not.
        await asyncio.sleep(0)
        await steps.give_up()
        assert await asyncio.wait_for(waiting, BOUND)

    asyncio.run(main())


def test_a_url_that_varies_by_what_others_do_not_has_a_call_for_each(gates: list[Gate]) -> None:
    lines = "Cache-Control: max-age=0", 'ETag: "a"', "Vary: X-Request-Id"
    gates.append(gate := Gate(lambda number: answer(*lines, body=str(number))))
    gate.open.set()
    face = Face("async")
    try:
        client = kept(face, gate.server.url)
        client.get(x_request_id="1")
        gate.open.clear()

        async def calls() -> set[str]:
            tasks = [asyncio.ensure_future(client.client.get(URL, headers={"x-request-id": str(n)})) for n in (2, 3)]
            await gate.reached(3)
            assert [flight.waiting for flight in client.cache._flights._flights.values()] == [1, 1]
            gate.open.set()
            return {(await task).text for task in tasks}

        assert face.run(calls()) == {"2", "3"}
    finally:
        face.end()
