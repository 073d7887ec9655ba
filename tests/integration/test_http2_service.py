"""HTTP/2 for a service that asks for it, or for a whole client: on a real server, in both colours and on trio."""

from __future__ import annotations

import asyncio
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
import trustme

import meshclient
from integration.http2server import Http2Server
from integration.trioface import on_trio
from unit.engine.tlspeers import Files, authority_file, serving
from unit.http.face import pending
from unit.http.rawserver import OK, RawServer, always

if TYPE_CHECKING:
    from pathlib import Path

BOUND = 60.0
COLOURS = ("sync", "async", "trio")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> str:
    return authority_file(tmp_path, authority)


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def calls(
    colour: str, count: int, *urls: str, method: str = "GET", service: dict[str, Any], **arguments: Any
) -> list[Any]:
    """What `count` calls at once return or raise."""
    settings: dict[str, Any] = {"endpoints": list(urls), "balancer": "round_robin", "http2": True, **service}
    services, keywords = {"orders": settings}, {"trust_env": False, **arguments.pop("client", {})}
    results: list[Any] = []

    def blocking(client: meshclient.Client) -> None:
        try:
            results.append(client.request(method, "http://orders/a", **arguments))
        except Exception as error:
            results.append(error)

    async def call(client: meshclient.AsyncClient) -> None:
        try:
            results.append(await client.request(method, "http://orders/a", **arguments))
        except Exception as error:
            results.append(error)

    async def on_asyncio() -> None:
        async with (
            asyncio.timeout(BOUND),
            meshclient.AsyncClient(services=services, **keywords) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(count):
                group.create_task(call(client))
        assert pending(client) == 0

    async def in_nursery() -> None:
        async with meshclient.AsyncClient(services=services, **keywords) as client, trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(call, client)
        assert pending(client) == 0

    if colour == "async":
        asyncio.run(on_asyncio())
    elif colour == "trio":
        on_trio(in_nursery)
    else:
        with meshclient.Client(services=services, **keywords) as blocked, ThreadPoolExecutor(count) as threads:
            list(threads.map(blocking, [blocked] * count))
            assert pending(blocked) == 0
    return results


def test_calls_at_once_share_a_connection(colour: str, authority: trustme.CA, ca: str) -> None:
    """The server answers none before all of them are there."""
    with Http2Server(serving(authority.issue_cert("orders")), hold=5) as server:
        answers = calls(colour, 5, server.url, service={"tls": {"ca": ca}})
        assert [(answer.text, answer.http_version) for answer in answers] == [("ok", "HTTP/2")] * 5
        assert server.connections == 1
    assert {request.headers[":authority"] for request in server.requests} == {"orders"}
    assert {request.headers[":path"] for request in server.requests} == {"/a"}
    assert all("mesh-timeout" in request.headers for request in server.requests)


def test_bodies_larger_than_a_window(colour: str, authority: trustme.CA, ca: str) -> None:
    with Http2Server(serving(authority.issue_cert("orders")), body=b"x" * 300_000) as server:
        [answer] = calls(colour, 1, server.url, method="PUT", service={"tls": {"ca": ca}}, content=b"y" * 300_000)
        assert answer.content == b"x" * 300_000
        assert [bytes(request.body) for request in server.requests] == [b"y" * 300_000]


@pytest.mark.parametrize("fault", ["503", "refused stream"])
def test_a_call_goes_on_to_another_endpoint(colour: str, authority: trustme.CA, ca: str, fault: str) -> None:
    issued = authority.issue_cert("orders")
    trouble: dict[str, Any] = {"status": 503} if fault == "503" else {"refuse": True}
    with Http2Server(serving(issued), **trouble) as bad, Http2Server(serving(issued)) as good:
        answers = calls(colour, 2, bad.url, good.url, service={"tls": {"ca": ca}})
        assert [answer.status_code for answer in answers] == [200, 200]
        attempts = next(r.attempts for answer in answers if (r := answer.extensions["mesh"]).retries)
        assert [attempt.endpoint.url for attempt in attempts] == [bad.url, good.url]
        assert [request.headers.get("mesh-attempt") for request in good.requests].count("2") == 1


def test_a_certificate_for_another_name_is_refused(colour: str, authority: trustme.CA, ca: str) -> None:
    with Http2Server(serving(authority.issue_cert("users"))) as server:
        [error] = calls(colour, 1, server.url, service={"tls": {"ca": ca}, "retry": False})
        assert isinstance(error, httpx.ConnectError)
        assert "CERTIFICATE_VERIFY_FAILED" in error.__notes__[0]
        assert "orders" in error.__notes__[0]
    assert server.requests == []


def test_an_authority_that_the_service_does_not_trust_is_refused(colour: str, authority: trustme.CA) -> None:
    with Http2Server(serving(authority.issue_cert("orders"))) as server:
        [error] = calls(colour, 1, server.url, service={"retry": False})
        assert isinstance(error, httpx.ConnectError)
    assert server.requests == []


def test_identity_and_certificate_of_the_service_hold(
    colour: str, authority: trustme.CA, ca: str, tmp_path: Path
) -> None:
    asked: list[str | None] = []
    context = serving(authority.issue_cert("users.internal"), clients=authority)
    context.sni_callback = lambda _, name, __: asked.append(name)
    shown = Files.write(tmp_path, authority.issue_cert("a-client"))
    tls = {"ca": ca, "identity": "users.internal", "cert": shown.cert, "key": shown.key}
    with Http2Server(context) as server:
        [answer] = calls(colour, 1, server.url, service={"tls": tls})
        assert (answer.text, answer.http_version) == ("ok", "HTTP/2")
        assert asked == ["users.internal"]
        assert server.requests[0].headers[":authority"] == "orders"


def test_files_that_cannot_be_used_are_named(colour: str, authority: trustme.CA) -> None:
    with Http2Server(serving(authority.issue_cert("orders"))) as server:
        [error] = calls(colour, 1, server.url, service={"tls": {"ca": "/nowhere/ca.pem"}, "retry": False})
        assert isinstance(error, httpx.ConnectError)
        assert "/nowhere/ca.pem" in str(error)


def test_a_server_of_http_1_1_is_spoken_to_in_it(colour: str, authority: trustme.CA, ca: str) -> None:
    with RawServer(always(OK), tls=serving(authority.issue_cert("orders"))) as server:
        [answer] = calls(colour, 1, server.url, service={"tls": {"ca": ca}})
        assert (answer.text, answer.http_version) == ("ok", "HTTP/1.1")


def test_a_deadline_ends_a_call(colour: str, authority: trustme.CA, ca: str) -> None:
    with Http2Server(serving(authority.issue_cert("orders")), hold=2) as server:
        asked = {"mesh": {"deadline": 0.3}}
        [error] = calls(colour, 1, server.url, service={"tls": {"ca": ca}, "retry": False}, extensions=asked)
        assert isinstance(error, meshclient.DeadlineExceeded)


@pytest.mark.parametrize("colour", ["async", "trio"])
def test_a_call_that_is_given_up_leaves_its_connection_to_the_others(
    colour: str, authority: trustme.CA, ca: str
) -> None:
    async def work() -> None:
        async with meshclient.AsyncClient(services={"orders": service}, trust_env=False) as client:
            assert (await client.get("http://orders/")).text == "ok"
            with pytest.raises(meshclient.DeadlineExceeded):
                await client.get("http://orders/slow", extensions={"mesh": {"deadline": 0.2}})
            assert (await client.get("http://orders/")).text == "ok"

    with Http2Server(serving(authority.issue_cert("orders")), mute="/slow") as server:
        service = {"endpoints": [server.url], "http2": True, "tls": {"ca": ca}}
        if colour == "trio":
            on_trio(work)
        else:
            asyncio.run(work())
        assert server.connections == 1
        assert len(server.requests) == 3


def test_a_connection_that_ended_while_idle_is_nobodys_fault(authority: trustme.CA, ca: str) -> None:
    service = {"endpoints": ["placeholder"], "http2": True, "tls": {"ca": ca}}
    with Http2Server(serving(authority.issue_cert("orders"))) as server:
        service["endpoints"] = [server.url]
        with meshclient.Client(services={"orders": service}, trust_env=False) as client:
            assert client.get("http://orders/").text == "ok"
            server.hang_up()
            assert client.get("http://orders/").text == "ok"
        assert server.connections == 2


def test_limits_of_the_service_hold_for_its_connections(ca: str) -> None:
    service = {"endpoints": ["https://a:1"], "http2": True, "tls": {"ca": ca}, "connections": {"total": 7, "idle": 3}}
    with meshclient.Client(services={"orders": service}, trust_env=False) as client:
        lanes = client._lanes
        assert lanes is not None
        pool: Any = lanes.wire(client.mesh.service("orders"), httpx.Request("GET", "http://orders/")).transport
        assert (pool._pool._max_connections, pool._pool._keepalive_expiry) == (7, 3.0)


def test_a_client_of_http2_speaks_it_to_every_host(authority: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    context = serving(authority.issue_cert("orders", "127.0.0.1"))
    with Http2Server(context) as server:
        services = {"orders": {"endpoints": [server.url]}}
        with meshclient.Client(services=services, http2=True, verify=trusting, trust_env=False) as client:
            for url in ("http://orders/", server.url):
                assert client.get(url).http_version == "HTTP/2"


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_without_the_package_it_says_what_to_install(colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h2", None)
    [error] = calls(colour, 1, "https://127.0.0.1:1", service={})
    assert isinstance(error, meshclient.ConfigError)
    assert str(error) == "service 'orders': http2 = true needs the package h2: install meshclient[http2]"
