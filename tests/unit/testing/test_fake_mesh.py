"""`FakeMesh`: a program's calls go through the real mesh to instances that are Python objects."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.errors import ConfigError, DeadlineExceeded, NoEndpoints, ResolverUnavailable, ServiceNotFound
from meshclient.model.events import EndpointEjected
from meshclient.testing.fake_endpoint import FakeEndpoint
from meshclient.testing.fake_mesh import FakeMesh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.model.events import Event

URL = "http://orders/v1/orders/42"


def echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"path": request.url.path, "body": request.content.decode()})


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may really wait, apart from what `latency` asks for."""
    slept = time.sleep

    def sleep(seconds: float) -> None:
        assert seconds < 0.1, "a pause of the mesh"
        slept(seconds)

    monkeypatch.setattr(time, "sleep", sleep)


def test_a_function_is_a_service() -> None:
    with FakeMesh({"orders": echo}) as mesh, mesh.client() as http:
        response = http.post(URL, content=b"hello")
    assert response.json() == {"path": "/v1/orders/42", "body": "hello"}
    assert response.url == URL
    assert str(response.extensions["mesh"].endpoint) == "http://orders-1.test:80"


def test_asynchronous() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return httpx.Response(201, text=request.content.decode())

    async def main() -> None:
        async with FakeMesh({"orders": [answer, FakeEndpoint(fail=httpx.ConnectError)]}) as mesh:
            async with mesh.async_client() as http:
                responses = await asyncio.gather(*(http.put(URL, content=f"{n}") for n in range(20)))
            assert [response.text for response in responses] == [str(n) for n in range(20)]
            assert len(mesh.calls) >= 20

    asyncio.run(main())


def test_an_asynchronous_handler_needs_an_asynchronous_client() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    with (
        FakeMesh({"orders": answer}) as mesh,
        mesh.client() as http,
        pytest.raises(TypeError, match=r"use FakeMesh\.async_client"),
    ):
        http.get(URL)


def test_calls_are_spread_over_the_instances() -> None:
    with FakeMesh({"orders": [FakeEndpoint(json=n) for n in range(4)]}) as mesh, mesh.client() as http:
        assert {http.get(URL).json() for _ in range(100)} == {0, 1, 2, 3}
        assert {call.endpoint for call in mesh.calls} == set(mesh.endpoints["orders"])


@pytest.mark.parametrize("fail", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.RemoteProtocolError])
def test_a_broken_instance_is_passed_over(fail: type[httpx.TransportError]) -> None:
    with FakeMesh({"orders": [FakeEndpoint(fail=fail), FakeEndpoint()]}) as mesh, mesh.client() as http:
        for _ in range(50):
            assert http.get(URL).status_code == 200


def test_a_broken_instance_is_ejected() -> None:
    told: list[Event] = []
    broken = FakeEndpoint(status=503)
    instances = [broken, *([FakeEndpoint()] * 3)]
    settings = {"balancer": "round_robin", "ejection": {"consecutive": 1}}
    with FakeMesh({"orders": instances}, defaults=settings, observers=[told.append]) as mesh, mesh.client() as http:
        for _ in range(100):
            assert http.get(URL).status_code == 200
        (ejected,) = [event for event in told if isinstance(event, EndpointEjected)]
        assert ejected.endpoint == mesh.endpoints["orders"][0]
        assert sum(call.endpoint == ejected.endpoint for call in mesh.calls) == 1


def test_what_was_never_sent_is_sent_again_and_what_may_have_arrived_is_not() -> None:
    def calls(fail: type[httpx.TransportError]) -> Iterator[int]:
        with FakeMesh({"orders": [FakeEndpoint(fail=fail)] * 2}) as mesh, mesh.client() as http:
            for send in (http.get, http.post):
                mesh.calls.clear()
                with pytest.raises(fail):
                    send(URL)
                yield len(mesh.calls)

    assert list(calls(httpx.ConnectError)) == [3, 3]
    assert list(calls(httpx.ReadError)) == [3, 1]


def test_a_given_exception_is_what_the_caller_gets() -> None:
    error = httpx.ReadError("by me")
    with (
        FakeMesh({"orders": FakeEndpoint(fail=error)}) as mesh,
        mesh.client() as http,
        pytest.raises(httpx.ReadError, match="by me") as caught,
    ):
        http.post(URL)
    assert caught.value.mesh.attempts[0].outcome.kind == "disconnected"  # type: ignore[attr-defined]


