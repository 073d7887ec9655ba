"""What happened to a circuit, told once no lock is held.

pybreaker calls its listeners under a lock of its own, and one that raises leaves the breaker half changed. So the only
listener it has is ours, which takes notes; users' listeners are told from those.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from pybreaker import CircuitBreakerListener

from meshclient.model.events import CircuitChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pybreaker import CircuitBreaker
    from pybreaker import CircuitBreakerState as State

_LOG = logging.getLogger("meshclient")


class CallFailed(Exception):
    """What pybreaker's listeners are told has failed; the call's own error stays with its caller."""


class CircuitNews(CircuitBreakerListener):
    """Notes what changes, and tells it when asked to.

    Args:
        listeners: pybreaker's listeners, told of everything in order. One that raises is reported once in the log.
        tell: told of changes of state.

    Attributes:
        listeners: those.
        pending: what was noted and not told yet.
    """

    def __init__(
        self, listeners: Sequence[CircuitBreakerListener], tell: Callable[[CircuitChanged], None] | None
    ) -> None:
        self.listeners = tuple(listeners)
        self._tell = tell
        self.pending: deque[Callable[[], None]] = deque()
        self._reported: set[int] = set()

    def state_change(self, cb: CircuitBreaker, old_state: State | None, new_state: State) -> None:
        """Note it; called by pybreaker under locks."""
        if self.listeners:
            self.pending.append(lambda: self._each("state_change", cb, old_state, new_state))

    def changed(self, change: CircuitChanged) -> None:
        """Note it."""
        if self._tell is not None:
            tell = self._tell
            self.pending.append(lambda: tell(change))

    def ended(self, cb: CircuitBreaker, *, failed: bool) -> None:
        """Note how a call ended."""
        if self.listeners:
            self.pending.append(
                (lambda: self._each("failure", cb, CallFailed())) if failed else (lambda: self._each("success", cb))
            )

    def before(self, cb: CircuitBreaker, func: Callable[..., object]) -> None:
        """Tell of a call that is admitted; not to be called under a lock."""
        self._each("before_call", cb, func)

    def deliver(self) -> None:
        """Tell what was noted; not to be called under a lock."""
        while self.pending:
            try:
                note = self.pending.popleft()
            except IndexError:  # another thread was faster
                return
            note()

    def _each(self, method: str, *arguments: object) -> None:
        for at, listener in enumerate(self.listeners):
            try:
                getattr(listener, method)(*arguments)
            except Exception:  # noqa: BLE001 - a user's listener must not end a call
                if at not in self._reported:
                    self._reported.add(at)
                    _LOG.exception("circuit listener %r failed on %s; reported once", listener, method)
