"""The listeners of administration."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from meshclient.sidecar.accepting import close_servers
from meshclient.sidecar.admin.broadcast import Broadcast
from meshclient.sidecar.admin.connection import Connection
from meshclient.sidecar.admin.guard import Guard
from meshclient.sidecar.admin.limits import Limits
from meshclient.sidecar.admin.routes import Routes
from meshclient.sidecar.admin.sight import Sight

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshclient.sidecar.admin.view import View

_USUAL = Limits()


class Admin:
    """Serves the administration of one process over HTTP/1.1, at any number of sockets.

    See docs/admin.md for what it answers, and to whom.

    Args:
        view: what is looked at and acted on.
        token: what callers show as ``Authorization: Bearer``; needed to listen where other machines reach it. Probes
            and the page, which is empty without its events, do without.
        host_names: names by which browsers may call it, beside ``localhost`` and IP addresses.
        page: whether there is a page for people.
        limits: of connections and requests.

    Raises ConfigError for a token that is too short.
    """

    def __init__(
        self,
        view: View,
        *,
        token: str | None = None,
        host_names: Collection[str] = (),
        page: bool = True,
        limits: Limits = _USUAL,
    ) -> None:
        self.limits = limits
        self.guard = Guard(token, host_names)
        # The view's mesh may be another one each time.
        sight = Sight(lambda: view.mesh, calls=view.calls)
        self.routes = Routes(view, sight, page=page)
        self.broadcast = Broadcast(view, sight)
        self.connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []

    async def listen(self, sock: socket.socket) -> None:
        """Serve at a socket that is bound, TCP or Unix, until `aclose`, which closes it.

        Raises ConfigError where other machines reach it and there is no token; the socket is left as it is then.
        """
        loop = asyncio.get_running_loop()
        local = sock.family not in {socket.AF_INET, socket.AF_INET6}
        if local:
            server: asyncio.Server = await loop.create_unix_server(self._unix, sock=sock)
        else:
            self.guard.check_address(sock.getsockname()[0])
            server = await loop.create_server(self._tcp, sock=sock)
        self._servers.append(server)
        self.broadcast.start()

    async def aclose(self) -> None:
        """Stop listening, and end every connection at once."""
        servers, self._servers = self._servers, []
        self.broadcast.stop()
        await close_servers(servers)
        while self.connections:
            for connection in list(self.connections):
                connection.abort()
            await asyncio.sleep(0)
        for server in servers:
            await server.wait_closed()

    def bereave(self) -> None:
        """In a forked child: let go of connections that its parent goes on with.

        Their descriptors are pointed elsewhere rather than closed: objects of the parent's loop that are never used
        again keep the numbers, which must not become those of another file.
        """
        self.broadcast.stop()
        connections, self.connections = self.connections, set()
        self._servers = []
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for connection in list(connections):
            connection.forsake(nowhere)
        os.close(nowhere)

    def _tcp(self) -> Connection:
        return Connection(self, local=False)

    def _unix(self) -> Connection:
        return Connection(self, local=True)
