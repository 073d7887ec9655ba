"""Redis for meshclient: circuits and responses that all processes share.

It loads on first use: listing the installed plugins must not cost an import of the Redis client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient_redis.responses import RedisResponseStore
    from meshclient_redis.store import RedisCircuitStore

__all__ = ["RedisCircuitStore", "RedisResponseStore"]


def __getattr__(name: str) -> object:
    if name == "RedisCircuitStore":
        from meshclient_redis.store import RedisCircuitStore

        return RedisCircuitStore
    if name == "RedisResponseStore":
        from meshclient_redis.responses import RedisResponseStore

        return RedisResponseStore
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
