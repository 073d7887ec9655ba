"""Policies that only say what they would have done, for those who want to know before they let them.

A policy in shadow mode decides and learns as ever, from what happens to the calls it would not have touched; each
decision it would have enforced is counted and told to observers instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.model.events import ShadowDecision

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from meshclient.core.circuit import Circuit, Permit, Refusal
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.outcome import Mark


class Shadow:
    """Which policies of a service are in shadow mode, and how often each would have acted.

    Args:
        service: its name, for events.
        policies: those in shadow mode.
        emit: told of each decision, or None.

    Attributes:
        counts: decisions not enforced, by policy.
    """

    __slots__ = ("_emit", "_service", "counts")

    def __init__(
        self, service: str, policies: Collection[str] = (), emit: Callable[[Event], None] | None = None
    ) -> None:
        self._service = service
        self._emit = emit
        self.counts = dict.fromkeys(policies, 0)

    def __contains__(self, policy: str) -> bool:
        return policy in self.counts

    def would(self, policy: str, words: str, endpoint: Endpoint | None = None) -> None:
        """`policy` would have done this."""
        # Two threads may count one decision between them; nothing depends on it.
        self.counts[policy] = self.counts.get(policy, 0) + 1
        if self._emit is not None:
            self._emit(ShadowDecision(self._service, policy, words, endpoint))


class _Unheld:
    """The permit of a call that would have been refused: how it ends is nothing the policy could have learned."""

    def done(self, mark: Mark, now: float) -> None:
        """Forget it."""


_UNHELD = _Unheld()


class ShadowCircuit:
    """A circuit or throttle in shadow mode: it admits every call.

    Args:
        inner: what decides.
        policy: its name.
        shadow: told of each call it would have refused.
    """

    blanket = None

    def __init__(self, inner: Circuit, policy: str, shadow: Shadow) -> None:
        self._inner = inner
        self._policy = policy
        self._shadow = shadow

    def admit(self, now: float, chance: float) -> Permit:
        """As `Circuit.admit`, and never None."""
        permit = self._inner.admit(now, chance)
        if permit is not None:
            return permit
        self._shadow.would(self._policy, f"refused the call: {self._inner.refusal(now).reason}")
        return _UNHELD

    def refusal(self, now: float) -> Refusal:
        """As `Circuit.refusal`."""
        return self._inner.refusal(now)
