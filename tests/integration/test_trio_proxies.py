"""A real forward proxy beside services: hosts go through it, tunnels included, and services do not; on trio as well."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

import meshclient
from integration.trioface import on_trio
from unit.engine.tlspeers import serving
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Iterator

PROXIED = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied"
BOUND = 60.0


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """Plain requests are answered by itself; tunnels lead to the port that they are asked to, on loopback."""

    def rule(connection: Connection) -> None:
        while request := connection.request():
            if request.method != "CONNECT":
                connection.send(PROXIED)
                continue
            with socket.create_connection(("127.0.0.1", int(request.target.rpartition(":")[2])), BOUND) as upstream:
                connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                pump = threading.Thread(target=copy, args=(upstream, connection.sock))
                pump.start()
                copy(connection.sock, upstream)
                pump.join(BOUND)
            return

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with RawServer(rule) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url.replace("//", "//ann:secret@"))
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


def copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def texts(colour: str, endpoint: str, authority: trustme.CA, *urls: str) -> list[str]:
    """The answers, one after another, of a client that knows "orders"."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    services = {"orders": {"endpoints": [endpoint]}}

    async def ask() -> None:
        async with meshclient.AsyncClient(services=services, verify=context) as client:
            # A body that is read later takes httpx's road.
            for url in urls:
                said.append((await client.get(url)).text)
                async with client.stream("GET", url) as response:
                    assert (await response.aread()).decode() == said[-1]

    said: list[str] = []
    if colour == "trio":
        on_trio(ask)
    elif colour == "async":
        asyncio.run(ask())
    else:
        with meshclient.Client(services=services, verify=context) as client:
            said += [client.get(url).text for url in urls]
    return said


@pytest.mark.parametrize("colour", ["sync", "async", "trio"])
def test_hosts_go_through_the_proxy_and_services_do_not(colour: str, proxy: RawServer, authority: trustme.CA) -> None:
    with RawServer(always(OK)) as server:
        assert texts(colour, server.url, authority, "http://orders/", "http://out.example/", "http://orders/") == [
            "ok",
            "proxied",
            "ok",
        ]
    assert {request.target for request in proxy.requests} == {"http://out.example/"}
    credentials = httpx.BasicAuth("ann", "secret")._auth_header
    assert {request.header("proxy-authorization") for request in proxy.requests} == {credentials}
    assert all(request.header("proxy-authorization") is None for request in server.requests)


@pytest.mark.parametrize("colour", ["sync", "async", "trio"])
def test_https_to_hosts_goes_through_a_tunnel(colour: str, proxy: RawServer, authority: trustme.CA) -> None:
    issued = authority.issue_cert("out.example", "orders")
    with RawServer(always(OK), tls=serving(issued)) as outside, RawServer(always(OK), tls=serving(issued)) as server:
        port = outside.url.rpartition(":")[2]
        assert texts(colour, server.url, authority, f"https://out.example:{port}/a", "https://orders/b") == ["ok", "ok"]
        assert {request.target for request in outside.requests} == {"/a"}
        assert {request.target for request in server.requests} == {"/b"}
    assert {(request.method, request.target) for request in proxy.requests} == {("CONNECT", f"out.example:{port}")}


@pytest.mark.parametrize("colour", ["sync", "async", "trio"])
def test_hosts_that_need_no_proxy_go_direct(colour: str, proxy: RawServer, authority: trustme.CA) -> None:
    with RawServer(always(OK)) as server:
        assert texts(colour, server.url, authority, server.url, "http://orders/") == ["ok", "ok"]
    assert proxy.requests == []
