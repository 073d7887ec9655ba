"""Everything at once, by chance: simulations in which nothing may be lost, whatever happens to calls.

Configuration, behaviours, faults, stalls, cancelled calls and replaced instances are drawn from a seed. The trouble
ends, and a calm time follows in which everything has to be as good as new: what a call held and never gave back (a
place, a probe, a permit, a token) would show there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from meshclient.config.policy_shape import (
    Backoff,
    CircuitConfig,
    EjectionConfig,
    HedgeConfig,
    LimitConfig,
    RetryConfig,
    ThrottleConfig,
)
from meshclient.config.shape import ServiceConfig
from meshclient.core.limit.gate import Gate
from meshclient.testing.simulate.instance import instances
from meshclient.testing.simulate.load import Load, Phased
from meshclient.testing.simulate.run import Run
from meshclient.testing.simulate.simulation import Simulation, Stall
from meshclient.testing.simulate.step import Fault, Replacement
from meshclient.testing.simulate.tier import Tier
from meshclient.testing.simulate.trouble import (
    Closing,
    Failing,
    Flapping,
    Gray,
    Hanging,
    Refusing,
    Resetting,
    Slow,
    Unreachable,
)

if TYPE_CHECKING:
    from meshclient.testing.simulate.behaviour import Behaviour
    from meshclient.testing.simulate.step import Trouble

# Seconds of trouble, of rest (longer than any ejection, window and deadline drawn here), and of proof.
TROUBLE, REST, PROOF = 4.0, 14.0, 1.0
_BALANCERS = ("p2c", "round_robin", "weighted_random", "least_request")


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What was left behind by the calls of one seed.

    Args:
        calls: how many there were, cancelled ones included.
        losses: what was lost, in words; nothing where all is well.
    """

    calls: int
    losses: tuple[str, ...]


def chaos(seed: int) -> Simulation:
    """A simulation drawn from `seed`."""
    random = Random(f"{seed} chaos")
    count = random.randint(1, 5)
    before = instances(count)
    names = [instance.endpoint.id for instance in before]
    faults = [_fault(random, names) for _ in range(random.randint(1, 4))]
    moves = [
        Replacement(random.uniform(0.0, TROUBLE), old.endpoint.id, new, random.choice((0.0, 0.3)))
        for old, new in zip(before, instances(count, prefix="n", net=1), strict=True)
        if random.random() < 0.3
    ]
    stalls = tuple(Stall(random.uniform(0.0, TROUBLE), random.uniform(0.02, 0.6)) for _ in range(random.randint(0, 2)))
    load = Load(Phased(((TROUBLE, 400.0), (REST, 20.0), (PROOF, 60.0))), posts=0.3, impatient=0.25, patience=0.1)
    tier = Tier("orders", before, _config(random), (*faults, *moves))
    return Simulation("chaos", (tier,), load, duration=TROUBLE + REST + PROOF, stalls=stalls, hold=None)


def aftermath(seed: int) -> Aftermath:
    """Run `chaos` of this seed and look for what was lost."""
    run = Run(chaos(seed), seed)
    tally, service = run.tally(), run.caller.service
    losses = []
    for status in service.balancer.status(run.caller.clock()):
        if status.pending:
            losses.append(f"{status.endpoint.id} counts {status.pending} in flight")
        if status.returns_in is not None:
            losses.append(f"{status.endpoint.id} is still {status.state}, though all has been well for long")
    gate = service.limiter.status() if isinstance(service.limiter, Gate) else None
    if gate is not None and (gate.working or gate.waiting):
        losses.append(f"the limit counts {gate.working} under way and {gate.waiting} in its queue")
    failed = [call for call in tally.calls if call.failure and call.began >= TROUBLE + REST]
    losses += [f"{len(failed)} calls failed when all was well: {failed[0].failure}"] if failed else []
    return Aftermath(len(tally.calls) + tally.cancelled, tuple(losses))


def _fault(random: Random, names: list[str]) -> Fault:
    begin, end = sorted(random.uniform(0.0, TROUBLE) for _ in range(2))
    chosen = random.sample(names, random.randint(1, len(names)))
    return Fault(begin, end, tuple(chosen), random.choice(_TROUBLES))


def _config(random: Random) -> ServiceConfig:
    base = random.choice((0.1, 0.5))
    ejection = EjectionConfig(random.randint(1, 5), base=base, limit=2.0, max_ejected=random.choice((0.3, 1.0)))
    backoff = Backoff(0.01, 0.1)
    endpoint = random.choice((0, 8))
    retry = RetryConfig(random.randint(1, 4), random.choice((0.2, 1.0)), random.choice((0.0, 3.0)), backoff)
    return ServiceConfig(
        deadline=random.choice((0.1, 1.0, 3.0)),
        attempt_timeout=random.choice((0.06, 0.3, None)),
        connect_timeout=0.1,
        balancer=random.choice(_BALANCERS),
        retry=random.choice((None, retry, retry)),
        ejection=random.choice((None, ejection, ejection, ejection)),
        throttle=random.choice((None, ThrottleConfig())),
        circuit=random.choice((None, None, CircuitConfig(consecutive=10, open=Backoff(0.2, 2.0)))),
        limit=random.choice((None, LimitConfig(random.randint(8, 30), random.randint(0, 20), 0.05, endpoint=endpoint))),
        hedge=random.choice((None, HedgeConfig(random.choice((0.02, 0.5)), 0.5))),
        shadow=random.choice(((), (), ("ejection", "limit"), ("throttle", "circuit", "retry"))),
    )


def _flaps(well: Behaviour) -> Behaviour:
    return Flapping(well, Hanging(well), period=0.6)


_TROUBLES: tuple[Trouble, ...] = (
    Failing,
    partial(Failing, ratio=0.5),
    partial(Failing, status=429, retry_after=1.0),
    Hanging,
    partial(Hanging, ratio=0.5),
    Gray,
    partial(Slow, factor=20.0),
    partial(Resetting, ratio=0.5),
    partial(Closing, ratio=0.7),
    lambda _: Refusing(),
    lambda _: Unreachable(),
    _flaps,
)
