"""Connections for the store of responses: as many as configured, each step limited.

Nothing is repeated: a question that fails is a miss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import BlockingConnectionPool, Connection, SSLConnection
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import Connection as AsyncConnection
from redis.asyncio import SSLConnection as AsyncSSLConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from meshclient_redis.options import ResponseOptions

# Of the time limit, for each step of a blocking question: waiting for a connection, making it, asking.
_STEP = 0.5


def pool(options: ResponseOptions) -> BlockingConnectionPool:
    """For all threads. Raises PasswordError where there should be a password and is none."""
    step = options.timeout * _STEP
    arguments = options.server.arguments(step) | options.server.tls_arguments()
    return BlockingConnectionPool(  # type: ignore[no-untyped-call]
        max_connections=options.connections,
        timeout=step,
        connection_class=SSLConnection if options.server.tls else Connection,
        retry=Retry(NoBackoff(), 0),
        **arguments,
    )


def async_pool(options: ResponseOptions) -> AsyncBlockingConnectionPool:
    """For one event loop; the limit of the whole question is the caller's. Raises PasswordError as `pool`."""
    arguments = options.server.arguments(options.timeout) | options.server.tls_arguments()
    return AsyncBlockingConnectionPool(
        max_connections=options.connections,
        timeout=options.timeout,
        connection_class=AsyncSSLConnection if options.server.tls else AsyncConnection,
        retry=AsyncRetry(NoBackoff(), 0),
        **arguments,
    )
