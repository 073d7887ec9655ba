"""What httpx users do with a client goes on working when the host is a service."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

import meshclient
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Generator

    from servers.backend import Backend, Backends


@pytest.fixture(params=["own client", "transport", "mount"])
def http(request: pytest.FixtureRequest, face: Face, shared_backends: tuple[Backend, Backend]) -> tuple[Any, str]:
    """A client in each of the three ways to make one, and the base of a service's URLs."""
    urls = [backend.url for backend in shared_backends]
    mesh = face.mesh(services={"orders": {"endpoints": urls, "balancer": "round_robin"}})
    if request.param == "own client":
        return face.client(mesh=mesh, follow_redirects=True), "http://orders"
    transport = face.transport(mesh)
    if request.param == "transport":
        return face.httpx(transport=transport, follow_redirects=True), "http://orders"
    return face.httpx(mounts={"mesh://": transport}, follow_redirects=True), "mesh://orders"


def echo(face: Face, client: Any, method: str, url: str, **keywords: Any) -> Any:
    response = face.run(client.request(method, url, **keywords))
    assert response.status_code == 200
    seen = response.json()
    seen["headers"] = {name.lower(): value for name, value in seen["headers"]}
    return seen


def test_the_url_stays_logical(face: Face, http: tuple[Any, str]) -> None:
    client, base = http
    response = face.run(client.get(f"{base}/a?b=c"))
    assert str(response.url) == str(response.request.url) == f"{base}/a?b=c"
    report = response.extensions["mesh"]
    assert report.service == "orders"
    assert report.endpoint.url.startswith("http://127.0.0.1:")
    assert [str(attempt.outcome.kind) for attempt in report.attempts] == ["ok"]
    assert report.snapshot.state == "ready"
    assert 0 < report.deadline_left < 15


def test_endpoints_take_turns_and_see_the_services_name(face: Face, http: tuple[Any, str]) -> None:
    client, base = http
    seen = [echo(face, client, "GET", f"{base}/echo") for _ in range(4)]
    assert {each["instance"] for each in seen} == {"b0", "b1"}
    assert {each["headers"]["host"] for each in seen} == {"orders"}


@pytest.mark.parametrize(
    ("keywords", "body"),
    [
        ({"json": {"a": 1}}, b'{"a":1}'),
        ({"data": {"a": "1", "b": "2"}}, b"a=1&b=2"),
        ({"content": b"\x00\xff"}, b"\x00\xff"),
    ],
)
def test_bodies(face: Face, http: tuple[Any, str], keywords: dict[str, Any], body: bytes) -> None:
    client, base = http
    seen = echo(face, client, "POST", f"{base}/echo", **keywords)
    assert seen["body"].encode("latin-1") == body
    assert seen["headers"]["content-length"] == str(len(body))


def test_params_and_headers(face: Face, http: tuple[Any, str]) -> None:
    client, base = http
    seen = echo(face, client, "GET", f"{base}/echo", params={"q": "a b"}, headers={"X-One": "1"})
    assert seen["target"] in ("/echo?q=a+b", "/echo?q=a%20b")
    assert seen["headers"]["x-one"] == "1"


def test_files(face: Face, http: tuple[Any, str]) -> None:
    client, base = http
    seen = echo(face, client, "POST", f"{base}/echo", files={"upload": ("a.txt", b"text", "text/plain")})
    assert 'filename="a.txt"' in seen["body"]
    assert "\r\n\r\ntext\r\n" in seen["body"]


