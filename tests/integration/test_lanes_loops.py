"""One client under several event loops, one after another or at once, after a fork, and after it was closed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import trio
import uvloop

import meshclient
from integration.lanes import BOUND, Lane, lane_fixture, listed  # noqa: F401 - a fixture
from servers.process import wait_until
from unit.http.face import pending
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Awaitable

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
HOOKS = {"plain": {}, "hook": {"request": [lambda _: asyncio.sleep(0)]}}
FORK = """
import asyncio, os, sys
import meshclient

url, colour = sys.argv[1:]
if colour == "sync":
    client = meshclient.Client(services={"orders": {"endpoints": [url]}}, trust_env=False, verify=False)

    def ask(path):
        return client.get(path).text
else:
    client = meshclient.AsyncClient(services={"orders": {"endpoints": [url]}}, trust_env=False, verify=False)
    runner = asyncio.Runner()

    async def got(path):
        return (await client.get(path)).text

    def ask(path):
        return runner.run(got(path))


def both(who):
    for _ in range(3):
        assert ask(f"http://orders/{who}") == f"/{who}"
        assert ask(f"{url}/{who}") == f"/{who}"


both("parent")
child = os.fork()
if not child:
    if colour == "async":
        # The parent's loop cannot go on here.
        asyncio._set_running_loop(None)
        runner = asyncio.Runner()
    try:
        both("child")
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)
both("parent")
_, status = os.waitpid(child, 0)
both("parent")
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Open:
    """A rule: each answer is the path asked for; it counts the connections that are open."""

    def __init__(self) -> None:
        self.now = 0
        self._lock = threading.Lock()

    def __call__(self, connection: Connection) -> None:
        with self._lock:
            self.now += 1
        try:
            while request := connection.request():
                path = request.target.encode()
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))
        finally:
            with self._lock:
                self.now -= 1


def known(url: str, road: str) -> meshclient.AsyncClient:
    client = meshclient.AsyncClient(
        services={"orders": {"endpoints": [url], "attempt_timeout": BOUND}}, trust_env=False, verify=False
    )
    client.event_hooks = HOOKS[road]
    return listed(client)  # type: ignore[no-any-return]


async def calls(client: meshclient.AsyncClient, url: str, count: int) -> None:
    """Calls to a service and to a plain host, a few at once."""

    async def one(path: str) -> None:
        assert (await client.get(path + "/there")).text == "/there"

    for _ in range(count):
        await asyncio.gather(*(one(path) for path in ("http://orders", "http://orders", url)))


@pytest.mark.parametrize("road", HOOKS)
@pytest.mark.parametrize("loop", LOOPS)
def test_one_loop_after_another(loop: str, road: str) -> None:
    def run(work: Awaitable[None]) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(_within(work))

    rule = Open()
    with RawServer(rule) as server:
        client = known(server.url, road)
        for _ in range(3):
            run(calls(client, server.url, 5))
            wait_until(lambda: rule.now == 0, BOUND, "the end of what belonged to the loop")
        run(client.aclose())
        assert server.connections == 3 * 3


@pytest.mark.parametrize("road", HOOKS)
@pytest.mark.parametrize("loop", LOOPS)
def test_two_loops_at_once(loop: str, road: str) -> None:
    rule, meet = Open(), threading.Barrier(2, timeout=BOUND)

    def thread(client: meshclient.AsyncClient, url: str) -> None:
        async def work() -> None:
            await calls(client, url, 1)
            meet.wait()
            await calls(client, url, 30)

        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(work())

    with RawServer(rule) as server:
        client = known(server.url, road)
        with ThreadPoolExecutor(2) as threads:
            for done in [threads.submit(thread, client, server.url) for _ in range(2)]:
                done.result(3 * BOUND)
        wait_until(lambda: rule.now == 0, BOUND, "the end of what belonged to the loops")
        asyncio.run(client.aclose())
        assert server.connections == 2 * 3


