"""Everything meshclient itself raises.

    MeshError
    |-- ResolutionError           no endpoint could be found; nothing was sent
    |   |-- ServiceNotFound       the registry is sure that there is no such service
    |   |-- NoEndpoints           the service is known and has no usable endpoint
    |   `-- ResolverUnavailable   the registry cannot be asked, and no earlier answer is known
    |-- RejectedError             a local policy refused the call; nothing was sent
    |   |-- CircuitOpen           the service has been failing, and is left alone for a while
    |   |-- Overloaded            too many calls are under way
    |   |-- RateLimited           too many calls were made within a short time
    |   `-- Draining              this process is about to end
    |-- DeadlineExceeded          the call's own time was up
    |-- ConfigError               a value in the configuration is wrong
    `-- PluginError               a resolver or another plugin is missing, broken or ambiguous
        `-- PluginNotFound        nothing goes by the name that the configuration gives

The tree is neutral. What an httpx client raises also inherits the httpx class for that situation
(`meshclient.http.errors`), so that an existing ``except httpx.ConnectError`` goes on working.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.model.report import CallReport


class MeshError(Exception):
    """Base of the tree; never raised itself.

    Attributes:
        mesh: the story of the call, where the error belongs to one.
    """

    mesh: CallReport | None = None


class ResolutionError(MeshError):
    """No endpoint could be found for a service; nothing was sent."""


class ServiceNotFound(ResolutionError):
    """The registry is sure that there is no such service."""


class NoEndpoints(ResolutionError):
    """The service is known and has no usable endpoint."""


class ResolverUnavailable(ResolutionError):
    """The registry cannot be asked, and no earlier answer is known."""


class RejectedError(MeshError):
    """A local policy refused the call; nothing was sent.

    Attributes:
        retry_after: seconds after which it may be worth another try.
    """

    def __init__(self, message: str, retry_after: float = 0.0, **flavour: object) -> None:
        super().__init__(message, **flavour)
        self.retry_after = retry_after


class CircuitOpen(RejectedError):
    """The service has been failing, and is left alone for a while."""


class Overloaded(RejectedError):
    """Too many calls of the service are under way."""


class RateLimited(RejectedError):
    """Too many calls were made within a short time."""


class Draining(RejectedError):
    """This process is about to end, and begins nothing new."""


class DeadlineExceeded(MeshError):
    """The call's own time was up before an answer was complete."""


class ConfigError(MeshError, ValueError):
    """A value in the configuration is wrong; the message names it, its origin and a remedy."""


class PluginError(MeshError):
    """A resolver or another plugin is missing, broken, or claimed by two distributions."""


class PluginNotFound(PluginError):
    """Nothing goes by this name: it is misspelt, or its distribution is not installed."""
