"""One service with all its policies, made small so that everything runs into its limits, and calls driven by chance."""

from __future__ import annotations

from asyncio import CancelledError
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import TYPE_CHECKING

from meshclient.core.call import Call
from meshclient.core.commands import Cancel, Finished, SnapshotChanged, Start, TimerFired, TurnCame
from meshclient.core.exchange import exchange
from meshclient.core.hedge import Hedging
from meshclient.core.limit.adaptive import Adaptive
from meshclient.core.limit.gate import Gate
from meshclient.core.outlier import Outlier
from meshclient.core.retry import RetryPolicy
from meshclient.core.retry_budget import RetryBudget
from meshclient.core.shadow import Shadow
from meshclient.core.throttle import Throttle
from meshclient.errors import MeshError
from meshclient.mesh.circuit import ServiceCircuit
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.model.deadline import Deadline
from meshclient.model.outcome import Kind, Outcome
from meshclient.model.snapshot import Pending, Ready
from unit.core.fleet import OK, UNAVAILABLE, Clock, balancer, endpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from meshclient.core.balance.pick import Pick
    from meshclient.core.circuit import Circuit
    from meshclient.core.commands import Attempt, Command, Signal, Wait
    from meshclient.core.limit.turn import Limiter
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.snapshot import Snapshot

FLEET = endpoints(4)
OUTCOMES = (
    OK,
    OK,
    OK,
    OK,
    UNAVAILABLE,
    Outcome(Kind.BUSY, 429, 0.5),
    Outcome(Kind.CONNECT_ERROR),
    Outcome(Kind.POOL_TIMEOUT),
    Outcome(Kind.TIMEOUT),
    Outcome(Kind.STALE_CONNECTION),
    Outcome(Kind.DISCONNECTED),
    Outcome(Kind.CANCELLED),
)
RATIO = 0.2
FLOOR = 1.0
# A probe that is lost would only be due again after this: nobody waits so long here.
NEVER = 1e9


class Eager(Hedging):
    """Hedges every call that is late at all."""

    def began(self, now: float) -> float:
        """A delay from the first call on."""
        return min(0.05, super().began(now))


class World:
    """A `Service`; which policies it has is drawn too."""

    name = "orders"

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.clock: Callable[[], float] = (time := Clock())
        self.time = time
        self.uniform = rng.random
        self.emit: Callable[[Event], None] | None = None
        self.shadow = Shadow("orders", rng.choice(((), (), (), ("retry",), ("hedge",))))
        self.begun_at = time.now
        self.budget = RetryBudget(RATIO, FLOOR)
        self.hedging: Hedging | None = Eager(0.3) if rng.random() < 0.7 else None
        self.outlier = Outlier(consecutive=2, base=0.5, limit=2.0)
        self.balancer = balancer(FLEET[:3], outlier=self.outlier, seed=rng.randrange(1000), now=time.now)
        # Picks whose bodies nobody ended, and those that the garbage collector found: nobody else may lean on it.
        self.forgotten = self.found = 0
        self._drop = self.balancer.drop
        self.balancer.drop = self._find  # type: ignore[method-assign]
        self.snapshot: Snapshot = Ready(tuple(FLEET[:3])) if rng.random() < 0.95 else Pending()
        self.circuit: Circuit | None = rng.choice((self._breaker, Throttle, lambda: None))()
        self.gate = self._gate()
        self.limiter: Limiter | None = self.gate
        # Calls begun, and attempts sent for them.
        self.calls = self.attempts = 0

    def _find(self, pick: Pick) -> None:
        self.found += 1
        self._drop(pick)

    def unreached(self) -> None:
        """Nobody to tell."""

    def relist(self, listed: list[Endpoint]) -> None:
        """Take over another list."""
        self.balancer.update(listed, self.time.now)
        self.snapshot = Ready(tuple(listed))

    def _breaker(self) -> ServiceCircuit:
        rule = CircuitRule(ratio=0.5, min_calls=3, consecutive=2, first=0.5, limit=2.0, probe=NEVER)
        return ServiceCircuit("orders", rule, clock=self.clock, uniform=self.uniform)

    def _gate(self) -> Gate | None:
        rng = self.rng
        kind = rng.randrange(5)
        if kind == 0:
            return None
        if kind == 1:
            return Gate(Adaptive(1, 2, 4), rng.randrange(3), 0.3)
        return Gate(rng.randint(1, 3), rng.randrange(4), 0.3, shadow=kind == 2)


