"""All instances are in trouble together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from meshclient.testing.simulate.behaviour import Recovering, Staffed
from meshclient.testing.simulate.instance import instances
from meshclient.testing.simulate.latency import LogNormal
from meshclient.testing.simulate.load import Load, Poisson
from meshclient.testing.simulate.scenario import Scenario
from meshclient.testing.simulate.scenarios.wishes import NO_EJECTION, amplification, recovery, success
from meshclient.testing.simulate.simulation import Simulation
from meshclient.testing.simulate.step import Fault
from meshclient.testing.simulate.tier import Tier
from meshclient.testing.simulate.trouble import Failing

if TYPE_CHECKING:
    from meshclient.config.shape import ServiceConfig

ALL = ("i1", "i2", "i3")
# About 45 requests a second for each instance.
_STAFFED = Staffed(LogNormal(0.020), workers=1, queue=25)


def _all_bad(config: ServiceConfig) -> Simulation:
    tier = Tier("orders", instances(3), config, (Fault(5.0, 15.0, ALL, Failing),))
    return Simulation("all_bad", (tier,), Load(Poisson(100.0)), duration=20.0)


def _correlated(config: ServiceConfig) -> Simulation:
    tier = Tier("orders", instances(3), config, (Fault(3.0, 13.0, ALL, partial(Failing, ratio=0.5)),))
    return Simulation("correlated", (tier,), Load(Poisson(100.0)), duration=18.0)


def _three_layers(config: ServiceConfig) -> Simulation:
    tiers = (
        Tier("front", instances(3, prefix="f"), config),
        Tier("middle", instances(3, prefix="m"), config),
        Tier("back", instances(3, prefix="b"), config, (Fault(3.0, 13.0, ("b1", "b2", "b3"), Failing),)),
    )
    return Simulation("three_layers", tiers, Load(Poisson(100.0)), duration=18.0)


def _overload(config: ServiceConfig) -> Simulation:
    tier = Tier("orders", instances(3, _STAFFED), config)
    return Simulation("overload", (tier,), Load(Poisson(180.0)), duration=8.0)


def _weak_recovery(config: ServiceConfig) -> Simulation:
    afterwards = partial(Recovering, since=6.0, over=6.0, share=0.5)
    fault = Fault(3.0, 6.0, ALL, Failing, afterwards)
    tier = Tier("orders", instances(3, _STAFFED), config, (fault,))
    return Simulation("weak_recovery", (tier,), Load(Poisson(55.0)), duration=16.0)


SCENARIOS = (
    Scenario("all_bad", "all 3 instances fail for 10 s", _all_bad, (NO_EJECTION, amplification(1.25), recovery(2.0))),
    Scenario(
        "correlated", "all 3 instances fail half of their requests", _correlated, (NO_EJECTION, amplification(1.25))
    ),
    Scenario("three_layers", "the third of three services fails altogether", _three_layers, (amplification(1.3),)),
    Scenario("overload", "30 % more is asked than 3 instances can do", _overload, (amplification(1.25), success(0.6))),
    Scenario(
        "weak_recovery", "all fail for 3 s and come back with half of their workers", _weak_recovery, (recovery(8.0),)
    ),
)
