"""Connections to services, as many as are needed and no more, on each road."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from integration.lanes import BOUND, Lane, lane_fixture, listed  # noqa: F401 - a fixture
from servers.process import wait_until
from unit.http.face import pending
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAFE = {"attempt_timeout": BOUND, "deadline": 3 * BOUND}


class Held:
    """A rule: answers wait until they may go; it counts what is open and under way."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.lock = threading.Lock()
        self.open = self.most = self.under_way = 0

    def __call__(self, connection: Connection) -> None:
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            while connection.request() is not None:
                with self.lock:
                    self.under_way += 1
                assert self.go.wait(BOUND)
                connection.send(OK)
        finally:
            with self.lock:
                self.open -= 1


def by_workers(lane: Lane, client: Any, workers: int, calls: int) -> list[str]:
    """The texts of calls made by so many tasks or threads, each of which makes one after the other."""

    async def task() -> list[str]:
        return [(await lane.asking(client, "GET", "http://orders/")).text for _ in range(calls // workers)]

    async def tasks() -> list[list[str]]:
        return list(await asyncio.gather(*(task() for _ in range(workers))))

    def thread(_: int) -> list[str]:
        return [lane.asking(client, "GET", "http://orders/").text for _ in range(calls // workers)]

    if lane.is_async:
        results = lane.run(tasks())
    else:
        with ThreadPoolExecutor(workers) as threads:
            results = list(threads.map(thread, range(workers)))
    return [text for texts in results for text in texts]


def begun(lane: Lane, client: Any, calls: int, **arguments: Any) -> tuple[Callable[[], bool], Callable[[], list[Any]]]:
    """Begin calls beside each other. Returns what lets the loop run for a moment, and what waits for the results."""
    if lane.is_async:

        async def start() -> list[asyncio.Future[Any]]:
            return [
                asyncio.ensure_future(lane.asking(client, "GET", "http://orders/", **arguments)) for _ in range(calls)
            ]

        tasks = lane.run(start())

        async def ended() -> list[Any]:
            return list(await asyncio.gather(*tasks, return_exceptions=True))

        return lane.turn, lambda: lane.run(ended())

    threads = ThreadPoolExecutor(calls)
    futures = [threads.submit(lane.asking, client, "GET", "http://orders/", **arguments) for _ in range(calls)]

    def results() -> list[Any]:
        with threads:
            return [future.exception(BOUND) or future.result(BOUND) for future in futures]

    return lane.turn, results


def test_there_are_as_many_as_calls_at_once_and_not_as_requests(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url, **SAFE)
        assert by_workers(lane, client, 20, 500) == ["ok"] * 500
        assert server.connections <= 20
        assert len(server.requests) == 500
        assert pending(client) == 0


@pytest.mark.parametrize("bound", ["per_endpoint", "total", "limits"])
def test_calls_beyond_a_bound_wait_for_a_connection(lane: Lane, bound: str) -> None:
    held, others = Held(), Held()
    connections: dict[str, Any] = {"connections": {bound: 2}}
    bounds = {"limits": httpx.Limits(max_connections=2)} if bound == "limits" else connections
    with RawServer(held) as server, RawServer(others) as other, ExitStack() as stack:
        stack.callback(held.go.set)
        stack.callback(others.go.set)
        urls = (server.url,) if bound == "per_endpoint" else (server.url, other.url)
        client = lane.known(*urls, **bounds, **SAFE, retry=False)
        turn, results = begun(lane, client, 6)
        wait_until(lambda: turn() or held.under_way + others.under_way == 2, BOUND, "two requests")
        lane.idle()
        assert held.under_way + others.under_way == 2
        error: Any = lane.fails(client, timeout=httpx.Timeout(None, pool=0.1))
        assert isinstance(error, httpx.PoolTimeout), repr(error)
        assert any(url in str(error) for url in urls)
        [attempt] = error.mesh.attempts  # type: ignore[attr-defined]
        assert str(attempt.outcome.kind) == "pool_timeout"
        held.go.set()
        others.go.set()
        assert [answer.text for answer in results()] == ["ok"] * 6
        assert held.most + others.most <= (2 if bound == "per_endpoint" else 4)
        assert pending(client) == 0


def test_a_call_that_is_given_no_connection_says_so_in_time(lane: Lane) -> None:
    """A full pool is no fault of the endpoint, and an attempt's time is up before it is called late."""
    held = Held()
    with RawServer(held) as server, ExitStack() as stack:
        stack.callback(held.go.set)
        client = lane.known(server.url, connections={"per_endpoint": 1}, retry=False, deadline=3 * BOUND)
        turn, results = begun(lane, client, 1, extensions={"mesh": {"attempt_timeout": 2 * BOUND}})
        wait_until(lambda: turn() or held.under_way == 1, BOUND, "a request")
        error: Any = lane.fails(client, extensions={"mesh": {"attempt_timeout": 0.3}})
        assert isinstance(error, httpx.PoolTimeout), repr(error)
        assert str(error.mesh.attempts[0].outcome.kind) == "pool_timeout"  # type: ignore[attr-defined]
        held.go.set()
        assert [answer.text for answer in results()] == ["ok"]


@pytest.mark.parametrize(
    "settings",
    [{"connections": {"idle": "50ms"}}, {"limits": httpx.Limits(keepalive_expiry=0.05)}],
    ids=["configured", "limits"],
)
def test_an_idle_connection_is_closed_in_time(lane: Lane, settings: dict[str, Any]) -> None:
    left = threading.Event()

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(OK)
        left.set()

    with RawServer(rule) as server:
        client = lane.known(server.url, **settings, **SAFE)
        lane.ask(client)
        assert not left.is_set()
        if lane.is_async:
            wait_until(lambda: lane.turn() or left.is_set(), BOUND, "the end of the connection")
        else:
            # Threads have nobody who looks between calls.
            threading.Event().wait(0.1)
        lane.ask(client)
        assert server.connections == 2
        assert left.wait(BOUND)


class Listed:
    """A services file with the endpoints of one service."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.path = folder / "mesh.toml"
        self._settings = settings

    def write(self, *urls: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"[services.orders]\nendpoints = {list(urls)}\n", "utf-8")
        fresh.rename(self.path)

    def client(self, lane: Lane, **service: Any) -> Any:
        services = {"orders": service} if service else {}
        return listed(
            lane.client(f"file://{self.path}", defaults=SAFE, services=services, verify=False, trust_env=False)
        )


def wait_for_list(lane: Lane, client: Any, *urls: str) -> None:
    service = client.mesh.service("orders")

    def there() -> bool:
        lane.turn()
        return {endpoint.url for endpoint in service.snapshot.endpoints} == set(urls)

    wait_until(there, 2 * BOUND, "the list")


def test_a_warm_connection_is_opened_to_an_endpoint_that_joins(lane: Lane, tmp_path: Path) -> None:
    file = Listed(tmp_path)
    with RawServer(always(OK)) as one, RawServer(always(OK)) as two:
        file.write(one.url)
        client = file.client(lane, connections={"warm": True})
        lane.ask(client)
        file.write(one.url, two.url)
        wait_for_list(lane, client, one.url, two.url)
        wait_until(lambda: lane.turn() or two.connections == 1, BOUND, "a connection")
        lane.idle()
        assert (one.connections, len(two.requests)) == (1, 0)
        # One call at a time goes where answers come sooner, until one comes later.
        for _ in range(2000):
            lane.ask(client)
            if two.requests:
                break
        assert len(two.requests) > 0
        assert (one.connections, two.connections) == (1, 1)


def test_without_being_told_to_none_is_opened_early(lane: Lane, tmp_path: Path) -> None:
    file = Listed(tmp_path)
    with RawServer(always(OK)) as one, RawServer(always(OK)) as two:
        file.write(one.url)
        client = file.client(lane)
        lane.ask(client)
        file.write(one.url, two.url)
        wait_for_list(lane, client, one.url, two.url)
        lane.idle()
        assert two.connections == 0


def test_an_endpoint_that_leaves_is_left_at_once_and_what_is_in_flight_ends(lane: Lane, tmp_path: Path) -> None:
    file, held, gone = Listed(tmp_path), threading.Event(), []

    def rule(connection: Connection) -> None:
        while request := connection.request():
            if request.target == "/slow":
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl")
                assert held.wait(BOUND)
                connection.send(b"ow")
            else:
                connection.send(OK)
        gone.append(connection.number)

    with RawServer(rule) as goes, RawServer(always(OK)) as stays, ExitStack() as stack:
        stack.callback(held.set)
        file.write(goes.url)
        client = file.client(lane)
        with lane.stream(client, "GET", "http://orders/slow") as response:
            # A second one, which lies idle when its endpoint leaves.
            lane.ask(client)
            assert goes.connections == 2
            file.write(stays.url)
            wait_for_list(lane, client, stays.url)
            wait_until(lambda: lane.turn() or gone == [2], BOUND, "the end of the idle one")
            assert lane.ask(client).extensions["mesh"].endpoint.url == stays.url
            held.set()
            assert lane.read(response) == b"slow"
        wait_until(lambda: lane.turn() or gone == [2, 1], BOUND, "the end of the busy one")
        assert pending(client) == 0
