"""Calls of services on trio: every policy holds there, over httpx's transport."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

import meshclient
from integration.trioface import BOUND, on_trio, orders
from meshclient.model.outcome import Kind
from unit.http.face import pending, statuses
from unit.http.rawserver import OK, UNAVAILABLE, Connection, RawServer, always, refusing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from servers.backend import Backends


def silence(connection: Connection) -> None:
    connection.request()
    connection.request()


def hang_up(connection: Connection) -> None:
    connection.request()


def silent_body(connection: Connection) -> None:
    connection.request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    connection.request()


FAULTS: dict[str, tuple[Callable[[Connection], None], Kind]] = {
    "503": (always(UNAVAILABLE), Kind.SERVER_ERROR),
    "hang up": (hang_up, Kind.DISCONNECTED),
    "silence": (silence, Kind.TIMEOUT),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_get_goes_on_to_another_endpoint(fault: str) -> None:
    rule, kind = FAULTS[fault]

    async def work() -> None:
        async with orders(bad.url, good.url, service={"attempt_timeout": 0.4}) as client:
            reports = [(await client.get("http://orders/")).extensions["mesh"] for _ in range(2)]
            [first, second] = next(report.attempts for report in reports if report.retries)
            assert (first.endpoint.url, second.endpoint.url) == (bad.url, good.url)
            assert first.outcome.kind is kind
            assert pending(client) == 0

    with RawServer(rule) as bad, RawServer(always(OK)) as good:
        on_trio(work)


def test_an_endpoint_that_refuses_is_named() -> None:
    async def work() -> None:
        async with orders(url := refusing(), service={"retry": False}) as client:
            with pytest.raises(httpx.ConnectError) as caught:
                await client.get("http://orders/")
            [attempt] = caught.value.mesh.attempts  # type: ignore[attr-defined]
            assert (attempt.endpoint.url, attempt.outcome.kind) == (url, Kind.CONNECT_ERROR)

    on_trio(work)


def test_attempts_wait_between_each_other() -> None:
    """And a body that is read from a stream is sent again."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        await trio.lowlevel.checkpoint()
        yield b"b"

    async def work() -> None:
        retry = {"attempts": 3, "backoff": "20ms..50ms", "budget_floor": 100}
        async with orders(server.url, service={"retry": retry}) as client:
            response = await client.put("http://orders/", content=parts())
            attempts = response.extensions["mesh"].attempts
            assert [attempt.outcome.status for attempt in attempts] == [503, 503, 503]
            assert [request.body for request in server.requests] == [b"ab"] * 3

    with RawServer(always(UNAVAILABLE)) as server:
        on_trio(work)


def test_the_deadline_ends_a_call() -> None:
    async def work() -> None:
        async with orders(server.url, service={"retry": False}) as client:
            with pytest.raises(meshclient.DeadlineExceeded) as caught:
                await client.get("http://orders/", extensions={"mesh": {"deadline": 0.2}})
            assert isinstance(caught.value, httpx.TimeoutException)
            assert pending(client) == 0

    with RawServer(silence) as server:
        on_trio(work)


def test_an_attempt_is_bounded_by_its_own_limit_and_not_by_that_of_the_sockets() -> None:
    """Which are looser by a second."""

    async def work() -> None:
        async with orders(server.url, service={"retry": False, "attempt_timeout": 0.1}) as client:
            with pytest.raises(httpx.ReadTimeout) as caught:
                await client.get("http://orders/")
            [attempt] = caught.value.mesh.attempts  # type: ignore[attr-defined]
            assert attempt.outcome.kind is Kind.TIMEOUT
            assert "attempt_timeout" in str(caught.value)

    with RawServer(silence) as server:
        on_trio(work)


def test_the_deadline_holds_while_a_body_is_read() -> None:
    async def work() -> None:
        async with orders(server.url) as client:
            asked = {"mesh": {"deadline": 0.3}}
            async with client.stream("GET", "http://orders/", extensions=asked) as response:
                chunks = response.aiter_raw()
                assert await anext(chunks) == b"half"
                assert pending(client) == 1
                with pytest.raises(meshclient.DeadlineExceeded):
                    await anext(chunks)
            assert pending(client) == 0

    with RawServer(silent_body) as server:
        on_trio(work)