def test_a_streamed_body(face: Face, http: tuple[Any, str]) -> None:
    client, base = http
    seen = echo(face, client, "POST", f"{base}/echo", content=face.body([b"one", b"two"]))
    assert seen["body"] == "onetwo"
    assert seen["headers"]["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("how", ["raw", "bytes"])
def test_a_streamed_response(face: Face, http: tuple[Any, str], how: str) -> None:
    client, base = http
    with face.stream(client, "GET", f"{base}/stream?chunks=3&size=4") as response:
        assert response.extensions["mesh"].endpoint is not None
        assert b"".join(face.chunks(response, how)) == b"aaaabbbbcccc"


def test_event_hooks(face: Face, http: tuple[Any, str]) -> None:
    client, base = http
    seen: list[str] = []
    client.event_hooks = {
        "request": [face.hook(lambda request: seen.append(str(request.url)))],
        "response": [face.hook(lambda response: seen.append(str(response.url)))],
    }
    face.run(client.get(f"{base}/a"))
    assert seen == [f"{base}/a", f"{base}/a"]


def test_cookies_belong_to_the_service_and_not_to_the_endpoint(face: Face, http: tuple[Any, str]) -> None:
    client, base = http
    first = face.run(client.get(f"{base}/reply", params={"header": "Set-Cookie: session=7; Path=/"}))
    assert first.cookies == {"session": "7"}
    seen = [echo(face, client, "GET", f"{base}/echo") for _ in range(2)]
    assert {each["instance"] for each in seen} == {"b0", "b1"}
    assert [each["headers"].get("cookie") for each in seen] == ["session=7", "session=7"]


def test_an_auth_flow_with_a_second_request(face: Face, http: tuple[Any, str]) -> None:
    client, base = http

    class Challenge(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            response = yield request
            assert response.status_code == 401
            assert response.extensions["mesh"].service == "orders"
            request.url = request.url.copy_with(path="/echo", query=None)
            request.headers["Authorization"] = "token 7"
            yield request

    seen = echo(face, client, "GET", f"{base}/reply?status=401", auth=Challenge())
    assert seen["headers"]["authorization"] == "token 7"


def test_digest_auth(face: Face) -> None:
    def rule(connection: Connection) -> None:
        while request := connection.request():
            if request.header("authorization") is None:
                connection.send(
                    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                    b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=MD5\r\n\r\n'
                )
            else:
                connection.send(OK)

    with RawServer(rule) as server:
        response = face.run(face.orders(server.url).get("http://orders/private", auth=httpx.DigestAuth("u", "p")))
    assert response.status_code == 200
    assert 'uri="/private"' in (server.requests[1].header("authorization") or "")


@pytest.mark.parametrize("location", ["/echo?to=1", "echo?to=1", "//orders/echo?to=1", "http://orders/echo?to=1"])
def test_redirects_stay_with_the_service(face: Face, http: tuple[Any, str], location: str) -> None:
    client, base = http
    response = face.run(
        client.get(f"{base}/reply", params={"status": "302", "header": f"Location: {location}"}, auth=("u", "p"))
    )
    assert str(response.url) == f"{base}/echo?to=1"
    assert len(response.history) == 1
    assert response.history[0].extensions["mesh"].service == "orders"
    assert ["Authorization", "Basic dTpw"] in response.json()["headers"]


def test_a_redirect_to_another_service_and_to_an_address(face: Face, backends: Backends) -> None:
    orders, users = backends(2)
    client = face.client(
        services={"orders": {"endpoints": [orders.url]}, "users": {"endpoints": [users.url]}}, follow_redirects=True
    )
    away = {"status": "302", "header": "Location: http://users/echo"}
    response = face.run(client.get("http://orders/reply", params=away, auth=("u", "p")))
    assert response.json()["instance"] == users.name
    assert "Authorization" not in dict(response.json()["headers"])
    assert response.extensions["mesh"].service == "users"
    away = {"status": "302", "header": f"Location: {users.url}/echo"}
    response = face.run(client.get("http://orders/reply", params=away))
    assert str(response.url) == f"{users.url}/echo"
    assert "mesh" not in response.extensions


def test_a_base_url(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    for base in ("http://orders/v1/", "mesh://orders/v1", "http://orders.mesh/v1"):
        client = face.orders(backend.url, base_url=base)
        response = face.run(client.get("/items"))
        assert response.json()["path"] == "/v1/items"


def test_a_missing_host_is_httpxs_error(face: Face) -> None:
    client = face.client("static://127.0.0.1:1")
    with pytest.raises(httpx.UnsupportedProtocol, match="missing an 'http://' or 'https://' protocol"):
        face.run(client.get("/items"))
    with pytest.raises(httpx.UnsupportedProtocol, match="ftp"):
        face.run(client.get("ftp://orders/items"))


def test_the_callers_read_timeout_holds_within_the_attempt(face: Face, backends: Backends) -> None:
    [backend] = backends(1, delay=5.0)
    client = face.orders(backend.url, service={"retry": False})
    with pytest.raises(httpx.ReadTimeout) as caught:
        face.run(client.get("http://orders/", timeout=0.2))
    assert caught.value.mesh.attempts[0].duration < 2  # type: ignore[attr-defined]


def test_a_trace_function_of_the_callers_is_still_called(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    events: list[str] = []
    trace = face.hook(lambda name, info: events.append(name))
    face.run(face.orders(backend.url).get("http://orders/", extensions={"trace": trace}))
    assert "connection.connect_tcp.started" in events
    assert "http11.send_request_headers.complete" in events
    assert "http11.response_closed.complete" in events


def test_the_report_is_data(face: Face, backends: Backends) -> None:
    [backend] = backends(1)
    report = face.run(face.orders(backend.url).get("http://orders/")).extensions["mesh"]
    told = json.loads(json.dumps(report.as_dict()))
    assert told["endpoint"] == backend.url
    assert told["attempts"][0]["sent"] == "yes"


def test_a_mesh_and_settings_for_another_one_exclude_each_other(face: Face) -> None:
    mesh = face.mesh(services={"orders": {"endpoints": ["127.0.0.1:1"]}})
    others: list[dict[str, Any]] = [
        {"resolver": "static://a:1"},
        {"defaults": {}},
        {"observers": [print]},
        {"mode": "on-demand"},
        {"telemetry": {"metrics": False}},
    ]
    for extra in others:
        with pytest.raises(meshclient.ConfigError, match=r"mesh=\.\.\. brings its own settings"):
            face.client(mesh=mesh, **extra)


def test_what_is_told_is_set_with_the_client(face: Face) -> None:
    endpoints = {"orders": {"endpoints": ["127.0.0.1:1"]}}
    assert face.client(services=endpoints).mesh.tally.metrics
    assert not face.client(services=endpoints, telemetry={"metrics": False}).mesh.tally.metrics


def test_a_shared_mesh_stays_open(face: Face) -> None:
    with RawServer(always(OK)) as server:
        mesh = face.mesh(services={"orders": {"endpoints": [server.url]}})
        first, second = face.client(mesh=mesh), face.client(mesh=mesh)
        service = mesh.service("orders")
        face.run(first.get("http://orders/"))
        face.close(first)
        assert mesh.service("orders") is service
        face.run(second.get("http://orders/"))


def test_a_wrapped_transport_is_entered_and_left(face: Face) -> None:
    steps: list[str] = []

    class Blocking(httpx.MockTransport):
        def __enter__(self) -> Self:
            steps.append("enter")
            return self

        def __exit__(self, *details: object) -> None:
            steps.append("exit")

    class Asynchronous(httpx.MockTransport):
        async def __aenter__(self) -> Self:
            steps.append("enter")
            return self

        async def __aexit__(self, *details: object) -> None:
            steps.append("exit")

    wire = (Asynchronous if face.is_async else Blocking)(lambda request: httpx.Response(200, text=str(request.url)))
    client = face.orders("http://10.0.0.1:80", transport=wire)
    if face.is_async:

        async def use() -> Any:
            async with client:
                return await client.get("http://orders/a")

        response = face.run(use())
    else:
        with client:
            response = client.get("http://orders/a")
    assert response.text == "http://10.0.0.1/a"
    assert steps == ["enter", "exit"]


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_an_endpoint_may_be_an_ipv6_address(face: Face) -> None:
    with RawServer(always(OK), host="::1") as server:
        client = face.orders(server.url)
        response = face.run(client.get("http://orders/a"))
        assert response.text == "ok"
        assert response.extensions["mesh"].attempts[0].endpoint.host == "::1"
        assert server.requests[0].header("host") == "orders"
