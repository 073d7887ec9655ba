"""Certificates change and sessions are resumed while both engines run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from integration.tlsdriver import Driver, TlsServer, driver_fixture  # noqa: F401 - a fixture
from meshclient.engine.errors import TlsFailed
from meshclient.engine.tls import TlsContexts
from meshclient.engine.tls_settings import TlsSettings
from meshclient.testing.clock import ManualClock
from unit.engine.tlspeers import VERSIONS, Files, authority_file, serving

if TYPE_CHECKING:
    import ssl
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_renewed_client_certificate_is_shown_by_new_connections(
    driver: Driver, authority: trustme.CA, tmp_path: Path, clock: ManualClock, version: ssl.TLSVersion
) -> None:
    files = Files.write(tmp_path, authority.issue_cert(common_name="first"))
    settings = TlsSettings(ca=authority_file(tmp_path, authority), cert=files.cert, key=files.key)
    tls = TlsContexts(settings, clock=clock)
    with TlsServer(serving(authority.issue_cert("orders"), version=version, clients=authority)) as server:
        target = server.target(tls.at(server.url))
        assert driver.get(target) == b"ok"
        Files.write(tmp_path, authority.issue_cert(common_name="second"))
        clock.advance(1)
        # The one that is open goes on as it is.
        assert driver.get(target) == b"ok"
        assert server.connections == 1
        driver.forget()
        assert driver.get(target) == b"ok"
    assert [(each.client, each.resumed) for each in server.greetings] == [("first", False), ("second", False)]


def test_a_renewed_authority_is_trusted_and_the_one_before_no_more(
    driver: Driver, authority: trustme.CA, tmp_path: Path, clock: ManualClock
) -> None:
    renewed = trustme.CA()
    tls = TlsContexts(TlsSettings(ca=authority_file(tmp_path, authority)), clock=clock)
    with (
        TlsServer(serving(authority.issue_cert("orders"))) as old,
        TlsServer(serving(renewed.issue_cert("orders"))) as new,
    ):
        assert driver.get(old.target(tls)) == b"ok"
        with pytest.raises(TlsFailed, match=r"set tls\.ca"):
            driver.get(new.target(tls))
        authority_file(tmp_path, renewed)
        clock.advance(1)
        assert driver.get(new.target(tls)) == b"ok"
        driver.forget()
        with pytest.raises(TlsFailed, match=r"set tls\.ca"):
            driver.get(old.target(tls))


@pytest.mark.parametrize("version", VERSIONS)
def test_each_endpoint_resumes_its_own_session(
    driver: Driver, authority: trustme.CA, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    tls = TlsContexts(TlsSettings(ca=authority_file(tmp_path, authority)))
    issued = authority.issue_cert("orders")
    with TlsServer(serving(issued, version=version)) as first, TlsServer(serving(issued, version=version)) as second:
        for _ in range(3):
            for server in (first, second):
                target = server.target(tls.at(server.url))
                assert driver.get(target) == b"ok"
                driver.forget()
        for server in (first, second):
            assert [each.resumed for each in server.greetings] == [False, True, True]
            assert {each.version for each in server.greetings} == {version.name.replace("_", ".")}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_forgot_its_sessions_is_reached_all_the_same(
    driver: Driver, authority: trustme.CA, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    tls = TlsContexts(TlsSettings(ca=authority_file(tmp_path, authority)))
    issued = authority.issue_cert("orders")
    # One name and no word of the endpoint: the second is offered what the first has given.
    with TlsServer(serving(issued, version=version)) as first, TlsServer(serving(issued, version=version)) as second:
        assert driver.get(first.target(tls)) == b"ok"
        assert driver.get(second.target(tls)) == b"ok"
        assert [each.resumed for each in first.greetings + second.greetings] == [False, False]
