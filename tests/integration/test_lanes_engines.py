"""Whose connections carry a call: our own, httpx's, a proxy's, a user's transport, or a mock's."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

import meshclient
from integration.lanes import BOUND, Lane, lane_fixture, listed  # noqa: F401 - a fixture
from meshclient.http.filled import FilledResponse
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Iterator

PROXIED = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def proxy() -> Iterator[RawServer]:
    with RawServer(always(PROXIED)) as server:
        yield server


def carrier(response: httpx.Response) -> str:
    """The library whose connection brought it."""
    return type(response.extensions["network_stream"]).__module__.partition(".")[0]


@pytest.mark.parametrize("where", ["client", "service", "defaults"])
def test_httpxs_own_connections(lane: Lane, where: str) -> None:
    with RawServer(always(OK)) as server:
        choice: dict[str, Any] = {"engine": "httpx"}
        keywords = choice if where == "client" else {where: choice}
        client = listed(lane.orders(server.url, verify=False, trust_env=False, **keywords))
        for _ in range(2):
            response = lane.ask(client)
            assert (response.text, carrier(response)) == ("ok", "httpcore")
            assert response.extensions["mesh"].endpoint.url == server.url
        assert server.connections == 1
        plain = lane.ask(client, url=server.url)
        assert plain.text == "ok"
        # A service's engine says nothing of other hosts.
        assert carrier(plain) == ("httpcore" if where != "service" else "meshclient")


def test_our_own_unless_told_otherwise(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url)
        assert {carrier(lane.ask(client, url=url)) for url in ("http://orders/", server.url)} == {"meshclient"}
        with pytest.raises(meshclient.ConfigError, match='"builtin" or "httpx"'):
            lane.client(services={"orders": {"endpoints": [server.url]}}, engine="curl")


@pytest.mark.parametrize("how", ["argument", "environment", "mounted"])
def test_proxies_are_for_hosts_and_never_for_services(
    lane: Lane, proxy: RawServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    keywords: dict[str, Any] = {}
    if how == "argument":
        keywords = {"proxy": proxy.url}
    elif how == "environment":
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    else:
        transport = lane.stock(proxy=proxy.url)
        keywords = {"mounts": {"http://outside.example": transport}}
    with RawServer(always(OK)) as server:
        client = listed(lane.orders(server.url, verify=False, **keywords))
        for url in ("http://orders/", "mesh://orders/", "http://orders.mesh/"):
            assert lane.ask(client, url=url).text == "ok"
        assert proxy.requests == []
        response = lane.ask(client, url="http://outside.example/a")
        assert (response.text, "mesh" in response.extensions) == ("proxied", False)
        assert [request.target for request in proxy.requests] == ["http://outside.example/a"]
        if how != "argument":
            assert lane.ask(client, url=server.url).text == "ok"
            assert len(proxy.requests) == 1


def test_what_is_mounted_for_a_service_is_the_users(lane: Lane) -> None:
    mock = httpx.MockTransport(lambda request: httpx.Response(200, text=f"mock {request.url}"))
    with RawServer(always(OK)) as server:
        client = listed(lane.orders(server.url, verify=False, trust_env=False, mounts={"http://orders": mock}))
        assert lane.ask(client).text == "mock http://orders/"
        assert lane.ask(client, url="mesh://orders/").text == "ok"


def test_a_transport_of_the_users_carries_everything(lane: Lane) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        said = f"{request.url} for {request.headers['host']} within {request.headers.get('mesh-timeout')}"
        return httpx.Response(200, text=said)

    client = listed(lane.orders("http://127.0.0.1:1", transport=httpx.MockTransport(answer)))
    response = lane.ask(client, url="http://orders/a")
    assert response.text == "http://127.0.0.1:1/a for orders within 5000m"
    assert response.extensions["mesh"].endpoint.url == "http://127.0.0.1:1"
    assert lane.ask(client, url="http://outside.example/").text.startswith(
        "http://outside.example/ for outside.example"
    )


def test_a_mock_is_asked_instead_of_endpoints(lane: Lane) -> None:
    with RawServer(always(OK)) as server:
        client = lane.known(server.url)
        assert lane.ask(client).text == "ok"
        with respx.mock(assert_all_called=False) as mocked:
            service = mocked.get(f"{server.url}/a").respond(text="mocked")
            host = mocked.get("http://outside.example/").respond(text="as well")
            assert lane.ask(client, url="http://orders/a").text == "mocked"
            assert lane.ask(client, url="http://outside.example/").text == "as well"
            assert (service.call_count, host.call_count) == (1, 1)
            assert service.calls.last.request.headers["host"] == "orders"
        assert lane.ask(client).text == "ok"
        assert len(server.requests) == 2


def test_a_subclass_that_sees_to_each_request_still_does(lane: Lane) -> None:
    told: list[str] = []

    class Blocking(meshclient.Client):
        def send(self, request: httpx.Request, **arguments: Any) -> httpx.Response:
            told.append(str(request.url))
            return super().send(request, **arguments)

    class Asynchronous(meshclient.AsyncClient):
        async def send(self, request: httpx.Request, **arguments: Any) -> httpx.Response:
            told.append(str(request.url))
            return await super().send(request, **arguments)

    with RawServer(always(OK)) as server:
        kind: Any = Asynchronous if lane.is_async else Blocking
        client = kind(services={"orders": {"endpoints": [server.url]}}, verify=False, trust_env=False)
        try:
            assert lane.ask(listed(client)).text == "ok"
        finally:
            lane.close(client)
    assert told == ["http://orders/"]


def closing(connection: Connection) -> None:
    """A rule: the first connection answers once, and is closed as soon as anything more comes."""
    if connection.number > 1:
        always(OK)(connection)
    elif connection.request() is not None:
        connection.send(OK)
        connection.sock.recv(1, socket.MSG_PEEK)
        connection.reset()


def test_a_plain_host_is_called_as_httpx_would(lane: Lane) -> None:
    """Without a policy, a report or a header of the mesh; what may have been seen is not repeated."""
    with RawServer(closing) as server:
        client = lane.known("http://127.0.0.1:1")
        first = lane.ask(client, url=f"{server.url}/a")
        assert isinstance(first, FilledResponse) == (lane.road == "plain")
        assert "mesh" not in first.extensions
        assert "mesh-" not in server.requests[0].head
        error = lane.fails(client, "POST", f"{server.url}/b", content=b"pay")
        assert isinstance(error, httpx.TransportError)
        assert [request.method for request in server.requests] == ["GET"]


@pytest.mark.parametrize("lane", ["sync-plain", "asyncio-plain", "uvloop-plain"], indirect=True)
def test_a_get_of_a_plain_host_outlives_a_connection_that_is_closed(lane: Lane) -> None:
    with RawServer(closing) as server:
        client = lane.known("http://127.0.0.1:1")
        assert [lane.ask(client, url=f"{server.url}/{path}").text for path in "ab"] == ["ok", "ok"]
        assert [request.target for request in server.requests] == ["/a", "/b"]
        assert server.connections == 2


def test_a_plain_host_that_does_not_answer(lane: Lane) -> None:
    ended = threading.Event()

    def rule(connection: Connection) -> None:
        if connection.request() is not None and connection.request() is None:
            ended.set()

    with RawServer(rule) as server:
        client = lane.known("http://127.0.0.1:1")
        error: Any = lane.fails(client, url=server.url, timeout=httpx.Timeout(BOUND, read=0.2))
        assert isinstance(error, httpx.ReadTimeout)
        assert str(error.request.url) == server.url
        assert server.url in str(error)
        lane.idle()
        assert ended.wait(BOUND)
