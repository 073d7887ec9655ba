"""Some instances fail, and the others are well."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from meshclient.testing.simulate.instance import instances
from meshclient.testing.simulate.load import Load, Poisson
from meshclient.testing.simulate.scenario import Scenario, Wish
from meshclient.testing.simulate.scenarios.wishes import NO_FAILED_GET, share, success
from meshclient.testing.simulate.simulation import Simulation
from meshclient.testing.simulate.step import Fault
from meshclient.testing.simulate.tier import Tier
from meshclient.testing.simulate.trouble import Failing, Flapping, Gray, Unreachable

if TYPE_CHECKING:
    from meshclient.config.shape import ServiceConfig
    from meshclient.testing.simulate.behaviour import Behaviour
    from meshclient.testing.simulate.step import Trouble

ZONES = ("a", "b", "c")


def _some(
    name: str,
    config: ServiceConfig,
    count: int,
    trouble: Trouble,
    *bad: str,
    seconds: float,
    settle: float,
    rate: float,
) -> Simulation:
    """`bad` ones of `count` instances are in trouble from the third second on, for `seconds`."""
    steps = (Fault(2.0, 2.0 + seconds, bad, trouble),)
    tier = Tier("orders", instances(count, zones=ZONES), config, steps)
    return Simulation(name, (tier,), Load(Poisson(rate)), duration=seconds + 4.0, settle=settle)


def _fast_fail(config: ServiceConfig) -> Simulation:
    return _some("fast_fail", config, 3, Failing, "i1", seconds=8.0, settle=2.0, rate=120.0)


def _half_fail(config: ServiceConfig) -> Simulation:
    trouble = partial(Failing, ratio=0.5)
    return _some("half_fail", config, 3, trouble, "i1", seconds=16.0, settle=10.0, rate=80.0)


def _two_of_nine(config: ServiceConfig) -> Simulation:
    trouble = partial(Failing, ratio=0.5)
    return _some("two_of_nine", config, 9, trouble, "i1", "i2", seconds=12.0, settle=8.0, rate=200.0)


def _gray(config: ServiceConfig) -> Simulation:
    return _some("gray", config, 3, Gray, "i1", seconds=16.0, settle=10.0, rate=80.0)


def _flapping(config: ServiceConfig) -> Simulation:
    return _some("flapping", config, 3, _flaps, "i1", seconds=16.0, settle=2.0, rate=80.0)


def _zone_loss(config: ServiceConfig) -> Simulation:
    simulation = _some("zone_loss", config, 9, _lost, "i1", "i4", "i7", seconds=10.0, settle=4.0, rate=120.0)
    return replace(simulation, zone="a")


def _flaps(well: Behaviour) -> Behaviour:
    return Flapping(well, Failing(well), period=4.0)


def _lost(_well: Behaviour) -> Behaviour:
    return Unreachable()


SCENARIOS = (
    Scenario(
        "fast_fail", "one of 3 instances fails everything at once", _fast_fail, (NO_FAILED_GET, share(0.02, "i1"))
    ),
    Scenario("half_fail", "one of 3 instances fails half of its requests", _half_fail, (share(0.05, "i1"),)),
    Scenario(
        "two_of_nine",
        "two of 9 instances fail half of their requests",
        _two_of_nine,
        (Wish("of i1 and i2 not ejected: 0", lambda result: len({"i1", "i2"} - set(result.report.ejected))),),
    ),
    Scenario(
        "gray", "one of 3 instances fails half of its requests and hangs with the rest", _gray, (share(0.05, "i1"),)
    ),
    Scenario("flapping", "one of 3 instances is well for 2 s and fails for 2 s, in turn", _flapping, (success(0.999),)),
    Scenario(
        "zone_loss",
        "the caller's own of 3 zones is unreachable, 3 of 9 instances",
        _zone_loss,
        (success(0.999), share(0.02, "i1", "i4", "i7")),
    ),
)
