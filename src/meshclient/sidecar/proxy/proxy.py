"""The data plane of one listener."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from math import inf
from typing import TYPE_CHECKING

from meshclient.sidecar.accepting import close_servers
from meshclient.sidecar.proxy import answer
from meshclient.sidecar.proxy.client import Client
from meshclient.sidecar.proxy.destination import Destination
from meshclient.sidecar.proxy.setup import Setup
from meshclient.sidecar.proxy.stats import ProxyStats

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from meshclient.mesh import Mesh
    from meshclient.sidecar.proxy.destination import Refusal, Route
    from meshclient.sidecar.proxy.settings import ProxySettings
    from meshclient.sidecar.proxy.visit import Visit

_BACKLOG = 4096
# Seconds between two looks for clients that are late, at most and at least; a part of the shortest limit in between.
_SELDOM, _OFTEN, _SHARE = 0.5, 0.02, 8
# Seconds that idle connections have, at the end, for a request that is on its way: a round trip and a busy machine.
# Closed at once, it would be met by a reset.
_MOMENT = 0.25


class Proxy:
    """Takes requests on sockets and sends them where its route says, by the policies of its mesh.

    Used on the loop it is made on.

    Args:
        mesh: what is known of services; it stays open when the proxy is closed.
        settings: what holds for connections and requests.
        route: decides where requests go.

    Attributes:
        stats: what was counted.
        loop: the one it runs on.
        setup: what requests begin with now.
        draining: whether connections end with the response under way.
    """

    def __init__(self, mesh: Mesh, settings: ProxySettings, route: Route) -> None:
        self.stats = ProxyStats()
        self.loop = asyncio.get_running_loop()
        self.setup = Setup(mesh, settings, route)
        self.draining = False
        self._retired: list[Setup] = []
        self._clients: set[Client] = set()
        self._servers: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._dated = (0, b"")

    async def listen(self, sock: socket.socket) -> None:
        """Take connections on `sock`, which is listening or bound; it is the proxy's from here on."""
        make = self._client
        unix = sock.family.name == "AF_UNIX"
        opened = self.loop.create_unix_server if unix else self.loop.create_server
        self._servers.append(await opened(make, sock=sock, backlog=_BACKLOG))
        if self._timer is None:
            self._look()

    def swap(self, mesh: Mesh, settings: ProxySettings, route: Route) -> None:
        """Use these for all requests that begin from now on; those under way end with what they began with."""
        old, self.setup = self.setup, Setup(mesh, settings, route)
        self._retired.append(old)
        for client in self._clients:
            client.forget()
        self._close_if_done(old)

    async def drain(self, grace: float) -> int:
        """Stop accepting, let requests under way end, for `grace` seconds at most; the number that was cut off.

        What idle connections ask within a moment is answered still, as the last on each.
        """
        self.draining = True
        end = self.loop.time() + grace
        await self._stop_accepting()
        await self._emptied(min(_MOMENT, grace))
        for client in list(self._clients):
            client.rest()
        await self._emptied(end - self.loop.time())
        return sum([client.cut_off() for client in list(self._clients)])

    async def aclose(self) -> None:
        """Close everything at once."""
        self.draining = True
        await self._stop_accepting()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for client in list(self._clients):
            client.cut_off()
        # In the next turn of the loop their ends are told.
        await asyncio.sleep(0)
        for setup in (*self._retired, self.setup):
            await setup.aclose()
        self._retired.clear()
        if self._closing:
            await asyncio.wait(self._closing)

    # For its clients.

    def enter(self, client: Client) -> bool:
        """A connection was made; whether there is room for it."""
        self._clients.add(client)
        self._empty.clear()
        stats = self.stats
        stats.open += 1
        stats.connections += 1
        most = self.setup.settings.max_connections
        return not most or stats.open <= most

    def leave(self, client: Client) -> None:
        """It is closed."""
        if client in self._clients:
            self._clients.discard(client)
            self.stats.open -= 1
        if not self._clients:
            self._empty.set()

    def left(self, setup: Setup) -> None:
        """A request that began with `setup` is over."""
        setup.active -= 1
        if setup is not self.setup:
            self._close_if_done(setup)

    def date(self) -> bytes:
        """The value of Date, now."""
        now = int(time.time())
        if self._dated[0] != now:
            self._dated = (now, answer.date(now))
        return self._dated[1]

    def log(self, visit: Visit, peer: str) -> None:
        """Write a line on a request that is over."""
        setup = visit.question.setup
        write = setup.settings.log
        if write is None:
            return
        head, where = visit.question.head, visit.question.destination
        written = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "peer": peer,
            "method": head.method,
            "host": head.host.decode("latin-1"),
            "target": head.target.partition(b"?")[0].decode("latin-1"),
            "service": where.service if isinstance(where, Destination) else None,
            "endpoint": visit.endpoint or None,
            "status": visit.status or None,
            "sent_bytes": visit.size,
            "duration_seconds": round(time.monotonic() - visit.began, 6),
        }
        _write(write, written)

    def log_refused(self, refusal: Refusal, peer: str) -> None:
        """Write a line on what was no request."""
        write = self.setup.settings.log
        if write is not None:
            time_ = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            _write(write, {"time": time_, "peer": peer, "status": refusal.status, "error": refusal.error})

    # Its own.

    def _client(self) -> Client:
        return Client(self)

    async def _stop_accepting(self) -> None:
        servers, self._servers = self._servers, []
        await close_servers(servers)

    async def _emptied(self, limit: float) -> None:
        """Wait until there is no client, or for `limit` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), limit)

    def _look(self) -> None:
        """For clients that are late."""
        now = time.monotonic()
        for client in [client for client in self._clients if client.due <= now]:
            client.late()
        settings = self.setup.settings
        shortest = min(settings.header_timeout, settings.idle_timeout, settings.body_timeout, inf)
        self._timer = self.loop.call_later(min(_SELDOM, max(_OFTEN, shortest / _SHARE)), self._look)

    def _close_if_done(self, setup: Setup) -> None:
        if setup.active or setup not in self._retired:
            return
        self._retired.remove(setup)
        task = self.loop.create_task(setup.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _write(write: Callable[[str], None], line: Mapping[str, object]) -> None:
    """A log that cannot be written ends no request."""
    # A full disk, a broken pipe, a file that was closed.
    with contextlib.suppress(OSError, ValueError):
        write(json.dumps(line))
