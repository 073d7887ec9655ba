"""Real processes, found by the entry point and followed on the discovery thread as a mesh does it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pybreaker
import pytest
import redis

from meshclient.mesh.circuit import ISOLATED, ServiceCircuit
from meshclient.mesh.circuits import Circuits
from meshclient.model.events import StoreChanged
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Kit

    from meshclient.model.events import CircuitChanged
    from servers.redis import Redis

BEGIN = """
import os, random, sys, time
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.mesh.circuits import Circuits

def until(holds):
    end = time.monotonic() + 10
    while not holds():
        if time.monotonic() > end:
            sys.exit("in vain")
        time.sleep(0.01)

uri, service = sys.argv[1:]
circuits = Circuits(clock=time.monotonic, uniform=random.random)
circuit = circuits.circuit(service, CircuitRule(), uri)
until(lambda: not any(circuits.troubles.values()))
"""
# Stays until it has been heard, which is when the other side has closed it.
OTHER = (
    BEGIN
    + """
circuits.isolate(service)
print(circuit.state, flush=True)
until(lambda: circuit.state == "closed")
circuits.stop()
"""
)
FORKING = (
    BEGIN
    + """
child = os.fork()
if child == 0:
    circuit.isolate()
    print("child:", circuit.state, flush=True)
    until(lambda: circuit.state == "closed")
    os._exit(0)
until(lambda: circuit.state != "closed")
print("parent:", circuit.state)
circuit.close()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
)


@pytest.fixture
def circuits() -> Iterator[Circuits]:
    made = Circuits(clock=time.monotonic, uniform=random.random)
    yield made
    made.stop()


def test_another_process_isolates_the_service(kit: Kit, redis_server: Redis, circuits: Circuits) -> None:
    service = kit.fresh()
    uri = kit.uri(redis_server.port)
    circuit = circuits.circuit(service, kit.rule, uri)
    kit.eventually(lambda: not any(circuits.troubles.values()), "Redis")
    command = [sys.executable, "-c", OTHER, uri, service]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            kit.eventually(lambda: circuit.state == ISOLATED, "isolation")
            circuits.close(service)
            said, _ = other.communicate(timeout=20)
        finally:
            other.kill()
    assert (other.returncode, said) == (0, "isolated\n")
    assert circuits.states == {service: pybreaker.STATE_CLOSED}


def test_a_forked_child_follows_by_itself(kit: Kit, redis_server: Redis) -> None:
    command = [
        sys.executable,
        "-W",
        "ignore::DeprecationWarning",
        "-c",
        FORKING,
        kit.uri(redis_server.port),
        kit.fresh(),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["child: isolated", "parent: isolated"]


def test_what_the_store_says_is_told_once(kit: Kit, redis_server: Redis) -> None:
    told: list[CircuitChanged | StoreChanged] = []
    circuits = Circuits(clock=time.monotonic, uniform=random.random, tell=told.append)
    redis_server.kill()
    circuits.circuit(kit.fresh(), kit.rule, kit.uri(redis_server.port))
    kit.eventually(lambda: len(told) == 1, "trouble")
    redis_server.restart()
    kit.eventually(lambda: len(told) == 2, "its end")
    circuits.stop()
    gone, back = (event for event in told if isinstance(event, StoreChanged))
    assert gone.source.startswith("redis://127.0.0.1")
    assert (bool(gone.trouble), back.trouble) == (True, "")


def test_pybreakers_own_redis_storage_shares_a_circuit_too(kit: Kit, redis_server: Redis) -> None:
    """Its reads wait for Redis; the state, the open time and the end of it are seen by the other all the same."""
    service = kit.fresh()
    rule = replace(kit.rule, first=30.0, limit=30.0)
    made = []
    with redis.Redis(port=redis_server.port) as client:
        for _ in range(2):
            storage = pybreaker.CircuitRedisStorage(pybreaker.STATE_CLOSED, client, namespace=service)
            made.append(ServiceCircuit(service, rule, clock=time.monotonic, uniform=random.random, storage=storage))
        one, other = made
        for _ in range(2):
            permit = one.admit(time.monotonic())
            assert permit is not None
            permit.done(Mark.FAILURE, time.monotonic())
        assert other.state == pybreaker.STATE_OPEN
        assert other.admit(time.monotonic()) is None
        assert other.admit(time.monotonic() + 30) is not None
        assert one.state == pybreaker.STATE_HALF_OPEN
        other.close()
        assert one.admit(time.monotonic()) is not None
