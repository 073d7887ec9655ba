"""The attempt of a request that passes, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.http._async.story import AsyncStory
from meshclient.model.outcome import CANCELLED, Mark, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.model.outcome import Kind


class ProxyStory(AsyncStory):
    """As of a plain call of a client; its body may last for long after its head."""

    __slots__ = ("_told",)

    def continued(self, said: Mapping[str, str]) -> bytes:
        """It is sent on behalf of a request that is in a trace: what that does not say of it yet.

        `said` is what it does, by names in lower case.
        """
        self.span, self.trace_id = None, ""
        outbound = self.service.outbound
        if outbound is None:
            return b""
        lines, self.trace_id = outbound.continued(said)
        return lines

    def lasting(self) -> None:
        """Its head is here and says success, its body is still to come: the circuit need not wait for that."""
        self.stay().end(Mark.SUCCESS, None, self.service.clock())
        self._tally = None

    def broken(self, kind: Kind, detail: str) -> None:
        """The endpoint ended it in the middle of its body, once it was `lasting`."""
        self._hand_back(Outcome(kind, detail=detail))

    def left(self) -> None:
        """The client went away in the middle of the body."""
        self._hand_back(CANCELLED)

    def _hand_back(self, outcome: Outcome) -> None:
        attempt = self.attempt()
        if attempt is not None:
            attempt.pick.done(outcome, self.service.clock())
        if self.span is not None:
            self.span.end(outcome if outcome is not CANCELLED else None)
            self.span = None