def test_bodies_are_read_to_the_end_or_left(backends: Backends) -> None:
    async def work() -> None:
        async with orders(backend.url) as client:
            url = "http://orders/stream?chunks=5&size=2000"
            async with client.stream("GET", url) as response:
                assert sum([len(chunk) async for chunk in response.aiter_raw()]) == 10_000
            assert pending(client) == 0
            async with client.stream("GET", url):
                assert pending(client) == 1
            assert pending(client) == 0

    [backend] = backends(1)
    on_trio(work)


def test_calls_that_are_cancelled_leave_no_mark() -> None:
    """Neither on the endpoint nor on the limit: there is room for the next one."""

    async def work() -> None:
        service = {"limit": {"concurrency": 1}, "retry": False, "attempt_timeout": 10}
        async with orders(server.url, service=service) as client:
            for _ in range(12):
                with trio.move_on_after(0.02) as scope:
                    await client.get("http://orders/")
                assert scope.cancelled_caught
                assert pending(client) == 0
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.get, "http://orders/")
                await trio.sleep(0.02)
                nursery.cancel_scope.cancel()
            [status] = statuses(client)
            assert (status.pending, status.failures, status.state) == (0, 0, "in_rotation")
            rules.append(always(OK))
            assert (await client.get("http://orders/")).status_code == 200

    def rule(connection: Connection) -> None:
        rules[-1](connection)

    rules: list[Callable[[Connection], None]] = [silence]
    with RawServer(rule) as server:
        on_trio(work)


def test_a_body_whose_reader_is_cancelled_leaves_no_mark() -> None:
    async def work() -> None:
        async with orders(server.url) as client:
            with trio.move_on_after(0.1) as scope:
                await client.get("http://orders/")
            assert scope.cancelled_caught
            [status] = statuses(client)
            assert (status.pending, status.failures, status.state) == (0, 0, "in_rotation")

    with RawServer(silent_body) as server:
        on_trio(work)


def test_calls_run_beside_each_other(backends: Backends) -> None:
    async def work() -> None:
        async with orders(*(backend.url for backend in both)) as client:

            async def call() -> None:
                assert (await client.get("http://orders/")).status_code == 200

            async with trio.open_nursery() as nursery:
                for _ in range(40):
                    nursery.start_soon(call)
            assert pending(client) == 0
        assert sum(backend.stats()["requests"] for backend in both) == 40

    both = backends(2, delay=0.02)
    on_trio(work)


def test_limits_of_the_client_hold_for_hosts_that_are_no_service() -> None:
    async def work() -> None:
        limits, timeout = httpx.Limits(max_connections=1), httpx.Timeout(BOUND, pool=0.05)
        async with orders(server.url, limits=limits, timeout=timeout) as client, client.stream("GET", server.url):
            with pytest.raises(httpx.PoolTimeout):
                await client.get(server.url)
        assert server.connections == 1

    with RawServer(silent_body) as server:
        on_trio(work)


def test_a_client_goes_from_asyncio_to_trio_and_back(backends: Backends) -> None:
    """The connections of a loop are that loop's, and the end on trio closes what is left of both."""

    async def ask() -> None:
        for url in ("http://orders/", f"{backend.url}/"):
            assert (await client.get(url)).status_code == 200

    async def ask_and_close() -> None:
        await ask()
        await client.aclose()

    [backend] = backends(1)
    services = {"orders": {"endpoints": [backend.url]}}
    client = meshclient.AsyncClient(services=services, trust_env=False, limits=httpx.Limits(keepalive_expiry=600))
    with asyncio.Runner() as runner:
        runner.run(ask())
        on_trio(ask_and_close)
        # The loop of asyncio was not closed, but its connections were.
        end = time.monotonic() + 10
        while backend.stats()["open"] > 1:
            assert time.monotonic() < end
            runner.run(asyncio.sleep(0.01))
