"""Connections for the store of responses: as many as configured.

Nothing is repeated: a question that fails is a miss. Nor does anybody wait for a connection here: whoever asks has
waited for one of as many slots before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import BlockingConnectionPool
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import Connection as AsyncConnection
from redis.asyncio import SSLConnection as AsyncSSLConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from meshclient_redis.deadline import DeadlineConnection, DeadlineSSLConnection

if TYPE_CHECKING:
    from meshclient_redis.options import ResponseOptions

# Of the time limit, for waiting for a slot, and for each address of the server: a question is left the other half.
STEP = 0.5
# The client's own limits are so many times the question's, so that this one strikes first: it knows whether the loop
# stood still.
_SLACK = 10.0


def pool(options: ResponseOptions) -> BlockingConnectionPool:
    """For all threads; questions end at `END`. Raises PasswordError where there should be a password and is none."""
    arguments = options.server.arguments(options.timeout) | options.server.tls_arguments()
    arguments["socket_connect_timeout"] = options.timeout * STEP
    return BlockingConnectionPool(  # type: ignore[no-untyped-call]
        max_connections=options.connections,
        timeout=options.timeout,
        connection_class=DeadlineSSLConnection if options.server.tls else DeadlineConnection,
        retry=Retry(NoBackoff(), 0),
        **arguments,
    )


def async_pool(options: ResponseOptions) -> AsyncBlockingConnectionPool:
    """For one event loop; the limit of a question is the caller's `Patience`. Raises PasswordError as `pool`."""
    arguments = options.server.arguments(options.timeout * _SLACK) | options.server.tls_arguments()
    return AsyncBlockingConnectionPool(
        max_connections=options.connections,
        timeout=options.timeout * _SLACK,
        connection_class=AsyncSSLConnection if options.server.tls else AsyncConnection,
        retry=AsyncRetry(NoBackoff(), 0),
        **arguments,
    )
