"""`mesh.register` with a health path, and in a coroutine, on a real Consul."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest

from integration.registered_process import rows
from meshclient.mesh.mesh import Mesh
from servers.ports import free_port
from servers.process import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from servers.backend import Backends
    from servers.consul import Consul

pytestmark = pytest.mark.registry("consul", "register", "deregister")

BOUND = 60.0


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return f"ready-{secrets.token_hex(4)}"


def mesh_of(consul: Consul) -> Mesh:
    return Mesh(f"consul://127.0.0.1:{consul.port}?interval=200ms")


def test_an_instance_is_listed_when_it_is_ready_and_not_before(consul: Consul, backends: Backends, name: str) -> None:
    (backend,) = backends(1)
    backend.control(status=503)
    with mesh_of(consul).register(name, host="127.0.0.1", port=backend.port, health="/healthz") as lease:
        wait_until(lambda: backend.stats()["paths"].get("/healthz", 0) >= 3, BOUND, "some checks")
        assert (rows(consul, name, passing=False), lease.listed) == ([], False)
        backend.control()
        wait_until(lambda: rows(consul, name), BOUND, "the registration")
        # Others may read what was written before its writer has the answer.
        wait_until(lambda: lease.listed, BOUND, "the lease to know")
    assert rows(consul, name, passing=False) == []


def test_nobody_is_made_to_wait_for_readiness(consul: Consul, name: str) -> None:
    # Where Consul is to see the instance critical from the start.
    port = free_port()
    mesh = mesh_of(consul)
    with mesh.register(name, host="127.0.0.1", port=port, health="/healthz", wait_ready=False) as lease:
        assert lease.listed
        assert len(rows(consul, name, passing=False)) == 1


def test_a_port_may_be_what_is_waited_for(consul: Consul, backends: Backends, name: str) -> None:
    (backend,) = backends(1)
    backend.kill()
    with mesh_of(consul).register(name, host="127.0.0.1", port=backend.port, wait_ready=True) as lease:
        assert not lease.listed
        backend.start()
        wait_until(lambda: lease.listed, BOUND, "the registration")


def test_a_coroutine_registers_and_leaves(consul: Consul, backends: Backends, name: str) -> None:
    (backend,) = backends(1)

    async def check() -> None:
        async with mesh_of(consul).register(name, host="127.0.0.1", port=backend.port) as lease:
            assert lease.listed
            assert len(await asyncio.to_thread(rows, consul, name)) == 1

    asyncio.run(check())
    assert rows(consul, name, passing=False) == []


def test_the_same_instance_twice_is_one(consul: Consul, name: str) -> None:
    port = free_port()
    with mesh_of(consul).register(name, host="127.0.0.1", port=port) as first:
        with mesh_of(consul).register(name, host="127.0.0.1", port=port) as second:
            assert (first.listed, second.listed) == (True, False)
            first.close()
            wait_until(lambda: second.listed, BOUND, "the other")
            assert len(rows(consul, name)) == 1
        assert rows(consul, name, passing=False) == []
