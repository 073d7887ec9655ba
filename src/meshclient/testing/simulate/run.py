"""One run of a simulation with one seed."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, cast

from meshclient.testing.simulate.caller import Caller
from meshclient.testing.simulate.loop import Loop
from meshclient.testing.simulate.request import Request
from meshclient.testing.simulate.stage import Stage
from meshclient.testing.simulate.tally import Made, Tally
from meshclient.testing.simulate.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.testing.simulate.ending import Ending
    from meshclient.testing.simulate.simulation import Simulation
    from meshclient.testing.simulate.tier import Tier

# Seconds that calls get to end after the last was made, where they have no deadline.
PATIENCE = 60.0
OUTERMOST = "caller"
# The failure of calls that have not ended by then.
UNFINISHED = "unfinished"


class Run:
    """Everything that moves.

    Args:
        simulation: what to run.
        seed: of all chance.

    Attributes:
        caller: the outermost one.
    """

    def __init__(self, simulation: Simulation, seed: int) -> None:
        self._simulation = simulation
        self._seed = seed
        self._timeline = Timeline()
        self._tally = Tally()
        self._loop = Loop(self._timeline)
        self._calls = Random(f"{seed} calls")
        self._next = 0
        # Calls under way, by request: since when, and their method.
        self._open: dict[int, tuple[float, str]] = {}
        stage: Stage | None = None
        for at in reversed(range(len(simulation.tiers))):
            stage = self._stage(simulation.tiers[at], stage, at)
        assert stage is not None  # noqa: S101 - there is at least one tier
        self.caller = self._hire(simulation.tiers[0], stage, self._loop, OUTERMOST)

    def _stage(self, tier: Tier, below: Stage | None, at: int) -> Stage:
        """The running side of `tier`, whose instances call `below`."""
        hire = None if below is None else partial(self._hire_beneath, self._simulation.tiers[at + 1], below)
        stage = Stage(tier.service, self._timeline, self._tally, str(self._seed), hire)
        for instance in tier.instances:
            stage.start(instance)
        for step in tier.steps:
            step.plan(stage)
        return stage

    def _hire_beneath(self, tier: Tier, stage: Stage, name: str) -> Caller:
        # Each instance is a process of its own.
        return self._hire(tier, stage, Loop(self._timeline), name)

    def _hire(self, tier: Tier, stage: Stage, loop: Loop, name: str) -> Caller:
        caller = Caller(
            tier.service,
            tier.config,
            timeline=self._timeline,
            loop=loop,
            send=stage.receive,
            seed=f"{self._seed} {name} calls {tier.service}",
            hold=self._simulation.hold,
            zone=self._simulation.zone if name == OUTERMOST else "",
            emit=self._tally.tell,
        )
        stage.callers.append(caller)
        caller.watch.show(stage.listed.values())
        return caller

    def tally(self, tick: Callable[[float], None] | None = None) -> Tally:
        """Let it happen, and return what was counted; `tick` is told of every second of the run."""
        simulation, timeline, loop = self._simulation, self._timeline, self._loop
        for second in range(int(simulation.duration) if tick is not None else 0):
            timeline.at(second, partial(cast("Callable[[float], None]", tick), float(second)))
        for stall in simulation.stalls:
            timeline.at(stall.at, partial(loop.stall, stall.seconds))
        arrivals = Random(f"{self._seed} arrivals")
        simulation.load.arrivals.begin(timeline, arrivals, simulation.duration, self._make)
        stalled = sum(stall.seconds for stall in simulation.stalls)
        timeline.run(simulation.duration + (simulation.tiers[0].config.deadline or PATIENCE) + stalled + 1.0)
        for began, method in self._open.values():
            self._tally.calls.append(Made(began, timeline.now - began, UNFINISHED, method))
        return self._tally

    def _make(self, over: Callable[[], None]) -> None:
        load, chance = self._simulation.load, self._calls
        method = "POST" if load.posts and chance.random() < load.posts else "GET"
        self._next += 1
        request = Request(self._next, method, load.path)
        patience = None
        if load.impatient and chance.random() < load.impatient:
            patience = chance.random() * load.patience
        self._loop.run(partial(self._call, request, self._timeline.now, patience, over))

    def _call(self, request: Request, began: float, patience: float | None, over: Callable[[], None]) -> None:
        timeline, tally = self._timeline, self._tally
        self._open[request.id] = began, request.method

        def done(ending: Ending) -> None:
            del self._open[request.id]
            tally.calls.append(Made(began, timeline.now - began, ending.failure, request.method))
            over()

        def give_up() -> None:
            if self._open.pop(request.id, None):
                flight.cancel()
                tally.cancelled += 1
                over()

        flight = self.caller.call(request, done)
        if patience is not None:
            timeline.after(patience, partial(self._loop.run, give_up))
