"""The end of listening, for those of the sidecar's servers that asyncio accepts for.

Python 3.11 loses a connection that is accepted while its server is closed (`Server._attach` asserts that it is open):
the socket stays open, nobody hears of it, and its client waits for ever. So nothing is accepted any more for a few
turns of the loop before the server is closed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Turns of the loop in which what was accepted becomes a connection.
_ROUNDS = 3


async def close_servers(servers: Sequence[asyncio.Server]) -> None:
    """Take no more connections; those that there are stay."""
    loop = asyncio.get_running_loop()
    for sock in (sock for server in servers for sock in server.sockets):
        loop.remove_reader(sock)
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
    for server in servers:
        server.close()
