"""`mesh.register` and a real Consul: what is listed, for how long, and what becomes of it when either side ends."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import meshclient
from meshclient.mesh.mesh import Mesh
from meshclient.registration.address import local_address
from servers.faults import HttpFault
from servers.ports import free_port
from servers.process import wait_until

if TYPE_CHECKING:
    from servers.backend import Backends
    from servers.consul import Consul
    from servers.faultproxies import FaultProxies

BOUND = 60.0


@pytest.fixture
def name() -> str:
    return f"orders-{secrets.token_hex(4)}"


def rows(consul: Consul, name: str, *, passing: bool = True) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = consul.call("GET", f"/v1/health/service/{name}{'?passing' if passing else ''}")
    return found


def uri(consul: Consul, options: str = "") -> str:
    return f"consul://127.0.0.1:{consul.port}{options}"


def test_an_instance_is_called_while_its_lease_lasts(consul: Consul, backends: Backends, name: str) -> None:
    (backend,) = backends(1)
    with Mesh(uri(consul)) as mesh, meshclient.Client(mesh=mesh) as http:
        with mesh.register(name, host="127.0.0.1", port=backend.port, weight=3, zone="eu-1a", tags=("v2",)) as lease:
            assert lease.listed
            (row,) = rows(consul, name)
            service = row["Service"]
            assert service["ID"] == f"{name}-127.0.0.1-{backend.port}"
            assert service["Tags"] == ["v2"]
            endpoint = http.get(f"http://{name}/").extensions["mesh"].endpoint
            assert (endpoint.port, endpoint.weight, endpoint.zone) == (backend.port, 3, "eu-1a")
        assert rows(consul, name, passing=False) == []


def test_the_address_is_the_one_others_reach(consul: Consul, name: str) -> None:
    with Mesh(uri(consul)).register(name, port=8080):
        (row,) = rows(consul, name)
        assert row["Service"]["Address"] == local_address()


def test_a_lease_keeps_its_instance_passing_beyond_the_time_to_live(consul: Consul, name: str) -> None:
    with Mesh(uri(consul)).register(name, port=8080, ttl=0.6):
        (row,) = rows(consul, name)
        check = f"/v1/health/checks/{name}"
        # Each renewal writes to the check; several make more than one time to live.
        last = consul.call("GET", check)[0]["ModifyIndex"]
        consul.call("PUT", f"/v1/agent/check/warn/service:{row['Service']['ID']}")
        wait_until(lambda: consul.call("GET", check)[0]["Status"] == "passing", BOUND, "a renewal")
        assert consul.call("GET", check)[0]["ModifyIndex"] > last


def test_with_a_health_path_consul_looks_itself(consul: Consul, backends: Backends, name: str) -> None:
    (backend,) = backends(1)
    mesh = Mesh(uri(consul, "?interval=200ms"))
    with mesh.register(name, host="127.0.0.1", port=backend.port, health="/healthz") as lease:
        wait_until(lambda: rows(consul, name), BOUND, "the first check")
        assert backend.stats()["paths"]["/healthz"] > 0
        backend.control(status=503)
        wait_until(lambda: not rows(consul, name), BOUND, "a failed check")
        assert lease.listed, "the instance is still known, only not healthy"
        backend.control()
        wait_until(lambda: rows(consul, name), BOUND, "a passing check")
    assert rows(consul, name, passing=False) == []


@pytest.mark.parametrize("health", ["", "/healthz"])
def test_what_consul_lost_in_a_restart_is_registered_again(
    own_consul: Consul, backends: Backends, name: str, health: str, caplog: pytest.LogCaptureFixture
) -> None:
    (backend,) = backends(1)
    mesh = Mesh(uri(own_consul, "?interval=200ms"))
    with mesh.register(name, host="127.0.0.1", port=backend.port, health=health, ttl=0.9):
        wait_until(lambda: rows(own_consul, name), BOUND, "the registration")
        own_consul.restart()
        wait_until(lambda: rows(own_consul, name), BOUND, "the second registration")
        assert any("is no longer listed: registering again" in record.getMessage() for record in caplog.records)


def test_consul_that_is_down_at_the_start_is_waited_for(
    own_consul: Consul, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    own_consul.kill()
    with Mesh(uri(own_consul)).register(name, host="127.0.0.1", port=8080, ttl=0.9, timeout=0.2) as lease:
        assert not lease.listed
        (trouble, waiting) = sorted(record.getMessage() for record in caplog.records)[:2]
        assert f"{name} at http://127.0.0.1:8080 cannot be registered: ConsulUnreachable: " in trouble
        assert waiting.startswith("http://127.0.0.1:8080 is not registered at consul://127.0.0.1:")
        own_consul.restart()
        wait_until(lambda: rows(own_consul, name), BOUND, "the registration")
        wait_until(lambda: lease.listed, BOUND, "knowing it")
    assert rows(own_consul, name, passing=False) == []


def test_consul_that_is_down_at_the_end_does_not_hold_the_process(
    own_consul: Consul, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Mesh(uri(own_consul)).register(name, port=8080):
        own_consul.kill()
    assert "could not be taken out: ConsulUnreachable" in caplog.records[-1].getMessage()


def test_a_renewal_that_consul_refuses_is_repeated(
    consul: Consul, fault_proxy: FaultProxies, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = fault_proxy.http("127.0.0.1", consul.port)
    caplog.set_level(logging.WARNING, "meshclient.registration")
    with Mesh(f"consul://{proxy.url.removeprefix('http://')}").register(name, port=8080, ttl=0.6) as lease:
        proxy.set(HttpFault(path="^/v1/agent/check/pass/", status=500, times=2))
        wait_until(lambda: any("is registered" in r.getMessage() for r in caplog.records), BOUND, "a renewal")
        assert lease.listed
    first, *_ = [record.getMessage() for record in caplog.records]
    assert "cannot be renewed: ConsulError" in first


PROGRAM = """
import sys, meshclient
uri, name, port = sys.argv[1:]
lease = meshclient.Mesh(uri).register(name, host="127.0.0.1", port=int(port))
print("listed" if lease.listed else "not listed", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_end_of_the_process_takes_its_instance_out(consul: Consul, name: str, host: str) -> None:
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"consul://{host}:{consul.port}", name, "8080"],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "listed\n"
            assert len(rows(consul, name)) == 1
            _, errors = process.communicate("end\n", timeout=30)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    assert rows(consul, name, passing=False) == []


