"""From a target to a connection that can take a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshclient.engine.aio.connection import AsyncConnection
from meshclient.engine.aio.dial import dial
from meshclient.engine.complaints import unconnected
from meshclient.engine.errors import TlsFailed
from meshclient.engine.tls_explanation import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.engine.aio.pool import AsyncPool

# Seconds for the peer to answer our farewell (RFC 9112 section 9.8 asks for ours; its own tells us nothing).
FAREWELL = 1.0


async def open_connection(pool: AsyncPool, failed: Callable[[], None]) -> AsyncConnection:
    """A new connection of `pool`.

    Args:
        pool: that it will belong to; it has counted it already.
        failed: takes that back; called for anything that ends it before there is a connection, which does so itself.

    Raises:
        ConnectFailed: there is none.
    """
    target, loop, era = pool.target, pool.loop, pool.era
    try:
        secured: dict[str, Any] = {}
        if target.tls is not None:
            secured = {
                "ssl": target.tls.context(),
                "server_hostname": target.server_name or target.host,
                "ssl_shutdown_timeout": FAREWELL,
            }
        sock = await dial(loop, target)
    except BaseException:
        failed()
        raise
    connection = AsyncConnection(pool, sock, era)
    pool.made(connection)
    try:
        await loop.create_connection(lambda: connection, sock=sock, **secured)
    except OSError as error:
        connection.abandon("it could not be made")
        # Its transport, if there is one, will not tell.
        pool.over(connection)
        if target.tls is not None:
            raise TlsFailed(explain(error, target)) from error
        raise unconnected(target, error.strerror or str(error)) from error
    except BaseException:
        connection.abandon("nobody waited for it any more")
        pool.over(connection)
        raise
    return connection