@pytest.mark.parametrize("road", HOOKS)
def test_a_loop_that_nobody_closed_in_order(road: str) -> None:
    """Its connections end with it all the same, without a warning, as soon as another loop is used."""
    rule = Open()
    with RawServer(rule) as server:
        client = known(server.url, road)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(calls(client, server.url, 2))
        loop.close()
        asyncio.run(calls(client, server.url, 2))
        wait_until(lambda: rule.now == 0, BOUND, "the end of what belonged to the loops")
        asyncio.run(client.aclose())


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_fork_leaves_the_parents_connections_alone(colour: str) -> None:
    rule = Open()
    with RawServer(rule) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", FORK, server.url, colour],
            capture_output=True, text=True, timeout=3 * BOUND, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(request.target for request in server.requests) == ["/child"] * 6 + ["/parent"] * 18
        # One to the service and one to the plain host, for each process.
        assert server.connections == 4


def test_a_closed_client_refuses_calls_as_httpxs_does(lane: Lane) -> None:
    rule = Open()
    with RawServer(rule) as server:
        client = lane.known(server.url)
        lane.ask(client)
        lane.close(client)
        wait_until(lambda: lane.turn() or rule.now == 0, BOUND, "the end of the connection")
        error = lane.fails(client)
        assert isinstance(error, RuntimeError)
        assert str(error) == "Cannot send a request, as the client has been closed."
        assert len(server.requests) == 1


@pytest.mark.parametrize("given", [False, True])
def test_a_transport_that_is_closed_opens_what_it_needs_again(lane: Lane, given: bool) -> None:
    rule = Open()
    with RawServer(rule) as server:
        mesh = lane.mesh(services={"orders": {"endpoints": [server.url]}})
        transport: Any = lane.transport(mesh, lane.stock()) if given else lane.transport(mesh)
        for count in (1, 2):
            client = lane.httpx(transport=transport)
            assert lane.ask(client, url="http://orders/a").text == "/a"
            lane.close(client)
            wait_until(lambda: lane.turn() or rule.now == 0, BOUND, "the end of the connection")
            assert server.connections == count


def test_a_mesh_outlives_its_clients(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        mesh = lane.mesh(services={"orders": {"endpoints": [server.url]}})
        for count in (1, 2, 3):
            client = lane.client(mesh=mesh, verify=False, trust_env=False)
            listed(client)
            assert lane.ask(client).text == "ok"
            assert server.connections == count
            lane.close(client)


@pytest.mark.parametrize("road", ["plain", "hook", "stream"])
def test_under_trio_everything_goes_over_httpxs_transport(road: str) -> None:
    """The client is closed in order."""
    rule = Open()

    async def work(url: str) -> None:
        services = {"orders": {"endpoints": [url]}}
        async with meshclient.AsyncClient(services=services, trust_env=False, verify=False) as client:
            if road == "hook":
                client.event_hooks = {"request": [let_others_run]}
            for path in ("/a", "/b"):
                if road == "stream":
                    async with client.stream("GET", url + path) as response:
                        await response.aread()
                else:
                    response = await client.get(url + path)
                assert response.text == path
            assert (await client.get("http://orders/c")).text == "/c"
            assert pending(client) == 0

    with RawServer(rule) as server:
        trio.run(work, server.url)
        assert [request.target for request in server.requests] == ["/a", "/b", "/c"]
        wait_until(lambda: rule.now == 0, BOUND, "the end of the connection")


def test_without_any_loop_a_host_is_httpxs_affair(lane: Lane) -> None:
    """The error is the one that httpx has for it."""

    def failing(client: Any, url: str) -> Exception:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - looked at by whoever asked
            lane.asking(client, "GET", url).send(None)
        return caught.value

    if not lane.is_async:
        return
    with RawServer(always(OK)) as server:
        client = lane.known(server.url)
        ours, theirs = failing(client, server.url), failing(lane.httpx(verify=False), server.url)
        assert (type(ours), str(ours)) == (type(theirs), str(theirs))
        assert isinstance(failing(client, "http://orders/"), RuntimeError)
        assert (server.requests, pending(client)) == ([], 0)
        # Where there is a loop again everything is as it was.
        assert lane.ask(client, url=server.url).text == "ok"
        assert lane.ask(client).text == "ok"


async def let_others_run(_: object) -> None:
    await trio.lowlevel.checkpoint()


async def _within(work: Awaitable[None]) -> None:
    await work
