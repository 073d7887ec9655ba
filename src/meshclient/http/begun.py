"""A call that a client began on the short road and that has to go on as any other.

It is handed to the transport in the extensions of an ordinary request, and so goes all of httpx's road: cookies,
reading, redirects, logging.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from meshclient.core.commands import Attempt
    from meshclient.core.entrance import Stay
    from meshclient.http.options import CallOptions
    from meshclient.mesh import MeshService
    from meshclient.model.outcome import Outcome
    from meshclient.telemetry.spans import AttemptSpan

# The extension's name.
BEGUN = "meshclient.begun"
# That of a call for which the short road has found nothing that is kept, and has done nothing else.
ASKED = "meshclient.asked"


@dataclass(slots=True)
class Begun:
    """What has been decided and sent so far.

    Args:
        service: what is called.
        options: how.
        started: when, in seconds on the service's clock.
        stay: what the call holds of its service.
        attempt: the first one, where there was one.
        outcome: how it ended.
        waited: seconds of it that were this process's own.
        response: what it brought, or
        error: why there is none.
        sent: whether any of it may have been seen.
        trace_id: of the trace that it began or is in; empty for none.
        span: of the attempt, where the process traces; over by now.
    """

    service: MeshService
    options: CallOptions
    started: float
    stay: Stay
    attempt: Attempt | None = None
    outcome: Outcome | None = None
    waited: float = 0.0
    response: httpx.Response | None = None
    error: Exception | None = None
    sent: bool = False
    trace_id: str = ""
    span: AttemptSpan | None = None
