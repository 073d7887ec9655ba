"""TLS as a service's configuration says it, through clients of both colours."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from integration.tlsdriver import TlsServer
from unit.engine.tlspeers import Files, authority_file, serving
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[TlsServer]:
    with TlsServer(serving(authority.issue_cert("orders"))) as server:
        yield server


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> str:
    return authority_file(tmp_path, authority)


def refused(face: Face, *urls: str, **service: object) -> str:
    client = face.orders(*urls, service={"retry": False, **service})
    with pytest.raises(httpx.ConnectError) as caught:
        face.run(client.get("http://orders/"))
    assert urls[0] in str(caught.value)
    return str(caught.value)


def test_the_authority_of_a_service_is_trusted_for_it(face: Face, server: TlsServer, ca: str) -> None:
    client = face.orders(server.url, service={"tls": {"ca": ca}})
    assert face.run(client.get("http://orders/")).text == "ok"
    assert "set tls.ca" in refused(face, server.url)


def test_an_identity_is_asked_for_instead_of_the_name(face: Face, authority: trustme.CA, ca: str) -> None:
    asked: list[str | None] = []
    context = serving(authority.issue_cert("users.internal"))
    context.sni_callback = lambda _, name, __: asked.append(name)
    with TlsServer(context) as server:
        client = face.orders(server.url, service={"tls": {"ca": ca, "identity": "Users.Internal"}})
        assert face.run(client.get("http://orders/")).text == "ok"
        assert server.requests[0].header("host") == "orders"
        said = refused(face, server.url, tls={"ca": ca})
    assert "its certificate is for users.internal, not for 'orders': set tls.identity" in said
    assert asked == ["users.internal", "orders"]


def test_a_client_certificate_is_shown(face: Face, authority: trustme.CA, ca: str, tmp_path: Path) -> None:
    files = Files.write(tmp_path, authority.issue_cert(common_name="caller"))
    with TlsServer(serving(authority.issue_cert("orders"), clients=authority)) as server:
        tls = {"ca": ca, "cert": files.cert, "key": files.key}
        client = face.orders(server.url, service={"tls": tls})
        assert face.run(client.get("http://orders/")).text == "ok"
        assert server.greetings[0].client == "caller"
        assert "a client certificate: set tls.cert and tls.key" in refused(face, server.url, tls={"ca": ca})


def test_without_verification_anybody_is_believed_and_the_log_says_so(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    with TlsServer(serving(trustme.CA().issue_cert("stranger"))) as server:
        client = face.orders(server.url, service={"tls": {"verify": False}})
        assert [face.run(client.get("http://orders/")).text for _ in range(2)] == ["ok", "ok"]
    [message] = [record.getMessage() for record in caplog.records if "tls.verify" in record.getMessage()]
    assert message.startswith("service 'orders': tls.verify is false")


def test_a_context_of_the_callers_own_is_for_services_that_say_nothing(
    face: Face, authority: trustme.CA, server: TlsServer
) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client = face.orders(server.url, verify=context)
    assert face.run(client.get("http://orders/")).text == "ok"
