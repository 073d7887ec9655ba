"""A real Consul that loses its data, and a client that starts while it is gone: calls find their instances."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import meshclient
from meshclient.model.events import EmptyListHeld, MassRemovalHeld, MassRemovalReleased

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meshclient.model.events import Event
    from servers.backend import Backend, Backends
    from servers.consul import Consul

BOUND = 30.0


@pytest.fixture
def name() -> str:
    return f"orders-{secrets.token_hex(4)}"


def enlist(consul: Consul, name: str, backend: Backend) -> str:
    instance = f"{name}-{backend.port}"
    consul.register(name, backend.port, instance=instance, check={"TTL": "10m", "Status": "passing"})
    return instance


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_consul_that_restarts_without_its_data_takes_nobody_away(
    own_consul: Consul, backends: Backends, name: str
) -> None:
    """Its first words are an empty list, then one instance of five: neither is believed."""
    fleet = list(backends(5))
    for backend in fleet:
        enlist(own_consul, name, backend)
    told: list[Event] = []
    with meshclient.Client(f"consul://127.0.0.1:{own_consul.port}", observers=[told.append]) as http:
        mesh = http.mesh
        assert len(mesh.warm(name, timeout=BOUND)[name].endpoints) == 5
        own_consul.restart()
        enlist(own_consul, name, fleet[0])
        until(lambda: mesh.service(name).watch.course.hold is not None)
        until(lambda: any(isinstance(event, MassRemovalHeld) for event in told))
        assert len(mesh.service(name).snapshot.endpoints) == 5
        reached = {http.get(f"http://{name}/").extensions["mesh"].endpoint.port for _ in range(60)}
        assert len(reached) > 1
        for backend in fleet[1:]:
            enlist(own_consul, name, backend)
        until(lambda: mesh.service(name).watch.course.hold is None)
        assert len(mesh.service(name).snapshot.endpoints) >= 3
        until(lambda: len(mesh.service(name).snapshot.endpoints) == 5)
    assert any(isinstance(event, MassRemovalReleased) for event in told)
    assert sum(isinstance(event, EmptyListHeld) for event in told) <= 1


CLIENT = """
import sys
import meshclient
uri, state, name = sys.argv[1:]
with meshclient.Client(mesh=meshclient.Mesh(uri, state_dir=state)) as http:
    response = http.get(f"http://{name}/")
    seen = response.extensions["mesh"].snapshot
    print(response.status_code, seen.state, seen.age is not None and seen.age > 0)
    http.mesh.close()
"""


def call(uri: str, state: Path, name: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, uri, str(state), name],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_client_that_starts_while_consul_is_gone_calls_by_the_list_on_disk(
    own_consul: Consul, backends: Backends, name: str, tmp_path: Path
) -> None:
    (backend,) = backends(1)
    enlist(own_consul, name, backend)
    uri = f"consul://127.0.0.1:{own_consul.port}"
    assert call(uri, tmp_path / "state", name) == "200 ready True"
    own_consul.kill()
    assert call(uri, tmp_path / "state", name) == "200 failed True"
