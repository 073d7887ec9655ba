"""https over the engine: whom it asks for, whom it believes, and what is known of the connection."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from integration.wire import Wire, kind_of, wire_fixture  # noqa: F401 - a fixture
from meshclient.engine.tls import AdoptedContext
from meshclient.model.outcome import Kind
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> AdoptedContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return AdoptedContext(context)


class TlsServer(RawServer):
    """A server with a certificate for some names, which remembers the names it was asked for."""

    def __init__(self, authority: trustme.CA, *names: str) -> None:
        self.asked: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        context.sni_callback = lambda _, asked, __: self.asked.append(asked)
        super().__init__(always(OK), tls=context)


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[TlsServer]:
    with TlsServer(authority, "orders", "localhost", "127.0.0.1") as server:
        yield server


def test_connections_are_safe_and_kept(wire: Wire, server: TlsServer, trusting: AdoptedContext) -> None:
    client = wire.wired(tls=trusting)
    for _ in range(2):
        response = wire.run(client.get(f"https://localhost:{server.port}/x"))
        assert response.text == "ok"
    assert server.connections == 1
    assert server.asked == ["localhost"]
    made = response.extensions["network_stream"].get_extra_info("ssl_object")
    assert made.version() == "TLSv1.3"
    assert "DNS" in str(made.getpeercert()["subjectAltName"])


def test_the_name_can_be_given(wire: Wire, server: TlsServer, trusting: AdoptedContext) -> None:
    client = wire.wired(tls=trusting)
    response = wire.run(client.get(server.url, extensions={"sni_hostname": "orders"}))
    assert response.text == "ok"
    assert server.asked == ["orders"]
    assert server.requests[0].header("host") == f"127.0.0.1:{server.port}"


def test_big_bodies_go_both_ways(wire: Wire, authority: trustme.CA, trusting: AdoptedContext) -> None:
    body = bytes(range(256)) * 20_000
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with RawServer(always(answer), tls=context) as server:
        client = wire.wired(tls=trusting)
        for content in (body, wire.body([body[:100_000], body[100_000:]])):
            assert wire.run(client.post(f"https://localhost:{server.port}/", content=content)).content == body
        assert [request.body == body for request in server.requests] == [True, True]
        assert server.connections == 1


def test_a_certificate_for_another_name_is_refused(wire: Wire, server: TlsServer, trusting: AdoptedContext) -> None:
    client = wire.wired(tls=trusting)
    with pytest.raises(httpx.ConnectError, match="other") as caught:
        wire.run(client.get(server.url, extensions={"sni_hostname": "other"}))
    assert kind_of(caught.value) is Kind.CONNECT_ERROR
    assert server.requests == []


def test_strangers_are_not_trusted_unless_somebody_says_so(wire: Wire, server: TlsServer) -> None:
    with pytest.raises(httpx.ConnectError) as caught:
        wire.run(wire.wired().get(f"https://localhost:{server.port}/"))
    assert kind_of(caught.value) is Kind.CONNECT_ERROR
    assert f"localhost:{server.port}" in str(caught.value)
    assert server.requests == []


def test_plain_text_to_a_port_of_tls(wire: Wire, server: TlsServer) -> None:
    with pytest.raises(httpx.TransportError):
        wire.run(wire.wired().get(f"http://localhost:{server.port}/"))


def test_tls_to_a_port_of_plain_text(wire: Wire, trusting: AdoptedContext) -> None:
    def rule(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.sock.recv(1)

    with RawServer(rule) as plain, pytest.raises(httpx.ConnectError) as caught:
        wire.run(wire.wired(tls=trusting).get(f"https://localhost:{plain.port}/"))
    assert kind_of(caught.value) is Kind.CONNECT_ERROR
