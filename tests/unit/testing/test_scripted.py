"""Scripted instances and registries, and time that passes as a test says."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

import meshclient
from meshclient.errors import DeadlineExceeded
from meshclient.model.events import SnapshotUpdated
from meshclient.model.snapshot import Empty, Failed, Ready
from meshclient.testing import (
    FakeEndpoint,
    FakeMesh,
    FakeResolver,
    ManualClock,
    MeshEvents,
    MisbehavingServer,
    disable_waits,
    route,
)
from meshclient.testing.fake_endpoint import Step
from meshclient.testing.respx_route import endpoints
from unit.http.face import Face, face_fixture, pending  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from meshclient.model.snapshot import Snapshot

URL = "http://orders/"
LIMITS = {"attempt_timeout": "300s", "deadline": "1000s", "retry": {"backoff": "10s..10s"}}


def client(face: Face, mesh: FakeMesh, **arguments: Any) -> Any:
    made: Any = mesh.async_client(**arguments) if face.is_async else mesh.client(**arguments)
    return face._keep(made)


def test_a_script_is_followed_and_then_the_rest(face: Face) -> None:
    steps: list[Step] = [503, httpx.ConnectError, httpx.ReadError("broken"), FakeEndpoint(status=201, script=[404])]
    with FakeMesh({"orders": FakeEndpoint(script=steps, json="well")}) as mesh:
        http = client(face, mesh)
        statuses = [face.run(http.get(URL, extensions={"mesh": {"retry": False}})).status_code for _ in range(1)]
        for error in (httpx.ConnectError, httpx.ReadError):
            with pytest.raises(error):
                face.run(http.get(URL, extensions={"mesh": {"retry": False}}))
        statuses += [face.run(http.get(URL)).status_code for _ in range(3)]
        assert statuses == [503, 404, 200, 200]
        assert len(mesh.calls) == 6
        assert pending(http) == 0


def test_bodies_arrive_in_pieces_slowly_and_break_off(face: Face) -> None:
    whole = FakeEndpoint(body=[b"a", b"b"])
    with FakeMesh({"orders": whole}, clock=ManualClock(time.monotonic()), defaults=LIMITS) as mesh:
        http = client(face, mesh)
        with face.stream(http, "GET", URL) as response:
            assert list(face.chunks(response)) == [b"a", b"b"]
        whole.body_pause = 3.0
        begun = mesh.clock()
        assert face.run(http.get(URL)).content == b"ab"
        assert mesh.clock() - begun == pytest.approx(6.0)
        with pytest.raises(httpx.ReadTimeout, match="no more of the body for 3s"):
            face.run(http.get(URL, timeout=2.0))
        whole.cut = True
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            face.run(http.get(URL))
        assert pending(http) == 0


def test_pauses_pass_on_the_clock(face: Face) -> None:
    clock = ManualClock(time.monotonic())
    with FakeMesh({"orders": FakeEndpoint(script=[503], latency=100)}, clock=clock, defaults=LIMITS, seed=1) as mesh:
        http, begun = client(face, mesh), clock()
        report = face.run(http.get(URL)).extensions["mesh"]
        first, second = report.attempts
        assert 0 < second.started - first.duration <= 10
        assert second.duration == 100
        assert clock() - begun == second.started + second.duration
        with pytest.raises(DeadlineExceeded):
            face.run(http.get(URL, extensions={"mesh": {"deadline": 50}}))
        assert pending(http) == 0


def test_an_ejected_instance_comes_back_on_the_clock() -> None:
    clock = ManualClock(time.monotonic())
    settings = {"ejection": {"consecutive": 1, "base": "30s"}, "balancer": "round_robin", "retry": False}
    instances = [FakeEndpoint(script=[503], json="first"), FakeEndpoint(json="second")]
    with FakeMesh({"orders": instances}, defaults=settings, clock=clock) as mesh, mesh.client() as http:
        first = [http.get(URL).status_code for _ in range(2)]
        assert sorted(first) == [200, 503]
        assert {http.get(URL).json() for _ in range(6)} == {"second"}
        clock.advance(61)
        assert {http.get(URL).json() for _ in range(6)} == {"first", "second"}


def test_waiting_in_vain_ends_on_the_clock(face: Face) -> None:
    clock = ManualClock(time.monotonic())
    with FakeMesh({"orders": FakeEndpoint()}, clock=clock, defaults={"deadline": "200ms"}) as mesh:
        mesh.registry.hang("orders")
        http, begun = client(face, mesh), clock()
        with pytest.raises(meshclient.ResolverUnavailable):
            face.run(http.get(URL))
        assert clock() - begun == pytest.approx(0.2)


def test_a_circuit_opens_and_tries_again_on_the_clock() -> None:
    clock = ManualClock(time.monotonic())
    settings = {"circuit": {"ratio": 0.5, "min_calls": 4, "open": "60s..60s"}, "retry": False, "ejection": False}
    instance = FakeEndpoint(status=500)
    with FakeMesh({"orders": instance}, defaults=settings, clock=clock, seed=1) as mesh, mesh.client() as http:
        assert [http.get(URL).status_code for _ in range(4)] == [500] * 4
        with pytest.raises(meshclient.CircuitOpen):
            http.get(URL)
        instance.status = 200
        with pytest.raises(meshclient.CircuitOpen):
            http.get(URL)
        clock.advance(120)
        assert http.get(URL).status_code == 200
        mesh.circuits.open("orders")
        with pytest.raises(meshclient.CircuitOpen):
            http.get(URL)


def test_waits_are_left_out_for_real_servers_too(face: Face) -> None:
    with MisbehavingServer("503", "well") as server:
        http = face.orders(server.url, service={"retry": {"backoff": "40s..40s"}, "deadline": "100s"})
        with disable_waits() as waits:
            assert face.run(http.get(URL)).status_code == 200
    (wait,) = waits
    assert 0 < wait <= 40


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [("hang", "timeout"), ("reset", "disconnected"), ("close", "disconnected"), ("garbage", "protocol_error")],
)
def test_a_server_misbehaves(face: Face, behaviour: str, kind: str) -> None:
    with MisbehavingServer(behaviour, "well") as server:
        http = face.orders(
            server.url, service={"attempt_timeout": 0.3, "retry": {"backoff": "0s..0s"}, "deadline": "60s"}
        )
        first, second = face.run(http.get(URL)).extensions["mesh"].attempts
        assert (str(first.outcome.kind), str(second.outcome.kind)) == (kind, "ok")
        server.then("cut")
        with pytest.raises(httpx.RemoteProtocolError):
            face.run(http.get(URL))
        assert server.requests == 3


def test_a_server_is_there_within_a_block_and_again_in_another() -> None:
    with pytest.raises(ValueError, match="no server behaves 'hangs': write any of well, hang"):
        MisbehavingServer("hangs")
    server = MisbehavingServer()
    with pytest.raises(RuntimeError, match=r"with MisbehavingServer\(\.\.\.\) as server"):
        assert server.url
    for _ in range(2):
        with server:
            assert httpx.get(server.url).text == "well\n"
    assert server.requests == 2


def test_a_registry_in_every_trouble() -> None:
    events = MeshEvents()
    registry = FakeResolver({"orders": ["http://10.0.0.1:80", "http://10.0.0.2:80", "http://10.0.0.3:80"]})
    with meshclient.Mesh(registry, observers=[events], discovery={"hold": False}) as mesh:

        def snapshot() -> Snapshot:
            return mesh.service("orders").snapshot

        mesh.warm("orders")
        registry.flap("orders", times=3, cause="restarting")
        events.assert_sequence(*["registry_lost", "registry_recovered"] * 3)
        assert isinstance(snapshot(), Ready)
        registry.dwindle("orders", keep=1)
        assert len(snapshot().endpoints) == 1
        lists = [len(event.snapshot.endpoints) for event in events if isinstance(event, SnapshotUpdated)]
        assert lists == [3, 2, 1]
        registry.garble("orders")
        failed = wait_for(mesh, lambda found: isinstance(found, Failed))
        assert isinstance(failed, Failed)
        assert "the registry's answer is not JSON" in failed.cause
        assert len(failed.endpoints) == 1
        registry.set("orders", ["http://10.0.0.9:80"])
        assert wait_for(mesh, lambda found: isinstance(found, Ready)).endpoints[0].host == "10.0.0.9"
        registry.hang("silent")
        assert mesh.warm("silent", timeout=0.05)["silent"].state == "pending"
        registry.dwindle("orders")
        assert isinstance(registry.said("orders"), Empty)
        registry.restore("silent", registry.said("orders"))
        assert mesh.service("silent").snapshot.state == "empty"


def wait_for(mesh: meshclient.Mesh, accept: Any) -> Snapshot:
    end = time.monotonic() + 30
    while not accept(found := mesh.service("orders").snapshot):
        assert mesh.service("orders").watch.wait(found, end - time.monotonic()), found
    return found


def test_respx_stands_in_for_instances_at_stable_hosts(face: Face) -> None:
    with respx.mock as router:
        first, second = route(router, "orders", instances=2, method="GET")
        first.respond(503)
        second.respond(json={"id": 42})
        http = face.client(services=endpoints("orders", instances=2), defaults={"balancer": "round_robin"})
        for _ in range(2):
            assert face.run(http.get("http://orders/v1/orders/42")).json() == {"id": 42}
        assert first.called
        assert second.calls.last.request.url == "http://orders-1.test/v1/orders/42"


def test_an_asynchronous_mesh_on_a_clock_does_not_wait() -> None:
    async def main() -> float:
        async with FakeMesh({"orders": FakeEndpoint(latency=200)}, clock=ManualClock(), defaults=LIMITS) as mesh:
            async with mesh.async_client() as http:
                await asyncio.gather(*(http.get(URL) for _ in range(3)))
            return mesh.clock()

    assert asyncio.run(main()) == 1000 + 600