@dataclass(eq=False)
class Flight:
    """One call, driven step by step; the driver's part of what is under way."""

    world: World
    steps: Generator[Command, Signal | None, Attempt]
    live: list[Attempt] = field(default_factory=list)
    wait: Wait | None = None
    since: float = 0.0
    woken: bool = False
    body: Attempt | None = None
    over: bool = False
    error: MeshError | None = None

    @property
    def at_work(self) -> bool:
        """Whether something of it is under way at a server."""
        return bool(self.live) or self.body is not None

    def advance(self, signal: Signal | None) -> None:
        """Send `signal`, and carry out what follows up to the next Wait or the end."""
        world, self.wait, self.woken = self.world, None, False
        try:
            for _ in range(100):
                command = self.steps.send(signal)
                signal = None
                if isinstance(command, Start):
                    assert command.attempt not in self.live
                    self.live.append(command.attempt)
                    world.attempts += 1
                elif isinstance(command, Cancel):
                    # One that has just finished may be given up as well, for its response.
                    if command.attempt in self.live:
                        self.live.remove(command.attempt)
                else:
                    self._await(command)
                    return
            raise AssertionError("it goes on and on")
        except StopIteration as end:
            attempt: Attempt = end.value
            assert not self.live
            self.body = attempt if attempt.outcome.status is not None else None
            self.over = self.body is None
        except MeshError as error:
            self.error = error
            self._end()

    def _await(self, wait: Wait) -> None:
        assert wait.timeout >= 0
        assert wait.timeout < inf or self.live or wait.stale is not None or wait.turn is not None
        assert len(self.live) <= 2
        self.wait, self.since = wait, self.world.time.now
        if wait.turn is not None:
            wait.turn.watch(lambda: self._wake(wait))

    def _wake(self, wait: Wait) -> None:
        if self.wait is wait:
            self.woken = True

    def signals(self) -> list[Callable[[], Signal]]:
        """What might happen to it next."""
        wait = self.wait
        if wait is None:
            return []
        found: list[Callable[[], Signal]] = [lambda attempt=one: self._finished(attempt) for one in self.live]  # type: ignore[misc]
        if self.woken:
            found.append(TurnCame)
        if wait.stale is not None and wait.stale is not self.world.snapshot:
            found.append(SnapshotChanged)
        if wait.timeout < inf:
            found.append(lambda: self._expired(wait))
        return found

    def _finished(self, attempt: Attempt) -> Signal:
        self.live.remove(attempt)
        return Finished(attempt, self.world.rng.choice(OUTCOMES))

    def _expired(self, wait: Wait) -> Signal:
        time = self.world.time
        time.now = max(time.now, self.since + wait.timeout)
        return TimerFired()

    def read(self, outcome: Outcome) -> None:
        """Its response body ends."""
        assert self.body is not None
        self.body.pick.done(outcome, self.world.time.now)
        self._end()

    def forget(self) -> None:
        """Nobody reads its response body, nor closes it."""
        self.world.forgotten += 1
        self.body = None
        self._end()

    def cancel(self) -> None:
        """Its caller has lost interest."""
        if self.body is not None:
            self.read(Outcome(Kind.CANCELLED))
            return
        if self.world.rng.random() < 0.5:
            self.steps.close()
        else:
            try:
                self.steps.throw(CancelledError())
            except CancelledError:
                pass
            else:
                raise AssertionError("it does not mind being cancelled")
        self._end()

    def _end(self) -> None:
        self.live.clear()
        self.wait = self.body = None
        self.over = True


def begin(world: World, deadline: float = inf) -> Flight:
    """A call that has just come."""
    rng, now = world.rng, world.time.now
    idempotent = rng.random() < 0.8
    call = Call(
        method="GET" if idempotent else "POST",
        idempotent=idempotent,
        started=now,
        deadline=Deadline.after(deadline, now),
        attempt_timeout=rng.choice((0.2, 1.0, inf)),
        retry=RetryPolicy(rng.randint(1, 4), rng.choice((0.0, 0.025))),
        obstacle=lambda: "",
        hedge=idempotent,
        priority=rng.randrange(3),
    )
    world.calls += 1
    flight = Flight(world, exchange(call, world))
    flight.advance(None)
    return flight
