"""The circuit of a whole service, on pybreaker.

pybreaker holds the state: its `CircuitBreaker` with listeners, over a storage that processes may share. It was made to
wrap a function, under a lock, by the wall clock; a call here is no function, may be cancelled, and may take its time.
So the breaker is driven from outside by what is public in it, `open`, `half_open`, `close` and the storage, once an
outcome is known. This class adds what it has not: a windowed ratio, a growing open time on a monotonic clock, and one
probe with a permit that cannot be lost.

A permit belongs to a generation, which ends with each change of state: what is answered late counts nothing. The
circuit knows a probe only by a weak reference and for a limited time, so that one which is dropped is due again
(resilience4j issues 903, 935, 544: half-open circuits that wait for ever).

pybreaker is imported with this module, and this module by whoever builds the first circuit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from weakref import ref

from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN, CircuitBreaker, CircuitMemoryStorage

from meshclient.core.circuit import Refusal
from meshclient.core.window import Window
from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.mesh.circuit_news import CircuitNews
from meshclient.mesh.circuit_store import Agreement, Alone
from meshclient.model.duration import format_duration
from meshclient.model.events import CircuitChanged
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pybreaker import CircuitBreakerListener, CircuitBreakerStorage

    from meshclient.mesh.circuit_rule import CircuitRule

ISOLATED = "isolated"
# pybreaker would half-open by itself at the first call after this time, which is never made.
_NEVER = 10**9
# Seconds: a probe is under way, and most calls take less.
_SOON = 1.0
_ELSEWHERE = "another process opened it"


class CircuitPermit:
    """An admitted call; all calls of a closed circuit's generation share one, a probe has its own."""

    __slots__ = ("__weakref__", "_circuit", "generation", "probe")

    def __init__(self, circuit: ServiceCircuit, generation: int, *, probe: bool) -> None:
        self._circuit = circuit
        self.generation = generation
        self.probe = probe

    def done(self, mark: Mark, now: float) -> None:
        """As `meshclient.core.circuit.Permit.done`."""
        self._circuit.ended(self, mark, now)


