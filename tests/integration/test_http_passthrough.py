"""Hosts that are no service go where httpx would send them: directly, or through a real forward proxy."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.backend import Backend, Backends

PROXIED = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied"


@pytest.fixture
def proxy() -> Iterator[RawServer]:
    """A forward proxy: plain requests are answered by itself, tunnels lead where they are asked to."""

    def rule(connection: Connection) -> None:
        while request := connection.request():
            if request.method != "CONNECT":
                connection.send(PROXIED)
                continue
            host, _, port = request.target.rpartition(":")
            with socket.create_connection((host, int(port)), 5) as upstream:
                connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                pump = threading.Thread(target=_copy, args=(upstream, connection.sock))
                pump.start()
                _copy(connection.sock, upstream)
                pump.join(5)

    with RawServer(rule) as server:
        yield server


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_addresses_and_localhost_are_not_services(face: Face, backends: Backends, host: str) -> None:
    [backend] = backends(1)
    client = face.client("static://127.0.0.1:1")
    response = face.run(client.get(f"http://{host}:{backend.port}/echo"))
    assert response.json()["instance"] == backend.name
    assert "mesh" not in response.extensions
    assert ["Host", f"{host}:{backend.port}"] in response.json()["headers"]


def test_dotted_hosts_are_not_services(face: Face) -> None:
    client = face.client("static://127.0.0.1:1")
    with pytest.raises(httpx.ConnectError) as caught:
        face.run(client.get("http://orders.invalid/"))
    assert not hasattr(caught.value, "mesh")


def test_with_nothing_to_resolve_a_client_is_httpxs(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    ours, theirs = face.client(), face.httpx()
    assert type(ours._transport) is type(theirs._transport)
    assert {p.pattern: type(t) for p, t in ours._mounts.items()} == {
        p.pattern: type(t) for p, t in theirs._mounts.items()
    }
    with pytest.raises(httpx.UnsupportedProtocol):
        face.run(ours.get("mesh://orders/"))


def test_http2_is_off_unless_asked_for(face: Face) -> None:
    client = face.orders("http://127.0.0.1:1")
    assert client._transport._wire._pool._http2 is False


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_services_go_direct_and_others_through_the_proxy(
    face: Face, backends: Backends, proxy: RawServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    [backend] = backends(1)
    if how == "environment":
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        client = face.orders(backend.url)
    else:
        client = face.orders(backend.url, proxy=proxy.url)
    assert face.run(client.get("http://orders/")).json()["instance"] == backend.name
    assert proxy.requests == []
    assert face.run(client.get("http://outside.example/a")).text == "proxied"
    assert [request.target for request in proxy.requests] == ["http://outside.example/a"]


def test_without_the_environment_no_proxy_is_used(
    face: Face, proxy: RawServer, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    [backend] = backends(1)
    client = face.orders(backend.url, trust_env=False)
    assert face.run(client.get(f"{backend.url}/")).json()["instance"] == backend.name
    assert proxy.requests == []


def test_the_callers_mounts_are_left_alone(face: Face) -> None:
    mock = httpx.MockTransport(lambda request: httpx.Response(200, text=f"mock {request.url}"))
    with RawServer(always(OK)) as server:
        client = face.orders(server.url, mounts={"http://special": mock, "http://orders.example": None})
        assert face.run(client.get("http://special/a")).text == "mock http://special/a"
        assert face.run(client.get("http://orders/")).text == "ok"
        special = [transport for pattern, transport in client._mounts.items() if pattern.pattern == "http://special"]
        assert special == [mock]


def test_an_httpx_that_keeps_its_transports_elsewhere_is_named() -> None:
    from meshclient.http.mounting import mount_mesh

    with pytest.raises(RuntimeError, match=r"use httpx\.Client\(transport=MeshTransport\(mesh\)\)"):
        mount_mesh(object(), lambda direct, passthrough: direct, ())  # type: ignore[arg-type]


def test_verify_and_limits_reach_the_endpoints_transport() -> None:
    limits = httpx.Limits(max_connections=7)
    with meshclient.Client(services={"orders": {"endpoints": ["a:1"]}}, limits=limits, verify=False) as client:
        assert client._transport._wire._pool._max_connections == 7  # type: ignore[attr-defined]


def test_a_transport_of_its_own_for_other_hosts(face: Face, backends: Backends) -> None:
    backend: Backend
    [backend] = backends(1)
    outside = httpx.MockTransport(lambda request: httpx.Response(200, text="outside"))
    mesh = face.mesh(services={"orders": {"endpoints": [backend.url]}})
    client = face.httpx(transport=face.transport(mesh, passthrough=outside))
    assert face.run(client.get("http://www.example.org/")).text == "outside"
    assert face.run(client.get("http://orders/")).json()["instance"] == backend.name
