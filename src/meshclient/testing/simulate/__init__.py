"""A simulator of callers and services in virtual time, with the policy objects of production.

Nothing here decides about a call: `meshclient.core.exchange` and `meshclient.mesh.service.MeshService` do, as they do
in a program. What is simulated is the rest: time, the network, instances and what goes wrong with them.
"""

from __future__ import annotations

from meshclient.testing.simulate.behaviour import Behaviour, Healthy, Recovering, Staffed
from meshclient.testing.simulate.instance import Instance, instances
from meshclient.testing.simulate.latency import Bimodal, Constant, Empirical, Latency, LogNormal
from meshclient.testing.simulate.load import Closed, Load, Phased, Poisson
from meshclient.testing.simulate.recorder import Recorder
from meshclient.testing.simulate.recording import Recording
from meshclient.testing.simulate.reply import Reply, Visit
from meshclient.testing.simulate.report import Report
from meshclient.testing.simulate.simulation import Simulation, Stall
from meshclient.testing.simulate.slice import Slice
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

__all__ = [
    "Behaviour",
    "Bimodal",
    "Closed",
    "Closing",
    "Constant",
    "Empirical",
    "Failing",
    "Fault",
    "Flapping",
    "Gray",
    "Hanging",
    "Healthy",
    "Instance",
    "Latency",
    "Load",
    "LogNormal",
    "Phased",
    "Poisson",
    "Recorder",
    "Recording",
    "Recovering",
    "Refusing",
    "Replacement",
    "Reply",
    "Report",
    "Resetting",
    "Simulation",
    "Slice",
    "Slow",
    "Staffed",
    "Stall",
    "Tier",
    "Unreachable",
    "Visit",
    "instances",
]