class ServiceCircuit:
    """Opens when calls of a service fail, lets one probe through after a while, closes when it succeeds.

    Thread-safe, with a short lock of its own; listeners and `tell` are called without it. What is asked of the storage
    is asked within calls and must not block: pybreaker's own storage for Redis does, those of a `CircuitStore` do not.

    Args:
        service: its name.
        rule: when it opens, and for how long.
        clock: monotonic seconds, for what is done by hand; calls bring their own.
        uniform: uniform in [0, 1), for the jitter.
        storage: pybreaker's storage; in memory by default.
        listeners: pybreaker's listeners.
        tell: told of each change of state.
        wall: the time of day, which alone means something to other processes. It tells how long ago another process has
            opened the circuit, and no more than the open time is ever made of that: a clock that jumps costs one probe
            too early, or one open time too many.
    """

    # Each of its permits is one of a kind.
    blanket = None

    def __init__(
        self,
        service: str,
        rule: CircuitRule,
        *,
        clock: Callable[[], float],
        uniform: Callable[[], float],
        storage: CircuitBreakerStorage | None = None,
        listeners: Sequence[CircuitBreakerListener] = (),
        tell: Callable[[CircuitChanged], None] | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.service = service
        self.rule = rule
        self._clock = clock
        self._uniform = uniform
        self._wall = wall
        self._storage = CircuitMemoryStorage(STATE_CLOSED) if storage is None else storage
        shared: object = storage
        self._agreement = shared if isinstance(shared, Agreement) else Alone()
        self._news = CircuitNews(listeners, tell)
        self._breaker = CircuitBreaker(
            fail_max=rule.consecutive or _NEVER,
            reset_timeout=_NEVER,
            listeners=[self._news],
            state_storage=self._storage,
            name=service,
        )
        self._lock = fork_safe_lock()
        self._window = Window(rule.window)
        self._seen = STATE_CLOSED
        self._said = STATE_CLOSED
        self._why = ""
        self._due = 0.0
        self._opened_at: datetime | None = None
        self._generation = 0
        self._permit = CircuitPermit(self, 0, probe=False)
        self._probe: ref[CircuitPermit] | None = None
        self._probe_until = 0.0

    def admit(self, now: float, chance: float = 0.0) -> CircuitPermit | None:
        """As `meshclient.core.circuit.Circuit.admit`; chance has no part in it."""
        del chance
        if self._storage.state == STATE_CLOSED == self._seen:
            permit: CircuitPermit | None = self._permit
        else:
            with self._lock:
                permit = self._admit(now)
            self._news.deliver()
        if permit is not None and self._news.listeners:
            self._news.before(self._breaker, self.admit)
        return permit

    def refusal(self, now: float) -> Refusal:
        """As `meshclient.core.circuit.Circuit.refusal`."""
        with self._lock:
            seen, isolated, why, left = self._seen, self._agreement.isolated, self._why, max(0.0, self._due - now)
        if seen == STATE_CLOSED:
            return Refusal(f"the circuit of {self.service} has just closed", 0.0)
        if isolated:
            return Refusal(
                f"the circuit of {self.service} was isolated and stays so until it is closed", self.rule.limit
            )
        if seen == STATE_OPEN and left > 0.0:
            until = f"the next call is let through in {format_duration(left)}"
            return Refusal(f"the circuit of {self.service} is open: {why}; {until}", left)
        return Refusal(f"the circuit of {self.service} waits for its probe: {why}", _SOON)

    def ended(self, permit: CircuitPermit, mark: Mark, now: float) -> None:
        """A call ended; what an earlier generation still hears counts nothing."""
        if mark is Mark.NEUTRAL:
            # It may be the garbage collector that says so, on a thread that holds the lock: a probe is then let expire.
            if not permit.probe:
                return
            if self._lock.locked():
                if self._probe is not None and self._probe() is permit:
                    self._probe_until = now
                    self._agreement.release()
                return
        with self._lock:
            if not self._storage.state == STATE_CLOSED == self._seen:
                self._sync(now)
            if permit.generation == self._generation:
                if permit.probe:
                    self._probed(permit, mark, now)
                elif mark is not Mark.NEUTRAL:
                    self._count(now, failed=mark is Mark.FAILURE)
        if self._news.pending:
            self._news.deliver()

    @property
    def state(self) -> str:
        """``closed``, ``open``, ``half-open`` or ``isolated``."""
        state = self._storage.state
        return ISOLATED if state == STATE_OPEN and self._agreement.isolated else state

    @property
    def generation(self) -> int:
        """How often the state has changed."""
        return self._generation

    def open(self) -> None:
        """Open it by hand, as if calls had failed; a probe follows when the open time is over."""
        self._by_hand(lambda now: self._open(now, "it was opened by hand"))

    def close(self) -> None:
        """Close it by hand, and forget what was counted."""
        self._by_hand(lambda _: self._close("it was closed by hand"))

    def isolate(self) -> None:
        """Open it until it is closed by hand."""
        self._by_hand(lambda now: self._open(now, "it was isolated by hand", isolate=True))

    def _by_hand(self, change: Callable[[float], None]) -> None:
        now = self._clock()
        with self._lock:
            self._sync(now)
            change(now)
        self._news.deliver()

    # What follows runs under the lock.

    def _admit(self, now: float) -> CircuitPermit | None:
        self._sync(now)
        if self._seen == STATE_CLOSED:
            return self._permit
        if self._agreement.isolated or (now < self._due if self._seen == STATE_OPEN else self._probing(now)):
            return None
        if not self._agreement.claim(self.rule.probe):
            return None
        if self._seen == STATE_OPEN:
            self._breaker.half_open()
            self._shifted(STATE_HALF_OPEN, f"its open time is over; {self._why}")
        # Another probe may still be under way, given up: what it says later counts nothing.
        self._generation += 1
        permit = CircuitPermit(self, self._generation, probe=True)
        self._probe, self._probe_until = ref(permit), now + self.rule.probe
        return permit

    def _probing(self, now: float) -> bool:
        return self._probe is not None and self._probe() is not None and now < self._probe_until

    def _probed(self, permit: CircuitPermit, mark: Mark, now: float) -> None:
        if self._probe is None or self._probe() is not permit:
            return
        self._probe = None
        if mark is Mark.NEUTRAL:
            self._agreement.release()
            return
        self._news.ended(self._breaker, failed=mark is Mark.FAILURE)
        if mark is Mark.SUCCESS:
            self._close("its probe succeeded")
        else:
            self._storage.increment_counter()
            self._open(now, "its probe failed")

    def _count(self, now: float, *, failed: bool) -> None:
        self._window.record(now, failed=failed)
        if self._news.listeners:
            self._news.ended(self._breaker, failed=failed)
        if not failed:
            if self._storage.counter:
                self._storage.reset_counter()
            return
        self._storage.increment_counter()
        why = self.rule.broken(self._window, self._storage.counter)
        if why:
            self._open(now, why)

    def _open(self, now: float, why: str, *, isolate: bool = False) -> None:
        if self._seen == STATE_CLOSED:
            # From here on it counts failed probes: other processes have to know how long the circuit stays open.
            self._storage.reset_counter()
        self._breaker.open()
        self._agreement.isolated = isolate
        self._opened_at = self._storage.opened_at
        self._due = now + self.rule.open_time(self._storage.counter, self._uniform())
        self._why = why
        self._shifted(STATE_OPEN, why)

    def _close(self, why: str) -> None:
        self._agreement.isolated = False
        self._breaker.close()
        self._shifted(STATE_CLOSED, why)

    def _sync(self, now: float) -> None:
        """Take over what another process has done to a shared storage."""
        state = self._breaker.state.name
        if state == STATE_OPEN:
            opened_at = self._storage.opened_at
            if self._seen != STATE_OPEN or opened_at != self._opened_at:
                self._opened_at = opened_at
                self._why = _ELSEWHERE
                self._due = now + self._left(opened_at)
                self._shifted(state, self._why)
        else:
            if self._agreement.isolated:
                self._agreement.isolated = False
            if state != self._seen:
                if self._seen == STATE_CLOSED:
                    self._why = _ELSEWHERE
                self._shifted(state, "another process changed it")
        if self._told() != self._said:
            self._shifted(state, "another process changed it")

    def _left(self, opened_at: datetime | None) -> float:
        bound = self.rule.open_time(self._storage.counter, self._uniform())
        passed = 0.0 if opened_at is None else (self._wall() - opened_at).total_seconds()
        return bound - min(bound, max(0.0, passed))

    def _shifted(self, state: str, why: str) -> None:
        before, self._seen = self._said, state
        self._said = self._told()
        if self._said != before:
            self._news.changed(CircuitChanged(self.service, before, self._said, why))
        self._generation += 1
        self._probe = None
        if state == STATE_CLOSED:
            self._window.clear()
            self._permit = CircuitPermit(self, self._generation, probe=False)

    def _told(self) -> str:
        return ISOLATED if self._seen == STATE_OPEN and self._agreement.isolated else self._seen
