"""TLS that fails, through both engines: each error names the endpoint and the setting to change."""

from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from integration.tlsdriver import Driver, TlsServer, driver_fixture  # noqa: F401 - a fixture
from meshclient.engine.errors import Disconnected, TlsFailed, WireError
from meshclient.engine.target import Target
from meshclient.engine.tls import AdoptedContext, TlsContexts
from meshclient.engine.tls_settings import TlsSettings, TlsUnusable
from meshclient.model.outcome import Kind
from unit.engine.tlspeers import VERSIONS, Files, authority_file, serving
from unit.http.rawserver import OK, Connection, RawServer

if TYPE_CHECKING:
    from pathlib import Path

THEN = dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> TlsContexts:
    return TlsContexts(TlsSettings(ca=authority_file(tmp_path, authority)), "service 'orders'")


def failing(driver: Driver, target: Target) -> WireError:
    with pytest.raises(WireError) as caught:
        driver.get(target)
    assert str(caught.value).startswith(f"https://127.0.0.1:{target.port}")
    return caught.value


def test_what_is_right_is_answered(driver: Driver, authority: trustme.CA, tls: TlsContexts) -> None:
    with TlsServer(serving(authority.issue_cert("orders"))) as server:
        assert [driver.get(server.target(tls)) for _ in range(3)] == [b"ok"] * 3
        assert server.connections == 1


def test_a_wrong_name_is_told_with_the_right_ones(driver: Driver, authority: trustme.CA, tls: TlsContexts) -> None:
    with TlsServer(serving(authority.issue_cert("users", "billing"))) as server:
        error = failing(driver, server.target(tls))
        assert isinstance(error, TlsFailed)
        assert "its certificate is for users, billing, not for 'orders': set tls.identity" in str(error)
        assert driver.get(server.target(tls, "billing")) == b"ok"
        assert server.greetings[0].version == "TLSv1.3"


def test_an_expired_certificate_is_told_with_its_date(driver: Driver, authority: trustme.CA, tls: TlsContexts) -> None:
    issued = authority.issue_cert("orders", not_before=THEN - dt.timedelta(days=1), not_after=THEN)
    with TlsServer(serving(issued)) as server:
        error = failing(driver, server.target(tls))
    assert isinstance(error, TlsFailed)
    assert "its certificate expired on 2024-05-06 07:08 UTC: renew it there" in str(error)


def test_an_unknown_authority_is_told_by_name(driver: Driver, tls: TlsContexts) -> None:
    with TlsServer(serving(trustme.CA(organization_unit_name="Stranger").issue_cert("orders"))) as server:
        error = failing(driver, server.target(tls))
        given = failing(driver, server.target(AdoptedContext(ssl.create_default_context())))
    assert isinstance(error, TlsFailed)
    assert "signed by 'Stranger', not trusted here: set tls.ca to the file of that authority" in str(error)
    assert isinstance(given, TlsFailed)
    assert "load that authority into the SSLContext that was given" in str(given)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_missing_client_certificate_is_asked_for(
    driver: Driver, authority: trustme.CA, tls: TlsContexts, version: ssl.TLSVersion
) -> None:
    with TlsServer(serving(authority.issue_cert("orders"), version=version, clients=authority)) as server:
        error = failing(driver, server.target(tls))
    assert isinstance(error, TlsFailed)
    assert "a client certificate: set tls.cert and tls.key" in str(error)


def test_plain_text_on_the_port_is_told(driver: Driver, tls: TlsContexts) -> None:
    with RawServer(lambda connection: connection.send(OK)) as server:
        error = failing(driver, Target("127.0.0.1", server.port, tls=tls, server_name="orders"))
    assert isinstance(error, TlsFailed)
    assert "speaks no TLS: register the endpoint as http, or correct its port" in str(error)


def test_a_server_that_hangs_up_is_told(driver: Driver, tls: TlsContexts) -> None:
    def silent(connection: Connection) -> None:
        connection.sock.recv(5000)

    with RawServer(silent) as server:
        error = failing(driver, Target("127.0.0.1", server.port, tls=tls, server_name="orders"))
    assert isinstance(error, TlsFailed)
    assert "closed the connection during the TLS handshake" in str(error)


def test_hanging_up_after_an_answer_is_no_matter_of_tls(
    driver: Driver, authority: trustme.CA, tls: TlsContexts
) -> None:
    def once(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        connection.request()

    with RawServer(once, tls=serving(authority.issue_cert("orders"))) as server:
        target = Target("127.0.0.1", server.port, tls=tls, server_name="orders")
        assert driver.get(target) == b"ok"
        error = failing(driver, target)
    assert isinstance(error, Disconnected)
    assert "TLS" not in str(error)


def test_files_that_cannot_be_used_are_nobodys_fault(driver: Driver, authority: trustme.CA, tmp_path: Path) -> None:
    files = Files.write(tmp_path, authority.issue_cert("client"))
    tls = TlsContexts(TlsSettings(cert=files.cert, key="/nowhere.pem"), "service 'orders'")
    with TlsServer(serving(authority.issue_cert("orders"))) as server:
        with pytest.raises(TlsUnusable, match=r"service 'orders': tls.cert .* cannot be used: /nowhere.pem is not th"):
            driver.get(server.target(tls))
        assert server.greetings == []
    assert TlsUnusable.kind is Kind.LOCAL_ERROR
