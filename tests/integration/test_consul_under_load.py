"""Calls go on while instances die, leave and come: a real Consul, real instances, steady load.

How soon a change of the registry is seen is measured from the moment its write is sent to Consul, and told at the end
of the run.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

import meshclient
from integration.load import Tally, call_at_rate, call_in_threads, lacks, lists, seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers.backend import Backend, Backends
    from servers.consul import Consul

VISIBLE_WITHIN = 1.0
# Passing for as long as a test lasts: whoever dies stays listed.
LIVES = {"TTL": "10m", "Status": "passing"}


@pytest.fixture
def name() -> str:
    return f"orders-{secrets.token_hex(4)}"


def enlist(consul: Consul, name: str, backends: list[Backend], node: int = 0) -> None:
    for backend in backends:
        consul.register(name, backend.port, check=LIVES, node=node)


@dataclass
class Churn:
    """One instance dies, one leaves, one comes; each step after so many more calls.

    Attributes:
        times: seconds from each write to the list the client calls by.
        moments: when each change was seen.
    """

    consul: Consul
    name: str
    backends: Backends
    calls_between: int
    times: dict[str, float] = field(default_factory=dict)
    moments: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dies, self.leaves, self.stays = self.backends(3)
        (self.comes,) = self.backends(1)
        enlist(self.consul, self.name, [self.dies, self.leaves, self.stays])

    def run(self, mesh: meshclient.Mesh, tally: Tally) -> None:
        tally.wait(self.calls_between)
        self.dies.kill()
        tally.wait(self.calls_between)
        assert lists(self.dies.port)(mesh.service(self.name).snapshot), "Consul still lists the one that died"
        began = time.monotonic()
        self.consul.deregister(f"{self.name}-{self.leaves.port}")
        self._seen("deregistered", seen(mesh, self.name, lacks(self.leaves.port)), began)
        self.leaves.stop()
        tally.wait(self.calls_between)
        began = time.monotonic()
        self.consul.register(self.name, self.comes.port, check=LIVES)
        self._seen("added", seen(mesh, self.name, lists(self.comes.port)), began)
        tally.wait(self.calls_between)

    def _seen(self, change: str, moment: float, began: float) -> None:
        self.moments[change] = moment
        self.times[change] = moment - began

    def check(self, tally: Tally) -> None:
        assert tally.failures == []
        # What died is noticed by calls alone, and each of those found an answer elsewhere.
        assert tally.retries > 0
        assert self.leaves.port not in tally.since(self.moments["deregistered"])
        at_last = tally.since(self.moments["added"])
        assert at_last[self.comes.port] > 0
        assert at_last[self.stays.port] > 0
        assert self.times.keys() == {"deregistered", "added"}
        assert max(self.times.values()) <= VISIBLE_WITHIN, self.times

    def tell(self, colour: str, tally: Tally, measured: Callable[[str], None]) -> None:
        calls = tally.calls
        rate = len(calls) / (calls[-1].began - calls[0].began)
        seen = ", ".join(f"{change} seen after {1000 * seconds:.0f} ms" for change, seconds in self.times.items())
        measured(
            f"{colour} client, {len(calls)} GETs at {rate:.0f}/s: {len(tally.failures)} failed, "
            f"{tally.retries} retries; {seen}"
        )


def test_async_calls_while_one_dies_one_leaves_and_one_comes(
    consul: Consul, backends: Backends, name: str, measured: Callable[[str], None]
) -> None:
    churn = Churn(consul, name, backends, calls_between=450)
    tally = Tally()

    async def check() -> None:
        async with meshclient.AsyncClient(f"consul://127.0.0.1:{consul.port}") as http:
            stop = asyncio.Event()
            calling = asyncio.create_task(call_at_rate(http, f"http://{name}/", 200, tally, stop))
            try:
                await asyncio.to_thread(churn.run, http.mesh, tally)
            finally:
                stop.set()
                await calling

    asyncio.run(check())
    churn.tell("async", tally, measured)
    churn.check(tally)


def test_blocking_calls_while_one_dies_one_leaves_and_one_comes(
    consul: Consul, backends: Backends, name: str, measured: Callable[[str], None]
) -> None:
    churn = Churn(consul, name, backends, calls_between=100)
    tally = Tally()
    with meshclient.Client(f"consul://127.0.0.1:{consul.port}") as http:
        call_in_threads(http, f"http://{name}/", 100, tally, lambda: churn.run(http.mesh, tally))
    churn.tell("blocking", tally, measured)
    churn.check(tally)


def test_the_leader_is_killed_under_load(consul_cluster: Consul, backends: Backends, name: str) -> None:
    leader = consul_cluster.wait_leader()
    follower = next(node for node in range(3) if node != leader)
    one, two = backends(2)
    enlist(consul_cluster, name, [one, two], node=follower)
    servers = ",".join(f"{consul_cluster.host(node)}:{consul_cluster.port}" for node in (leader, *range(3)))
    tally = Tally()
    with meshclient.Client(f"consul://{servers}") as http:

        def scenario() -> None:
            tally.wait(50)
            consul_cluster.kill(leader)
            consul_cluster.wait_leader()
            tally.wait(50)
            # The list did not stand still: what the next leader says is heard.
            consul_cluster.deregister(f"{name}-{one.port}", node=follower)
            seen(http.mesh, name, lambda snapshot: snapshot.state == "ready" and lacks(one.port)(snapshot))
            tally.wait(50)

        call_in_threads(http, f"http://{name}/", 50, tally, scenario)
    assert tally.failures == []
