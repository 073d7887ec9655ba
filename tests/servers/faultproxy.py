"""A proxy on loopback that breaks the TCP connections which pass through it.

It runs in this process, on a thread and event loop of its own, so that a test changes the faults in the
middle of a call. http and DNS faults are added by httpfaultproxy.py and dnsfaultproxy.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from servers.faultlink import BROKEN, BUFFER, Link, LinkEndedError
from servers.faults import Fault, LinkFault, Uses
from servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Self

T = TypeVar("T")
_CALL_LIMIT = 10.0
# Turns of the event loop from accept() to a link, with some to spare.
_ACCEPTING = 6


@dataclass(slots=True)
class ProxyStats:
    """What passed through a proxy."""

    connections: int = 0
    open: int = 0
    requests: int = 0
    faulted: int = 0
    bytes_down: int = 0


class FaultProxy:
    """Forwards every connection on its port to one upstream, under the faults that set() gave it."""

    udp = False

    def __init__(self, host: str, port: int, *, listen: int = 0, seed: int = 0) -> None:
        """Forward to host:port from `listen` (0: a free port); `seed` decides jitter and probability."""
        self.upstream = (host, port)
        self.host = "127.0.0.1"
        self.port = listen or free_port(self.host, udp=self.udp)
        self.stats = ProxyStats()
        self.requests: list[str] = []
        self.link_faults: tuple[LinkFault, ...] = ()
        self.uses: list[Uses] = []
        self._rng = random.Random(seed)
        self._links: dict[Link, asyncio.Task[object] | None] = {}
        self._server: asyncio.Server | None = None
        self._deaf: list[socket.socket] = []
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"faultproxy-{self.port}", daemon=True)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, without a final slash."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> Self:
        """Listen."""
        self._thread.start()
        self._ready.wait(_CALL_LIMIT)
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Reset every connection and close the port; harmless when repeated."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_CALL_LIMIT)

    def set(self, *faults: Fault) -> None:
        """Replace all faults; open connections feel it before this returns."""
        self._call(self._apply(faults))

    def clear(self) -> None:
        """Lift every fault."""
        self.set()

    def __enter__(self) -> Self:
        """Listen."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _call(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_LIMIT)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await self._listen()
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            self._undeafen()
            await self._unlisten()
            await self._end_links()

    async def _end_links(self) -> None:
        tasks = [task for task in self._links.values() if task is not None]
        for link in list(self._links):
            link.reset()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._client, self.host, self.port, backlog=512, limit=BUFFER)

    async def _unlisten(self) -> None:
        """Close the port; what was accepted before becomes a link first.

        asyncio fails over a connection on its way when its server closes (CPython issue 109564), and a handler that is
        cancelled before its first step closes nothing: the socket is left for some later test to warn of.
        """
        server, self._server = self._server, None
        if server is None:
            return
        for sock in server.sockets:
            self._loop.remove_reader(sock)
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        server.close()

    async def _apply(self, faults: tuple[Fault, ...]) -> None:
        self.link_faults = tuple(fault for fault in faults if isinstance(fault, LinkFault))
        self.uses = [Uses(fault, self._rng) for fault in faults if not isinstance(fault, LinkFault)]
        self._undeafen()
        if any(fault.blackhole or fault.refuse for fault in self.link_faults):
            await self._unlisten()
            await asyncio.sleep(0)
            if any(fault.blackhole for fault in self.link_faults):
                self._deafen()
        else:
            await self._listen()
        for link in list(self._links):
            link.feel()

    def _deafen(self) -> None:
        """Listen with the shortest queue, fill it and never accept: Linux drops any further SYN."""
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deaf.bind((self.host, self.port))
        deaf.listen(0)
        self._deaf = [deaf]
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((self.host, self.port))
            self._deaf.append(filler)

    def _undeafen(self) -> None:
        while self._deaf:
            self._deaf.pop().close()

    def note(self, request: str) -> None:
        """Count a request and remember it, the latest thousand at most."""
        self.stats.requests += 1
        self.requests.append(request)
        del self.requests[:-1000]

    async def lag(self) -> None:
        """Wait as long as latency and jitter say."""
        for fault in self.link_faults:
            if fault.latency or fault.jitter:
                await asyncio.sleep(max(0.0, fault.latency + self._rng.uniform(-1, 1) * fault.jitter))

    def make_link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Link:
        """The object that serves one client connection."""
        return Link(self, reader, writer)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = self.make_link(reader, writer)
        self.stats.connections += 1
        self._links[link] = asyncio.current_task()
        self.stats.open = len(self._links)
        try:
            link.feel()
            if writer.is_closing():
                return
            for fault in self.link_faults:
                if fault.garbage:
                    await reader.read(1)
                    await link.down(os.urandom(fault.garbage))
                    return
            await link.serve()
        except (LinkEndedError, asyncio.LimitOverrunError, *BROKEN):
            pass
        except asyncio.CancelledError:
            # Only stop() cancels; asyncio's streams report a cancelled handler as an error.
            pass
        finally:
            del self._links[link]
            self.stats.open = len(self._links)
            link.close()
