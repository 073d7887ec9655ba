"""The layers of a plain call, from the kernel up: each rung does what the one below does, and a little more."""

from __future__ import annotations

import asyncio
import select
import socket
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from _clients import ours_async, ours_sync, worker
from _clients.workload import WORKLOADS

if TYPE_CHECKING:
    from _clients.cell import Cell, Result
    from _clients.peers_async import One
    from _clients.peers_sync import One as SyncOne
    from _clients.site import Site
    from _clients.workload import Workload

# What a client sends for the plain GET, and the length of what comes back.
REQUEST = b"GET /g HTTP/1.1\r\nHost: orders\r\nAccept: */*\r\nUser-Agent: benchmark\r\n\r\n"
NEVER = float("inf")


def kernel(site: Site, concurrency: int, seconds: float) -> Result:
    """Send, wait, receive; one thread, no loop, nothing read. `cpu` holds the little Python that it takes."""
    poll = select.epoll()
    sockets = {}
    for _ in range(concurrency):
        sock = socket.create_connection(_address(site))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(sock, select.EPOLLIN)
        sockets[sock.fileno()] = sock
    latencies: list[float] = []
    for each in sockets.values():
        each.send(REQUEST)
    spent = worker.Spent()
    begin = time.perf_counter()
    while (now := time.perf_counter()) < begin + seconds:
        for number, _ in poll.poll():
            sockets[number].recv(65536)
            sockets[number].send(REQUEST)
            latencies.append(now - begin)
    spent.end()
    return spent.over(latencies)


async def loop(site: Site, work: Workload) -> One:
    """Besides: the event loop, a protocol, a future for each call."""
    running = asyncio.get_running_loop()
    idle: list[_Line] = []
    address = _address(site)

    async def one() -> tuple[int, Any]:
        if idle:
            line = idle.pop()
        else:
            _, line = await running.create_connection(_Line, *address)
        line.answered = running.create_future()
        line.transport.write(REQUEST)
        answer = await line.answered
        idle.append(line)
        return 200, answer[-len(work.answer) :]

    return one


class _Line(asyncio.Protocol):
    __slots__ = ("answered", "transport")
    answered: asyncio.Future[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        self.answered.set_result(data)


async def engine(site: Site, work: Workload) -> One:
    """Besides: the pool, the response read strictly, time limits."""
    del work
    made: Any = import_module("meshclient.engine.aio.engine").AsyncEngine()
    pool = made.pool(import_module("meshclient.engine.target").Target(*_address(site)))
    now = time.monotonic

    async def one() -> tuple[int, Any]:
        connection = pool.take()
        if connection is None:
            connection = await pool.acquire(NEVER, 5.0)
        await connection.exchange(REQUEST, now() + 5.0)
        status, answer = connection.status, connection.take()
        connection.release()
        return status, answer

    return one


def blocking_socket(site: Site, work: Workload) -> SyncOne:
    """Send and receive."""
    address = _address(site)
    idle: list[socket.socket] = []

    def one() -> tuple[int, Any]:
        sock = idle.pop() if idle else socket.create_connection(address)
        sock.send(REQUEST)
        answer = sock.recv(65536)
        idle.append(sock)
        return 200, answer[-len(work.answer) :]

    return one


def blocking_engine(site: Site, work: Workload) -> SyncOne:
    """Besides: the pool, the response read strictly, time limits."""
    del work
    made: Any = import_module("meshclient.engine.blocking.engine").Engine()
    pool = made.pool(import_module("meshclient.engine.target").Target(*_address(site)))
    now = time.monotonic

    def one() -> tuple[int, Any]:
        connection = pool.take()
        if connection is None:
            connection = pool.acquire(NEVER, 5.0)
        connection.exchange(REQUEST, now() + 5.0)
        status, answer = connection.status, connection.take()
        connection.release()
        return status, answer

    return one


def _address(site: Site) -> tuple[str, int]:
    host, _, port = site.origins[0].removeprefix("http://").partition(":")
    return host, int(port)


# Name, what it adds, the row; `kernel` has none.
LADDERS: dict[str, dict[str, tuple[str, Any]]] = {
    "async": {
        "kernel": ("kernel: send, epoll, receive", None),
        "loop": ("+ event loop, task switch, one future", loop),
        "engine": ("+ engine: pool, strict reading, time limits", engine),
        "bare": ("+ client and httpx.Response, plain host", ours_async.bare),
        "client": ("+ service: every default policy", ours_async.client),
        "channel": ("   the same through a Channel", ours_async.channel),
        "stub": ("   the same through a stub, decoded", ours_async.stub),
    },
    "sync": {
        "kernel": ("kernel: send, receive", blocking_socket),
        "engine": ("+ engine: pool, strict reading, time limits", blocking_engine),
        "bare": ("+ client and httpx.Response, plain host", ours_sync.bare),
        "client": ("+ service: every default policy", ours_sync.client),
        "channel": ("   the same through a Channel", ours_sync.channel),
        "stub": ("   the same through a stub, decoded", ours_sync.stub),
    },
}


def measured(cell: Cell, site: Site, seconds: float, loop: str, core: int | None) -> Result:
    """One rung, in a process of its own."""
    worker.prepare(seconds, core)
    _, row = LADDERS[cell.colour][cell.row]
    if row is None:
        return kernel(site, cell.concurrency, seconds)
    if cell.colour == "sync":
        return worker.in_threads(row(site, WORKLOADS["get"]), WORKLOADS["get"], cell.concurrency, seconds)
    return worker.run(worker.in_tasks(row, site, WORKLOADS["get"], cell.concurrency, seconds), loop)
