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
    """The registry is sure that there is no such service.

    What to do: check the name and where the service is registered; ``meshclient resolve NAME`` suggests one like it.
    """


class NoEndpoints(ResolutionError):
    """The service is known and has no usable endpoint.

    What to do: see with ``meshclient resolve NAME --all`` which instances there are, and why none of them is used.
    """


class ResolverUnavailable(ResolutionError):
    """The registry cannot be asked, and no earlier answer is known.

    What to do: check its address and that it can be reached (``meshclient check``). With a ``state_dir`` the last list
    outlives a restart.
    """


class RejectedError(MeshError):
    """A local policy refused the call; nothing was sent.

    Attributes:
        retry_after: seconds after which it may be worth another try.
    """

    def __init__(self, message: str, retry_after: float = 0.0, **flavour: object) -> None:
        super().__init__(message, **flavour)
        self.retry_after = retry_after


class CircuitOpen(RejectedError):
    """The service has been failing, and is left alone for a while.

    What to do: nothing but wait, or answer without it; ``retry_after`` says how long. Look why the service fails.
    """


class Overloaded(RejectedError):
    """Too many calls of the service are under way.

    What to do: call less at once, let calls queue (``limit.queue``), or raise ``limit``.
    """


class RateLimited(RejectedError):
    """Too many calls were made within a short time.

    What to do: call less often; nothing that comes with meshclient raises it, a policy of yours may.
    """


class Draining(RejectedError):
    """This process is about to end, and begins nothing new.

    What to do: let the caller go to another instance; likewise raised by policies of yours alone.
    """


class DeadlineExceeded(MeshError):
    """The call's own time was up before an answer was complete.

    What to do: see in ``error.mesh.attempts``, or with ``meshclient call --trace``, where it went; allow more by
    ``deadline``, or less for each attempt by ``attempt_timeout``, so that another one fits.
    """


class ConfigError(MeshError, ValueError):
    """A value in the configuration is wrong; the message names it, its origin and a remedy.

    What to do: what the message says; ``meshclient config show --origin`` tells who gave which value.
    """


class PluginError(MeshError):
    """A resolver or another plugin is missing, broken, or claimed by two distributions.

    What to do: ``meshclient plugins`` lists what is installed, ``meshclient check`` says which of it does not load.
    """


class PluginNotFound(PluginError):
    """Nothing goes by this name: it is misspelt, or its distribution is not installed.

    What to do: the message names the distribution to install, where it is known.
    """
