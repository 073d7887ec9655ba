"""TLS to endpoints: the name asked for and checked is the service's, whatever address is dialled."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from unit.http.face import Face, face_fixture, statuses  # noqa: F401 - a fixture
from unit.http.rawserver import OK, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class TlsServer(RawServer):
    """A server with a certificate for one name, which remembers the names it was asked for."""

    def __init__(self, authority: trustme.CA, name: str) -> None:
        self.asked: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        context.sni_callback = lambda _, asked, __: self.asked.append(asked)
        super().__init__(always(OK), tls=context)


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[TlsServer]:
    with TlsServer(authority, "orders") as server:
        yield server


@pytest.mark.parametrize("url", ["http://orders/", "https://orders/", "mesh://orders/"])
def test_the_service_is_asked_for_and_checked(
    face: Face, server: TlsServer, trusting: ssl.SSLContext, url: str
) -> None:
    client = face.orders(server.url, verify=trusting)
    response = face.run(client.get(url))
    assert response.text == "ok"
    assert server.asked == ["orders"]
    assert server.requests[0].header("host") == "orders"
    assert str(response.url) == url


def test_https_in_the_url_means_tls_also_where_the_registry_says_http(
    face: Face, server: TlsServer, trusting: ssl.SSLContext
) -> None:
    client = face.orders(f"http://127.0.0.1:{server.port}", verify=trusting)
    assert face.run(client.get("https://orders/")).text == "ok"
    assert server.asked == ["orders"]


def test_a_certificate_for_another_name_is_refused(face: Face, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    with TlsServer(authority, "users") as wrong:
        client = face.orders(wrong.url, verify=trusting, service={"retry": False})
        with pytest.raises(httpx.ConnectError) as caught:
            face.run(client.get("http://orders/"))
    assert wrong.requests == []
    [note] = caught.value.__notes__
    assert wrong.url in note
    assert "never sent" in note
    assert "its certificate is not for 'orders'" in note


def test_a_certificate_of_the_dialled_address_is_not_enough(
    face: Face, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    with TlsServer(authority, "127.0.0.1") as wrong:
        client = face.orders(wrong.url, verify=trusting, service={"retry": False})
        with pytest.raises(httpx.ConnectError, match="its certificate is not for 'orders'"):
            face.run(client.get("http://orders/"))


def test_another_endpoint_with_the_right_certificate_answers(
    face: Face, authority: trustme.CA, server: TlsServer, trusting: ssl.SSLContext
) -> None:
    with TlsServer(authority, "users") as wrong:
        client = face.orders(wrong.url, server.url, verify=trusting, service={"balancer": "round_robin"})
        answers = [face.run(client.post("http://orders/", content=b"x")) for _ in range(2)]
    assert [answer.text for answer in answers] == ["ok", "ok"]
    assert sum(answer.extensions["mesh"].retries for answer in answers) >= 1


def test_the_callers_own_server_name_holds(face: Face, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    with TlsServer(authority, "users") as other:
        client = face.orders(other.url, verify=trusting)
        response = face.run(client.get("http://orders/", extensions={"sni_hostname": "users"}))
    assert response.text == "ok"
    assert other.asked == ["users"]
