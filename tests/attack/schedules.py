"""Random schedules against all that a call holds: permits, turns, picks, probes, budget.

`PYTHONPATH=tests python -m attack.schedules 1000000` plays so many, in as many processes as there are cores; the number
of a schedule that fails is its seed, and `python -m attack.schedules 1 --first SEED` plays that one.

A schedule is a service with random policies and some calls at once: each is told of an outcome, of its timer, turn or
list, is cancelled, read to its end or forgotten, while the clock steps and the list changes. Afterwards nothing may be
held any more, and the service must be as good as new.
"""

from __future__ import annotations

import argparse
import gc
import os
from concurrent.futures import ProcessPoolExecutor
from random import Random

from attack.world import FLEET, FLOOR, NEVER, RATIO, Flight, World, begin
from meshclient.core.commands import Finished
from meshclient.model.outcome import Kind, Outcome
from unit.core.fleet import OK, UNAVAILABLE

STEPS = 40
CROWD = 5
PART = 2_000
BODIES = (OK, OK, UNAVAILABLE, Outcome(Kind.DISCONNECTED), Outcome(Kind.CANCELLED))


def play(seed: int) -> None:
    """One schedule; raises AssertionError with its seed."""
    rng = Random(seed)
    world = World(rng)
    flights: list[Flight] = []
    try:
        for _ in range(rng.randint(5, STEPS)):
            _step(world, flights)
            flights = [flight for flight in flights if not flight.over]
            _watch(world, flights)
        _finish(world, flights)
        _as_good_as_new(world)
    except BaseException as error:
        error.add_note(f"schedule {seed}")
        raise


def _step(world: World, flights: list[Flight]) -> None:
    rng, time = world.rng, world.time
    kind = rng.random()
    if kind < 0.25 and len(flights) < CROWD:
        flights.append(begin(world, rng.choice((float("inf"), 10.0, 0.1))))
    elif kind < 0.33:
        time.pass_(rng.choice((0.001, 0.02, 0.1, 0.5, 3.0, 60.0)))
    elif kind < 0.35:
        world.relist(rng.sample(FLEET, rng.randint(1, 4)))
    elif flights:
        flight = rng.choice(flights)
        if kind < 0.45:
            flight.cancel()
        elif flight.body is not None:
            if kind < 0.52:
                flight.forget()
            else:
                flight.read(rng.choice(BODIES))
        elif signals := flight.signals():
            flight.advance(rng.choice(signals)())


def _watch(world: World, flights: list[Flight]) -> None:
    """What holds at every moment."""
    for flight in flights:
        turn = None if flight.wait is None else flight.wait.turn
        assert turn is None or not turn.came or flight.woken, "it was not told of its turn"
    gate = world.gate
    if gate is not None:
        status = gate.status()
        at_work = sum(flight.at_work for flight in flights)
        assert at_work <= status.working
        assert status.working <= max(status.concurrency, 4) or status.waiting == 0
        assert not status.waiting or status.working >= status.concurrency
        assert status.waiting <= sum(flight.wait is not None and flight.wait.turn is not None for flight in flights)
        if gate._adaptive is None and not gate._shadow:
            assert status.working <= status.concurrency
    repeats = world.attempts - world.calls
    assert repeats <= RATIO * world.calls + FLOOR * (10 + world.time.now - world.begun_at)


def _finish(world: World, flights: list[Flight]) -> None:
    """All end, one way or the other."""
    if not world.snapshot.endpoints:
        world.relist(FLEET[:3])
    for _ in range(1000):
        flights = [flight for flight in flights if not flight.over]
        if not flights:
            break
        flight = world.rng.choice(flights)
        if flight.body is not None:
            flight.read(OK)
        elif signals := flight.signals():
            flight.advance(world.rng.choice(signals)())
        elif flight.wait is None or flight.wait.turn is None:
            flight.cancel()
    assert not flights, "a turn does not come"


def _settled(world: World) -> None:
    """Nothing is held by anybody."""
    assert world.found <= world.forgotten, "left to the garbage collector"
    if world.gate is not None:
        status = world.gate.status()
        assert (status.working, status.waiting) == (0, 0)
    now, nodes = world.time.now, world.balancer._nodes.values()
    if (pick := world.balancer.pick(now)) is not None:
        # Forgotten picks are found with the next one.
        pick.done(Outcome(Kind.CANCELLED), now)
    assert [(node.pending, node.waiting, node.begun) for node in nodes] == [(0, 0, 0.0)] * len(nodes)
    assert not any(node.standing.probing for node in nodes)


def _as_good_as_new(world: World) -> None:
    _settled(world)
    # Longer than a circuit or an ejection lasts, and than the budget remembers; far less than a lost probe would.
    world.time.pass_(30.0)
    assert world.time.now < NEVER
    assert world.budget.balance(world.time.now) == FLOOR * 10
    world.relist(FLEET[:3])
    for _ in range(30):
        if {status.state for status in world.balancer.status(world.time.now)} == {"in_rotation"}:
            break
        _succeed(world)
    else:
        raise AssertionError("an endpoint does not return")
    _succeed(world)
    _settled(world)


def _succeed(world: World) -> None:
    flight = begin(world)
    while not flight.over:
        world.time.pass_(0.01)
        if flight.body is not None:
            flight.read(OK)
        else:
            flight.advance(Finished(flight.live.pop(0), OK))
    assert flight.error is None, f"refused for no reason: {flight.error!r}"
    world.time.pass_(0.2)


def attack(first: int, count: int) -> int:
    """Play the schedules from `first` on; how many."""
    for seed in range(first, first + count):
        play(seed)
    return count


def main() -> None:
    """Play many, in all processors."""
    parser = argparse.ArgumentParser(description="Play random schedules against all policies together.")
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    parts = [(given.first + at, min(PART, given.count - at)) for at in range(0, given.count, PART)]
    done = 0
    with ProcessPoolExecutor(given.workers, initializer=gc.freeze) as pool:
        for played in pool.map(attack, *zip(*parts, strict=True)):
            done += played
            if done % 100_000 < PART:
                print(f"{done} of {given.count} schedules: nothing leaked, nothing wedged", flush=True)
    print(f"{done} schedules: nothing leaked, nothing wedged")


if __name__ == "__main__":
    main()
