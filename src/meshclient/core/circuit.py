"""Whether a service is called at all: what stands before its balancer, once for each call.

A circuit is asked before anything is picked or sent, and told once how the whole call ended: by its last attempt, since
what retries have mended is no failure of the service. It refuses with `CircuitOpen`, and nothing was sent then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from meshclient.model.outcome import Kind, Mark

if TYPE_CHECKING:
    from meshclient.core.window import Window
    from meshclient.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is refused.

    Args:
        reason: words for a person.
        retry_after: seconds after which it is worth another try.
    """

    reason: str
    retry_after: float


class Permit(Protocol):
    """What an admitted call holds until it ends."""

    def done(self, mark: Mark, now: float) -> None:
        """The call ended; to be told exactly once.

        Args:
            mark: as `mark_of` says; `Mark.NEUTRAL` for a call that was cancelled or never left this process, which
                counts nothing and gives the permit back.
            now: monotonic seconds.
        """
        ...


class Blanket(Permit, Protocol):
    """A permit for any number of calls, whose successes are only counted.

    Attributes:
        window: the calls. Who has the permit adds a success to it, before `Window.until`, and goes by `done` otherwise.
    """

    @property
    def window(self) -> Window: ...  # noqa: D102 - above


class Circuit(Protocol):
    """Admits or refuses the calls of one service.

    Attributes:
        blanket: what `admit` would give to every call at present; None where it has to be asked.
    """

    @property
    def blanket(self) -> Blanket | None: ...  # noqa: D102 - above

    def admit(self, now: float, chance: float) -> Permit | None:
        """The permit of one call, or None where it is refused; asked once for a call, whatever its attempts.

        Args:
            now: monotonic seconds.
            chance: uniform in [0, 1).
        """
        ...

    def refusal(self, now: float) -> Refusal:
        """Why calls are refused at `now`, for the error of one that was."""
        ...


def mark_of(last: Outcome) -> Mark:
    """How a call counts whose last attempt ended like this.

    As in the endpoint's own record, but for 429 and its kin: an endpoint that asks for less is not ill, while a whole
    service that does so does not accept the call.
    """
    return Mark.FAILURE if last.kind is Kind.BUSY else last.verdict.mark
