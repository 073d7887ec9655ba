"""Calls that wait for an equal one: whose time is up when, and who must not wait at all."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any

import pytest

import meshclient
from unit.http.cached import BOUND, answer, kept
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.gate import URL, Gate, gates_fixture, together  # noqa: F401 - a fixture

FRESH = "Cache-Control: max-age=60"


def test_a_deadline_that_strikes_while_waiting_leads_to_what_is_stale(face: Face, gates: list[Gate]) -> None:
    gate = Gate(lambda number: answer(FRESH, body=str(number)))
    gates.append(gate)
    client = kept(face, gate.server.url, stale_if_unreachable=600.0)
    gate.open.set()
    client.get()
    client.wall.ahead += 70
    gate.open.clear()

    def blocking() -> list[Any]:
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(client.client.get, URL)
            while gate.asked < 2:
                time.sleep(0.002)
            with meshclient.override(deadline=0.1):
                other = client.client.get(URL)
            gate.open.set()
            return [first.result(BOUND), other]

    async def tasks() -> list[Any]:
        first = asyncio.ensure_future(client.client.get(URL))
        await gate.reached(2)
        with meshclient.override(deadline=0.1):
            other = await client.client.get(URL)
        gate.open.set()
        return [await first, other]

    first, other = face.run(tasks()) if face.is_async else blocking()
    assert (first.text, other.text, other.extensions["mesh"].cache) == ("2", "1", "stale")


def test_a_caller_whose_time_is_up_leaves_the_others(face: Face, gates: list[Gate]) -> None:
    gate = Gate(lambda _: answer(FRESH, body="late"))
    gates.append(gate)
    client = kept(face, gate.server.url)

    def first_and_second() -> list[Any]:
        with ThreadPoolExecutor(2) as threads:
            one = threads.submit(client.client.get, URL)
            while gate.asked < 1:
                time.sleep(0.002)
            with meshclient.override(deadline=0.1), pytest.raises(meshclient.DeadlineExceeded):
                client.client.get(URL)
            gate.open.set()
            return [one.result(BOUND)]

    async def both() -> list[Any]:
        one = asyncio.ensure_future(client.client.get(URL))
        await gate.reached()
        with meshclient.override(deadline=0.1), pytest.raises(meshclient.DeadlineExceeded):
            await client.client.get(URL)
        gate.open.set()
        return [await one]

    responses = face.run(both()) if face.is_async else first_and_second()
    assert [response.text for response in responses] == ["late"]
    assert gate.asked == 1
    assert len(client.cache._flights) == 0


def test_those_with_time_left_go_on_when_the_first_has_none(face: Face, gates: list[Gate]) -> None:
    gate = Gate(lambda number: answer(FRESH, body=str(number)))
    gates.append(gate)
    client = kept(face, gate.server.url)

    def short() -> Any:
        with meshclient.override(deadline=0.3):
            try:
                return client.client.get(URL)
            except meshclient.DeadlineExceeded as error:
                return error

    async def async_short() -> Any:
        with meshclient.override(deadline=0.3):
            try:
                return await client.client.get(URL)
            except meshclient.DeadlineExceeded as error:
                return error

    def blocking() -> list[Any]:
        with ThreadPoolExecutor(5) as threads:
            first = threads.submit(short)
            while gate.asked < 1:
                time.sleep(0.002)
            others = [threads.submit(client.client.get, URL) for _ in range(4)]
            error = first.result(BOUND)
            gate.open.set()
            return [error, *(other.result(BOUND) for other in others)]

    async def tasks() -> list[Any]:
        first = asyncio.ensure_future(async_short())
        await gate.reached()
        others = [asyncio.ensure_future(client.client.get(URL)) for _ in range(4)]
        error = await first
        gate.open.set()
        return [error, *await asyncio.gather(*others)]

    error, *responses = face.run(tasks()) if face.is_async else blocking()
    assert isinstance(error, meshclient.DeadlineExceeded)
    assert [response.text for response in responses] == ["2"] * 4
    assert gate.asked == 2


def test_time_spent_waiting_counts(face: Face, gates: list[Gate]) -> None:
    gate = Gate(lambda number: answer(FRESH, body=str(number)))
    gates.append(gate)
    client = kept(face, gate.server.url)

    def call(seconds: float) -> Any:
        with meshclient.override(deadline=seconds):
            try:
                return client.client.get(URL)
            except meshclient.DeadlineExceeded as error:
                return error

    async def async_call(seconds: float) -> Any:
        with meshclient.override(deadline=seconds):
            try:
                return await client.client.get(URL)
            except meshclient.DeadlineExceeded as error:
                return error

    def blocking() -> None:
        with ThreadPoolExecutor(2) as threads:
            threads.submit(call, 0.3)
            while gate.asked < 1:
                time.sleep(0.002)
            other = threads.submit(call, 2.0)
            while gate.asked < 2:
                time.sleep(0.002)
            gate.open.set()
            other.result(BOUND)

    async def tasks() -> None:
        first = asyncio.ensure_future(async_call(0.3))
        await gate.reached()
        other = asyncio.ensure_future(async_call(2.0))
        await gate.reached(2)
        gate.open.set()
        await asyncio.gather(first, other)

    face.run(tasks()) if face.is_async else blocking()
    told = gate.server.requests[1].header("mesh-timeout") or ""
    # Of its two seconds it waited for the first call until the deadline of that, after about 0.3 s.
    assert 0 < int(told.removesuffix("m")) < 1990


def test_who_has_changed_it_does_not_wait_for_what_was_asked_before(face: Face, gates: list[Gate]) -> None:
    gate = Gate(lambda number: answer(FRESH, body=f"state {number}"))
    gates.append(gate)
    client = kept(face, gate.server.url)
    other = kept(face, gate.server.url, shelf=client.shelf)

    def blocking() -> list[str]:
        with ThreadPoolExecutor(1) as threads:
            early = threads.submit(client.client.get, URL)
            while gate.asked < 1:
                time.sleep(0.002)
            changing = threading.Thread(target=other.client.post, args=(URL,))
            gate.passing("POST")
            changing.start()
            changing.join(BOUND)
            gate.passing("GET")
            late = client.client.get(URL).text
            gate.open.set()
            return [early.result(BOUND).text, late]

    async def tasks() -> list[str]:
        early = asyncio.ensure_future(client.client.get(URL))
        await gate.reached()
        gate.passing("POST")
        await other.client.post(URL)
        gate.passing("GET")
        late = (await client.client.get(URL)).text
        gate.open.set()
        return [(await early).text, late]

    assert (face.run(tasks()) if face.is_async else blocking()) == ["state 1", "state 3"]
    # What was asked for before the change came after it, and is not kept in the place of what came later.
    assert client.get().text == "state 3"


def test_those_with_time_left_ask_anew_when_the_time_of_the_first_is_up_in_the_body(
    face: Face, gates: list[Gate]
) -> None:
    whole = answer(FRESH, body="late")
    gate = Gate(lambda _: whole[-2:], whole[:-2])
    gates.append(gate)
    client = kept(face, gate.server.url)

    def aboard() -> bool:
        return [flight.waiting for flight in client.cache._flights._flights.values()] == [2]

    def blocking() -> list[Any]:
        with (
            ThreadPoolExecutor(1) as threads,
            meshclient.override(deadline=0.5),
            client.client.stream("GET", URL) as response,
        ):
            second = threads.submit(client.client.get, URL)
            while not aboard():
                time.sleep(0.002)
            try:
                response.read()
            except meshclient.DeadlineExceeded as error:
                gate.open.set()
                return [error, second.result(BOUND)]
        return []

    async def streamed() -> list[Any]:
        async with client.client.stream("GET", URL) as response:
            # Begun outside of the first one's deadline.
            second = asyncio.create_task(client.client.get(URL), context=Context())
            while not aboard():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.002)
            try:
                await response.aread()
            except meshclient.DeadlineExceeded as error:
                gate.open.set()
                return [error, await second]
        return []

    async def tasks() -> list[Any]:
        with meshclient.override(deadline=0.5):
            return await streamed()

    _, second = face.run(tasks()) if face.is_async else blocking()
    assert second.text == "late"
    assert gate.asked == 2
