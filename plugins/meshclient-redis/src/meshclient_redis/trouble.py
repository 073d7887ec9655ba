"""Why Redis cannot be used, in words without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, ReadOnlyError
from redis.exceptions import TimeoutError as LateError

from meshclient.model.duration import format_duration
from meshclient_redis.password import PasswordError

if TYPE_CHECKING:
    from meshclient_redis.server import RedisServer

_EXCERPT = 200


def spoken(exc: Exception, server: RedisServer, timeout: float) -> str:
    """What went wrong between here and `server`, which was given `timeout` seconds."""
    where = f"Redis at {server.host}:{server.port}"
    said = server.password.scrub(" ".join(str(exc).split()))[:_EXCERPT] or type(exc).__name__
    if isinstance(exc, PasswordError):
        return said
    if isinstance(exc, (AuthenticationError, AuthorizationError, NoPermissionError)):
        return f"{where} denied access ({said}); sent was {server.password.origin}"
    if isinstance(exc, ReadOnlyError):
        return f"{where} is a replica ({said}); name the master"
    if isinstance(exc, (TimeoutError, LateError)):
        return f"{where} did not answer within {format_duration(timeout)}"
    return f"{where} cannot be used: {said}"