def test_the_registry_may_be_another_than_the_resolver(consul: Consul, name: str) -> None:
    mesh = Mesh("dns://")
    with mesh.register(name, port=8080, registry=uri(consul)):
        assert len(rows(consul, name)) == 1
    with Mesh(f"{uri(consul)} | dns://").register(name, port=8080):
        assert len(rows(consul, name)) == 1


def test_what_cannot_be_registered_is_told_at_once(name: str) -> None:
    somewhere = f"consul://127.0.0.1:{free_port()}"
    with pytest.raises(meshclient.ConfigError, match="no registry to register at"):
        Mesh().register(name, port=8080)
    with pytest.raises(meshclient.PluginError, match="registrar scheme 'dns' is unknown"):
        Mesh("dns://").register(name, port=8080)
    with pytest.raises(meshclient.ConfigError, match="dcc"):
        Mesh(f"{somewhere}?dcc=x").register(name, port=8080)
    for port in (0, 99999):
        with pytest.raises(ValueError, match=str(port)):
            Mesh(somewhere).register(name, port=port)
    with pytest.raises(ValueError, match="not a path"):
        Mesh(somewhere).register(name, port=8080, health="healthz")
    with pytest.raises(ValueError, match="time to live"):
        Mesh(somewhere).register(name, port=8080, ttl=0)


def test_an_ipv6_instance_has_an_id_that_fits_a_url(consul: Consul, name: str) -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python is built without IPv6")
    with Mesh(uri(consul)).register(name, host="fd00::1", port=8080):
        (row,) = rows(consul, name)
        assert (row["Service"]["ID"], row["Service"]["Address"]) == (f"{name}-fd00--1-8080", "fd00::1")