def test_an_instance_may_change() -> None:
    instance = FakeEndpoint()
    with FakeMesh({"orders": instance}) as mesh, mesh.client() as http:
        assert http.get(URL).content == b""
        instance.status, instance.json, instance.headers = 404, {"gone": True}, {"x-test": "1"}
        response = http.get(URL)
    assert (response.status_code, response.json(), response.headers["x-test"]) == (404, {"gone": True}, "1")


def test_latency_passes_and_times_out() -> None:
    with FakeMesh({"orders": [FakeEndpoint(latency=0.02)]}) as mesh, mesh.client() as http:
        assert http.get(URL).extensions["mesh"].attempts[0].duration >= 0.02
    slow, quick = FakeEndpoint(latency=60, json="slow"), FakeEndpoint(json="quick")
    limits = {"attempt_timeout": "50ms", "deadline": "60s"}
    with FakeMesh({"orders": [slow, quick]}, defaults=limits) as mesh, mesh.client() as http:
        assert {http.get(URL).json() for _ in range(20)} == {"quick"}
    with (
        FakeMesh({"orders": [slow]}, defaults={"deadline": "80ms"}) as mesh,
        mesh.client() as http,
        pytest.raises(DeadlineExceeded),
    ):
        http.get(URL)


def test_the_registry_is_in_the_tests_hands() -> None:
    instances = [FakeEndpoint(json=1), FakeEndpoint(json=2)]
    with FakeMesh({"orders": instances}, defaults={"deadline": "1s"}) as mesh, mesh.client() as http:
        one, two = mesh.endpoints["orders"]
        mesh.registry.set("orders", [two])
        assert {http.get(URL).json() for _ in range(10)} == {2}
        mesh.registry.fail("orders", "no route")
        assert http.get(URL).extensions["mesh"].snapshot.cause == "no route"
        mesh.registry.set("orders", [one])
        assert http.get(URL).json() == 1
        with pytest.raises(ServiceNotFound, match="knows no service 'users'"):
            http.get("http://users/")
        mesh.registry.empty("users")
        with pytest.raises(NoEndpoints):
            http.get("http://users/")
        mesh.registry.fail("others", "no route")
        with pytest.raises(ResolverUnavailable, match="no route"):
            http.get("http://others/", extensions={"mesh": {"deadline": 0.05}})


def test_nothing_leaves_the_process() -> None:
    with FakeMesh({"orders": echo}) as mesh, mesh.client() as http:
        with pytest.raises(httpx.ConnectError, match=r"which opens no sockets; its services: orders"):
            http.get("http://api.example.com/")
        mesh.registry.set("orders", ["http://10.0.0.1:80"])
        with pytest.raises(httpx.ConnectError, match=r"http://10.0.0.1/v1/orders/42 is at no endpoint"):
            http.get(URL)
        assert http.get("http://orders-1.test/direct").json()["path"] == "/direct"


def test_what_arrived_can_be_looked_at() -> None:
    with FakeMesh({"orders": echo, "Users": echo}) as mesh, mesh.client(headers={"x-who": "me"}) as http:
        http.post("http://orders/a", json={"n": 1})
        http.get("http://users/b")
    assert [(call.service, call.request.method, call.request.url.path) for call in mesh.calls] == [
        ("orders", "POST", "/a"),
        ("users", "GET", "/b"),
    ]
    assert mesh.calls[0].request.content == b'{"n":1}'
    assert mesh.calls[0].request.headers["x-who"] == "me"
    assert mesh.calls[0].request.headers["host"] == "orders"


def test_settings_are_the_real_ones() -> None:
    broken = [FakeEndpoint(status=503)] * 2
    with FakeMesh({"orders": broken}, defaults={"retry": {"attempts": 2}}) as mesh, mesh.client() as http:
        assert http.get(URL).status_code == 503
        assert len(mesh.calls) == 2
    with FakeMesh({"orders": broken}, defaults={"retry": False}) as mesh, mesh.client() as http:
        http.get(URL)
        assert len(mesh.calls) == 1
    with FakeMesh({"orders": broken}, settings={"orders": {"retry": {"attempts": 1}}}) as mesh, mesh.client() as http:
        http.get(URL)
        assert len(mesh.calls) == 1
    with FakeMesh({"orders": echo}, domains=["internal.example.com"]) as mesh, mesh.client() as http:
        assert http.get("http://orders.internal.example.com/").status_code == 200
    with pytest.raises(ConfigError, match="retyr"):
        FakeMesh({"orders": echo}, defaults={"retyr": False})
    with pytest.raises(ValueError, match="is not a service name"):
        FakeMesh({"no/name": echo})


def test_the_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS", "1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with FakeMesh({"orders": [FakeEndpoint(status=503)] * 2}) as mesh, mesh.client() as http:
        http.get(URL)
        assert len(mesh.calls) == 3
