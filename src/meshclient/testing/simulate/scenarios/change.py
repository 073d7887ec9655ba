"""Instances come and go, and connections break."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from meshclient.testing.simulate.instance import instances
from meshclient.testing.simulate.load import Load, Poisson
from meshclient.testing.simulate.scenario import Scenario, Wish
from meshclient.testing.simulate.scenarios.wishes import NO_FAILED_GET
from meshclient.testing.simulate.simulation import Simulation
from meshclient.testing.simulate.step import Fault, Replacement
from meshclient.testing.simulate.tier import Tier
from meshclient.testing.simulate.trouble import Resetting

if TYPE_CHECKING:
    from meshclient.config.shape import ServiceConfig


def _rolling(config: ServiceConfig) -> Simulation:
    before, after = instances(5), instances(5, prefix="n", net=1)
    steps = tuple(
        Replacement(2.0 + 2.0 * at, old.endpoint.id, new)
        for at, (old, new) in enumerate(zip(before, after, strict=True))
    )
    return Simulation("rolling", (Tier("orders", before, config, steps),), Load(Poisson(150.0)), duration=14.0)


def _post_resets(config: ServiceConfig) -> Simulation:
    fault = Fault(1.0, 9.0, ("i1", "i2", "i3"), partial(Resetting, ratio=0.3))
    tier = Tier("orders", instances(3), config, (fault,))
    return Simulation("post_resets", (tier,), Load(Poisson(150.0), posts=0.5), duration=10.0)


SCENARIOS = (
    Scenario(
        "rolling", "all 5 instances are replaced one by one, a second before callers know", _rolling, (NO_FAILED_GET,)
    ),
    Scenario(
        "post_resets",
        "connections are reset after the work is done, half of the calls are POST",
        _post_resets,
        (Wish("POST requests executed twice: 0", lambda result: result.report.repeated),),
    ),
)
