"""What becomes of one request at one instance, and what that depends on."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from meshclient.model.outcome import Kind, Outcome, classify_status

if TYPE_CHECKING:
    from random import Random

    from meshclient.testing.simulate.station import Station

OK = classify_status(200)
# Seconds for a refusal or a reset: one round trip within a data centre.
ROUND_TRIP = 0.0005


@dataclass(frozen=True, slots=True)
class Visit:
    """A request as it arrives.

    Args:
        at: seconds since the run began.
        method: of the request.
        random: the instance's own chance.
        station: the instance's workers.
    """

    at: float
    method: str
    random: Random
    station: Station


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller will see of it.

    Args:
        delay: seconds until then; infinity for never.
        outcome: how the attempt ends, as production code classifies it.
        executed: whether the instance did what was asked.
    """

    delay: float
    outcome: Outcome = OK
    executed: bool = True


REFUSED = Reply(ROUND_TRIP, Outcome(Kind.CONNECT_ERROR, detail="connection refused"), executed=False)
# Packets are lost: the caller's own limit for connecting ends it.
UNREACHABLE = Reply(inf, Outcome(Kind.CONNECT_TIMEOUT, detail="no answer to the first packet"), executed=False)
# It may well have done its work before it fell silent.
SILENT = Reply(inf)
