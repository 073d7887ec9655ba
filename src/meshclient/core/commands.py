"""What an exchange tells its driver to do, and what the driver tells it of.

command          the driver                                     sends back
Start(attempt)   begins to send it                              nothing (None)
Wait(timeout)    waits for what is in flight, or, with          Finished, TimerFired, SnapshotChanged
nothing in flight, for time, a new list        or TurnCame
or a turn
Cancel(attempt)  gives the attempt up, and its response         nothing (None)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.model.outcome import CANCELLED

if TYPE_CHECKING:
    from meshclient.core.balance.pick import Pick
    from meshclient.core.limit.turn import Turn
    from meshclient.model.outcome import Outcome
    from meshclient.model.snapshot import Snapshot


@dataclass(slots=True, eq=False)
class Attempt:
    """One try at one endpoint.

    Attributes:
        number: counted from 1 within its call.
        pick: the endpoint.
        timeout: seconds it may take to the response head.
        hedge: whether it runs beside another.
        outcome: how it ended, once that is known.
        raw: the response or the exception, as the driver has it; nothing in `core` looks into it, a user's own retry
            strategy may.
    """

    number: int
    pick: Pick
    timeout: float
    hedge: bool = False
    outcome: Outcome = CANCELLED
    raw: object = None

    @property
    def ends(self) -> float:
        """When its time is up."""
        return self.pick.started + self.timeout


@dataclass(slots=True)
class Start:
    """Begin to send this attempt."""

    attempt: Attempt


@dataclass(slots=True)
class Wait:
    """Wait at most `timeout` seconds (infinity: without limit).

    With `stale`, only until the snapshot is another; with `turn`, only until it has come.
    """

    timeout: float
    stale: Snapshot | None = None
    turn: Turn | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give this attempt up; its ending is of no interest."""

    attempt: Attempt


@dataclass(slots=True)
class Finished:
    """The attempt ended: a response head arrived, or it failed.

    `waited` is how many seconds of it were this process's own, such as for a free connection.
    """

    attempt: Attempt
    outcome: Outcome
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time of the last Wait is up."""


@dataclass(frozen=True, slots=True)
class SnapshotChanged:
    """There is a new snapshot."""


@dataclass(frozen=True, slots=True)
class TurnCame:
    """A place in the queue has become a place at work."""


Command = Start | Wait | Cancel
Signal = Finished | TimerFired | SnapshotChanged | TurnCame
