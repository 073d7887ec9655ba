"""What the exit code of a command says; scripts rely on these numbers."""

from __future__ import annotations

from enum import IntEnum

from meshclient import errors


class ExitStatus(IntEnum):
    """The codes, those of signals aside (128 and the signal's number)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NO_ENDPOINTS = 4
    UNAVAILABLE = 5
    TIMEOUT = 6
    REJECTED = 7
    BAD_STATUS = 8
    NETWORK = 9


_OWN: tuple[tuple[type[errors.MeshError], ExitStatus], ...] = (
    (errors.ServiceNotFound, ExitStatus.NOT_FOUND),
    (errors.NoEndpoints, ExitStatus.NO_ENDPOINTS),
    (errors.ResolverUnavailable, ExitStatus.UNAVAILABLE),
    (errors.PluginNotFound, ExitStatus.USAGE),
    (errors.PluginError, ExitStatus.UNAVAILABLE),
    (errors.DeadlineExceeded, ExitStatus.TIMEOUT),
    (errors.RejectedError, ExitStatus.REJECTED),
    (errors.ConfigError, ExitStatus.USAGE),
)


def exit_status(error: Exception) -> ExitStatus:
    """The code for a command that ended in `error`."""
    for kind, status in _OWN:
        if isinstance(error, kind):
            return status
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return ExitStatus.TIMEOUT
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ExitStatus.USAGE
    if isinstance(error, httpx.RequestError):
        return ExitStatus.NETWORK
    return ExitStatus.FAILED
