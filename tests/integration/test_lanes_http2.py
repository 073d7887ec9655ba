"""HTTP/2 for a service, over httpx's transport: offered to https endpoints, and spoken where they take it up."""

from __future__ import annotations

import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

import meshclient
from integration.lanes import BOUND, Lane, lane_fixture, listed  # noqa: F401 - a fixture
from unit.http.face import pending
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Iterator

SAFE = {"attempt_timeout": BOUND, "deadline": 3 * BOUND}


class Server(RawServer):
    """Answers in the version that was agreed upon, first with 503, and remembers the heads in HTTP/2."""

    def __init__(self, authority: trustme.CA, *offered: str) -> None:
        self.heads: list[dict[bytes, bytes]] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("orders").configure_cert(context)
        context.set_alpn_protocols(list(offered))
        super().__init__(self._rule, tls=context)

    def _rule(self, connection: Connection) -> None:
        sock: Any = connection.sock
        if sock.selected_alpn_protocol() != "h2":
            always(OK)(connection)
            return
        spoken = H2Connection(H2Configuration(client_side=False))
        spoken.initiate_connection()
        sock.sendall(spoken.data_to_send())
        while data := sock.recv(1 << 16):
            for event in spoken.receive_data(data):
                if isinstance(event, RequestReceived):
                    self.heads.append({bytes(name): bytes(value) for name, value in event.headers})
                    status = "503" if len(self.heads) == 1 else "200"
                    spoken.send_headers(event.stream_id, [(":status", status), ("content-length", "2")])
                    spoken.send_data(event.stream_id, b"ok", end_stream=True)
            sock.sendall(spoken.data_to_send())


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Server]:
    with Server(authority, "h2", "http/1.1") as server:
        yield server


def known(lane: Lane, server: Server, trusting: ssl.SSLContext, **service: Any) -> Any:
    service = {"retry": {"backoff": "1ms..2ms"}, **SAFE, **service}
    return listed(lane.orders(server.url, verify=trusting, trust_env=False, service=service))


@pytest.mark.parametrize("configured", ["verify", "tls"])
def test_it_is_spoken_with_all_policies(
    lane: Lane, server: Server, trusting: ssl.SSLContext, authority: trustme.CA, configured: str
) -> None:
    with authority.cert_pem.tempfile() as path:
        if configured == "tls":
            client = known(lane, server, ssl.create_default_context(), http2=True, tls={"ca": path})
        else:
            client = known(lane, server, trusting, http2=True)
        for retries in (1, 0, 0):
            response = lane.ask(client)
            assert (response.http_version, response.text) == ("HTTP/2", "ok")
            assert (response.extensions["mesh"].endpoint.url, response.extensions["mesh"].retries) == (
                server.url, retries,
            )  # fmt: skip
    assert server.connections == 1
    assert [head[b":authority"] for head in server.heads] == [b"orders"] * 4
    assert [head.get(b"mesh-attempt") for head in server.heads] == [None, b"2", None, None]
    assert pending(client) == 0


def test_an_endpoint_that_does_not_take_it_up_is_spoken_to_as_before(
    lane: Lane, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    with Server(authority, "http/1.1") as server:
        response = lane.ask(known(lane, server, trusting, http2=True))
        assert (response.http_version, response.text) == ("HTTP/1.1", "ok")


def test_it_is_not_offered_unless_told(lane: Lane, server: Server, trusting: ssl.SSLContext) -> None:
    response = lane.ask(known(lane, server, trusting))
    assert (response.http_version, server.heads) == ("HTTP/1.1", [])


def test_without_h2_an_error_says_what_to_install(
    lane: Lane, server: Server, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h2", None)
    client = known(lane, server, trusting, http2=True)
    for _ in range(2):
        error = lane.fails(client)
        assert isinstance(error, meshclient.ConfigError), repr(error)
        assert "[http2]" in str(error)
        assert "orders" in str(error)
    assert server.connections == pending(client) == 0
