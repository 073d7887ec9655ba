"""Who is let through to the local application: when it is fit, when there is a place, while there is time.

What is refused hears so at once, before anything of it has reached the application, and may go elsewhere.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from meshclient.core.limit.gate import Gate
from meshclient.core.limit.place import Place
from meshclient.http.ambient import inbound
from meshclient.model.outcome import Mark
from meshclient.sidecar.proxy.destination import Refusal

if TYPE_CHECKING:
    from meshclient.sidecar.inbound.application import Application
    from meshclient.sidecar.proxy.gate import Permit
    from meshclient.sidecar.proxy.request_head import RequestHead

# Where there is no limit.
_UNBOUNDED = 2**31
# Seconds after which whoever was refused may ask again.
RETRY_AFTER = 1.0
_EXPIRED = Refusal(
    504,
    "deadline_exceeded",
    "The time that the caller gave for this request was over before it arrived here; nothing was done.",
)
_FULL = Refusal(
    503,
    "overloaded",
    "This instance serves as many requests as it can; nothing was done. Try another instance, or again later.",
    RETRY_AFTER,
)


class _Permit:
    """One request's place."""

    __slots__ = ("_place",)

    def __init__(self, place: Place) -> None:
        self._place = place

    def leave(self, status: int) -> None:  # noqa: ARG002 - of the interface; a limit has no opinion of it
        """As `Permit.leave`."""
        self._place.leave(Mark.NEUTRAL, None, monotonic())


class _Free:
    """A permit that takes no place."""

    __slots__ = ()

    def leave(self, status: int) -> None:
        """As `Permit.leave`."""


_FREE = _Free()


class Turnstile:
    """The gate of the inbound listener.

    Args:
        application: behind it.
        limit: requests that it is given at once; 0 for any number.
    """

    def __init__(self, application: Application, limit: int) -> None:
        self._application = application
        self._gate = Gate(limit or _UNBOUNDED)
        self._health = application.path.partition("?")[0].encode()

    @property
    def in_flight(self) -> int:
        """Requests that the application is serving."""
        return self._gate.working

    def enter(self, head: RequestHead) -> Refusal | Permit:
        """As `meshclient.sidecar.proxy.Gate.enter`."""
        # What a registry asks is for the application to answer, fit or not, full or not.
        if self._health and head.target.partition(b"?")[0] == self._health:
            return _FREE
        if not self._application.fit:
            return Refusal(503, "app_unavailable", self._unfit(), RETRY_AFTER)
        now = monotonic()
        if head.hurried and inbound(head.hurried, now).ends <= now:
            return _EXPIRED
        place = self._gate.enter(0, now)
        return _Permit(place) if isinstance(place, Place) else _FULL

    def _unfit(self) -> str:
        # The address and what it answered are for whoever reads the log and the admin interface.
        return "The application behind this sidecar does not answer its health check; nothing was done."
