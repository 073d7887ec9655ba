"""What calls are told, and what they go on with, while Consul is gone or lists nothing."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from integration.load import Tally, call_at_rate, call_in_threads, lists, seen
from servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.model.report import SnapshotReport
    from meshclient.model.snapshot import Snapshot
    from servers.backend import Backend, Backends
    from servers.consul import Consul

BOUND = 30.0


@pytest.fixture
def name() -> str:
    return f"orders-{secrets.token_hex(4)}"


def enlist(consul: Consul, name: str, backends: list[Backend], node: int = 0, status: str = "passing") -> None:
    for backend in backends:
        consul.register(name, backend.port, check={"TTL": "10m", "Status": status}, node=node)


def state(wanted: str) -> Callable[[Snapshot], bool]:
    return lambda snapshot: snapshot.state == wanted


def routed_by(http: meshclient.Client, name: str) -> SnapshotReport:
    """The list behind one call made now, which is answered."""
    response = http.get(f"http://{name}/")
    assert response.status_code == 200
    report: SnapshotReport = response.extensions["mesh"].snapshot
    return report


def test_the_last_list_serves_on_while_every_server_is_dead(
    consul_cluster: Consul, backends: Backends, name: str
) -> None:
    leader = consul_cluster.wait_leader()
    first, late = backends(2)
    enlist(consul_cluster, name, [first], node=leader)
    servers = ",".join(f"{consul_cluster.host(node)}:{consul_cluster.port}" for node in range(3))
    tally = Tally()
    with meshclient.Client(f"consul://{servers}") as http:

        def scenario() -> None:
            tally.wait(20)
            for node in range(3):
                consul_cluster.kill(node)
            seen(http.mesh, name, state("failed"))
            before = routed_by(http, name)
            tally.wait(20)
            after = routed_by(http, name)
            assert (before.state, after.state) == ("failed", "failed")
            assert before.age is not None
            assert after.age is not None
            assert after.age > before.age > 0
            assert "none of 3 Consul servers" in after.cause
            consul_cluster.heal()
            enlist(consul_cluster, name, [late], node=consul_cluster.wait_leader())
            seen(http.mesh, name, lambda snapshot: snapshot.state == "ready" and lists(late.port)(snapshot))
            again = routed_by(http, name)
            assert (again.state, again.cause) == ("ready", "")
            tally.wait(20)

        call_in_threads(http, f"http://{name}/", 40, tally, scenario)
    assert tally.failures == []


def test_the_last_list_serves_on_while_consul_accepts_and_does_not_answer(
    own_consul: Consul, backends: Backends, name: str
) -> None:
    enlist(own_consul, name, backends(1))
    tally = Tally()

    async def check() -> None:
        # The open question ends after `wait`, and the silence is an outage `timeout` later.
        async with meshclient.AsyncClient(f"consul://127.0.0.1:{own_consul.port}?wait=1s&timeout=500ms") as http:
            stop = asyncio.Event()
            calling = asyncio.create_task(call_at_rate(http, f"http://{name}/", 50, tally, stop))

            def scenario() -> None:
                tally.wait(20)
                own_consul.pause()
                seen(http.mesh, name, state("failed"))
                tally.wait(20)
                report = http.mesh.service(name).snapshot_report()
                assert report.state == "failed"
                assert "did not answer" in report.cause
                assert report.age is not None
                assert report.age > 0.5
                own_consul.resume()
                seen(http.mesh, name, state("ready"))
                tally.wait(20)

            try:
                await asyncio.to_thread(scenario)
            finally:
                stop.set()
                await calling

    asyncio.run(check())
    assert tally.failures == []


def check_told(error: meshclient.ResolverUnavailable, name: str, port: int) -> None:
    text = str(error)
    assert f"cannot resolve {name!r}" in text
    assert f"consul://127.0.0.1:{port} has been unavailable for " in text
    assert "nothing was sent" in text
    assert isinstance(error, httpx.ConnectError)
    assert error.mesh is not None
    assert error.mesh.snapshot is not None
    assert error.mesh.snapshot.state == "failed"


def test_consul_down_at_the_start_is_told_at_the_deadline(name: str) -> None:
    port, deadline = free_port(), 0.8
    with meshclient.Client(f"consul://127.0.0.1:{port}", defaults={"deadline": deadline}) as http:
        began = time.monotonic()
        with pytest.raises(meshclient.ResolverUnavailable) as caught:
            http.get(f"http://{name}/")
        assert time.monotonic() - began >= deadline, "a registry that comes up in time still answers the call"
    check_told(caught.value, name, port)


def test_consul_down_at_the_start_is_told_at_the_deadline_of_an_async_call(name: str) -> None:
    port = free_port()

    async def check() -> None:
        async with meshclient.AsyncClient(f"consul://127.0.0.1:{port}") as http:
            with pytest.raises(meshclient.ResolverUnavailable) as caught:
                await http.get(f"http://{name}/", extensions={"mesh": {"deadline": 0.5}})
            check_told(caught.value, name, port)

    asyncio.run(check())


def test_a_call_made_before_consul_is_up_waits_for_it(own_consul: Consul, backends: Backends, name: str) -> None:
    own_consul.kill()
    with meshclient.Client(f"consul://127.0.0.1:{own_consul.port}", defaults={"deadline": BOUND}) as http:
        http.mesh.service(name)
        seen(http.mesh, name, state("failed"))
        tally = Tally()

        def scenario() -> None:
            own_consul.restart()
            enlist(own_consul, name, backends(1))
            tally.wait(4)

        call_in_threads(http, f"http://{name}/", 40, tally, scenario)
    # Consul answers, for a moment, that there is no such service: it came back empty.
    assert [error for error in tally.failures if "knows no service" not in error] == []
    assert tally.calls[-1].error == ""


def end_of(http: meshclient.Client, name: str, backends: list[Backend]) -> meshclient.ResolutionError:
    """Calls are answered although the list is empty; then the instances stop, and this is what calls are told."""
    seen(http.mesh, name, state("empty"))
    # Consul was told of one after the other: what was listed last is held.
    for _ in range(20):
        assert routed_by(http, name).state == "empty"
    for backend in backends:
        backend.stop()
    end = time.monotonic() + BOUND
    while time.monotonic() < end:
        try:
            http.get(f"http://{name}/")
        except meshclient.ResolutionError as error:
            return error
        except httpx.ConnectError:
            continue  # it met the instances that no longer answer; the next call knows
    raise AssertionError("calls are still sent to instances that are gone from the list and do not answer")


def test_a_service_whose_instances_all_turn_critical(consul: Consul, backends: Backends, name: str) -> None:
    mine = backends(2)
    enlist(consul, name, mine)
    with meshclient.Client(f"consul://127.0.0.1:{consul.port}") as http:
        assert routed_by(http, name).state == "ready"
        for backend in mine:
            consul.call("PUT", f"/v1/agent/check/fail/service:{name}-{backend.port}")
        error = end_of(http, name, mine)
        assert isinstance(error, meshclient.NoEndpoints)
        told = f"lists no endpoint of {name!r} any more, and none of the [12] it listed before answers"
        assert re.search(told, str(error))
        with pytest.raises(meshclient.NoEndpoints, match="nothing was sent"):
            http.get(f"http://{name}/")


def test_a_service_that_is_scaled_to_zero_and_comes_back(consul: Consul, backends: Backends, name: str) -> None:
    mine = backends(2)
    enlist(consul, name, mine)
    with meshclient.Client(f"consul://127.0.0.1:{consul.port}") as http:
        assert routed_by(http, name).state == "ready"
        for backend in mine:
            consul.deregister(f"{name}-{backend.port}")
        error = end_of(http, name, mine)
        # Consul does not tell a service without instances from one it never heard of; who called it before can.
        assert isinstance(error, meshclient.NoEndpoints)
        assert f"lists no endpoint of {name!r} any more" in str(error)
        (back,) = backends(1)
        enlist(consul, name, [back])
        seen(http.mesh, name, lists(back.port))
        report = http.get(f"http://{name}/").extensions["mesh"]
        assert report.endpoint.port == back.port
