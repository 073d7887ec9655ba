"""Instances, or the caller itself, are slow or silent."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from meshclient.config.policy_shape import HedgeConfig
from meshclient.testing.simulate.behaviour import Healthy
from meshclient.testing.simulate.instance import instances
from meshclient.testing.simulate.latency import Constant
from meshclient.testing.simulate.load import Load, Poisson
from meshclient.testing.simulate.scenario import Scenario, Wish
from meshclient.testing.simulate.scenarios.wishes import NO_EJECTION, NO_FAILED_GET, tail
from meshclient.testing.simulate.simulation import Simulation, Stall
from meshclient.testing.simulate.step import Fault
from meshclient.testing.simulate.tier import Tier
from meshclient.testing.simulate.trouble import Hanging, Slow

if TYPE_CHECKING:
    from meshclient.config.shape import ServiceConfig
    from meshclient.testing.simulate.scenario import Result

# Of an attempt in `half_hang` and `stall`: shorter than the default, so that a run need not be longer.
_ATTEMPT = 1.0
_HURRY = 0.3


def _hedged(config: ServiceConfig) -> ServiceConfig:
    return replace(config, hedge=config.hedge or HedgeConfig())


def _slow_one(config: ServiceConfig) -> Simulation:
    steps = (Fault(2.0, 10.0, ("i1",), partial(Slow, factor=40.0)),)
    tier = Tier("orders", instances(8), config, steps)
    return Simulation("slow_one", (tier,), Load(Poisson(200.0)), duration=10.0, settle=1.0)


def _half_hang(config: ServiceConfig) -> Simulation:
    steps = (Fault(2.0, 17.0, ("i1",), partial(Hanging, ratio=0.5)),)
    tier = Tier("orders", instances(3), replace(config, attempt_timeout=_ATTEMPT), steps)
    return Simulation("half_hang", (tier,), Load(Poisson(80.0)), duration=17.0)


def _all_slow_hedged(config: ServiceConfig) -> Simulation:
    steps = (Fault(15.0, 27.0, ("i1", "i2", "i3"), partial(Slow, factor=10.0)),)
    tier = Tier("orders", instances(3), _hedged(config), steps)
    return Simulation("all_slow_hedged", (tier,), Load(Poisson(60.0)), duration=27.0)


def _stall(config: ServiceConfig) -> Simulation:
    tier = Tier("orders", instances(3, Healthy(Constant(0.02))), replace(_hedged(config), attempt_timeout=_HURRY))
    return Simulation("stall", (tier,), Load(Poisson(200.0)), duration=8.0, stalls=(Stall(5.0, 0.5),))


def _beyond_timeout(result: Result) -> float:
    return result.report.settled.p99 - _ATTEMPT - result.calm.whole.p99


def _extra(result: Result) -> float:
    return result.report.settled.amplification - 1


SCENARIOS = (
    Scenario("slow_one", "one of 8 instances is 40 times slower", _slow_one, (tail(1.5),)),
    Scenario(
        "half_hang",
        "one of 3 instances never answers half of its requests",
        _half_hang,
        (NO_FAILED_GET, Wish("p99 beyond the attempt timeout and the p99 without the fault: 0", _beyond_timeout)),
    ),
    Scenario(
        "all_slow_hedged",
        "all 3 instances are 10 times slower, hedging is on",
        _all_slow_hedged,
        (Wish("extra load: <= 2 %", _extra, 0.02),),
    ),
    Scenario(
        "stall",
        "the caller's own event loop stalls for 500 ms, hedging is on",
        _stall,
        (
            NO_EJECTION,
            Wish("hedges: 0", lambda result: result.report.hedges),
            Wish("false timeouts: 0", lambda result: result.report.outcomes.get("timeout", 0)),
        ),
    ),
)
