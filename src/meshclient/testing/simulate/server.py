"""One instance as it runs: where requests arrive, and how often each was executed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from meshclient.http.ambient import inbound
from meshclient.model.outcome import Kind, classify_status
from meshclient.testing.simulate.reply import OK, Visit
from meshclient.testing.simulate.station import Station

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.http.ambient import Ambient
    from meshclient.model.outcome import Outcome
    from meshclient.testing.simulate.behaviour import Behaviour
    from meshclient.testing.simulate.caller import Caller
    from meshclient.testing.simulate.ending import Ending
    from meshclient.testing.simulate.request import Request
    from meshclient.testing.simulate.timeline import Timeline

    Respond = Callable[[Outcome], None]

# What a handler answers whose own call to the next service failed.
_PASSED_ON = classify_status(503)


class Server:
    """An instance of a service.

    Args:
        behaviour: what becomes of requests.
        timeline: virtual time.
        executed: told of each request that is executed.
        seed: of its chance.
        beneath: calls the next service for each request that it executes, or None at the bottom.

    Attributes:
        behaviour: as above; changes with faults.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        timeline: Timeline,
        executed: Callable[[Request], None],
        *,
        seed: str,
        beneath: Caller | None = None,
    ) -> None:
        self.behaviour = behaviour
        self._timeline = timeline
        self._executed = executed
        self._random = Random(seed)
        self._station = Station()
        self._beneath = beneath

    def receive(self, request: Request, respond: Respond) -> None:
        """Let `respond` be called with the outcome when it is there; never, where the instance stays silent."""
        timeline = self._timeline
        reply = self.behaviour.reply(Visit(timeline.now, request.method, self._random, self._station))
        if reply.executed:
            self._executed(request)
            if self._beneath is not None:
                ambient = inbound(request.headers, self._beneath.clock())
                timeline.after(reply.delay, lambda: self._ask_beneath(request, ambient, reply.outcome, respond))
                return
        # Nobody answers here: the sender's own limit ends it.
        delay = request.connect_timeout if reply.outcome.kind is Kind.CONNECT_TIMEOUT else reply.delay
        timeline.after(delay, lambda: respond(reply.outcome))

    def _ask_beneath(self, request: Request, ambient: Ambient, outcome: Outcome, respond: Respond) -> None:
        def answer(ending: Ending) -> None:
            respond(outcome if ending.ok or outcome is not OK else _PASSED_ON)

        assert self._beneath is not None  # noqa: S101 - asked above
        self._beneath.call(request, answer, ambient)
