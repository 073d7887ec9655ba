"""What a ``redis://`` or ``rediss://`` URI says: of the store of circuits, and of the store of responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient_redis.server import RedisServer, positive, read_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.discovery.resolver import ResolverUri

# Bytes of a value: Redis serves one command after the other, and a megabyte takes it about a millisecond.
MAX_VALUE = 1024 * 1024
_MOST_VALUE = 512 * 1024 * 1024  # what Redis itself allows


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Everything that can be said of circuits.

    Args:
        server: which Redis.
        interval: seconds between two looks at Redis.
        timeout: seconds for connecting, and for each question.
        ttl: seconds after which Redis forgets a circuit of which no process has heard.
    """

    server: RedisServer
    interval: float
    timeout: float
    ttl: float

    @classmethod
    def parse(cls, uri: ResolverUri, environ: Mapping[str, str]) -> RedisOptions:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        options = cls(
            server=read_server(uri, environ),
            interval=positive(uri, "interval", 0.5),
            timeout=positive(uri, "timeout", 1.0),
            ttl=positive(uri, "ttl", 3600.0),
        )
        uri.finish()
        return options


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """Everything that can be said of responses.

    Args:
        server: which Redis.
        timeout: seconds that a call waits for Redis at most, connecting included.
        ttl: seconds after which Redis forgets a response at the latest, whatever its own life.
        max_value: bytes of a value; larger ones are not stored.
        connections: at most so many, of each event loop and of all threads together.
    """

    server: RedisServer
    timeout: float
    ttl: float
    max_value: int
    connections: int

    @classmethod
    def parse(cls, uri: ResolverUri, environ: Mapping[str, str]) -> ResponseOptions:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        options = cls(
            server=read_server(uri, environ),
            # A call that could go to the service instead does not wait long: a round trip takes well under 1 ms.
            timeout=positive(uri, "timeout", 0.1),
            ttl=positive(uri, "ttl", 86400.0),
            max_value=_count(uri, "max_value", MAX_VALUE, _MOST_VALUE),
            connections=_count(uri, "connections", 16, 1024),
        )
        uri.finish()
        return options


def _count(uri: ResolverUri, option: str, default: int, most: int) -> int:
    value = uri.number(option, default)
    if not 1 <= value <= most or value != int(value):
        raise ConfigError(f"{option}={value:g} in {uri}: write a whole number from 1 to {most}")
    return int(value)
