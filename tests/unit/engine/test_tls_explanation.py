"""What is said when TLS fails: each from a handshake that did, with every kind of client."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from meshclient.engine.target import Target
from meshclient.engine.tls import AdoptedContext, TlsContexts
from meshclient.engine.tls_explanation import explain
from meshclient.engine.tls_settings import TlsSettings
from unit.engine.tlspeers import CLIENTS, VERSIONS, Files, ask, authority_file, authority_until, serving, tls_server
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.engine.target import Tls

pytestmark = pytest.mark.parametrize("client", CLIENTS)
NOW = dt.datetime.now(dt.UTC)
THEN = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="ACME")


@pytest.fixture
def settings(authority: trustme.CA, tmp_path: Path) -> TlsSettings:
    return TlsSettings(ca=authority_file(tmp_path, authority))


@pytest.fixture
def tls(settings: TlsSettings) -> TlsContexts:
    return TlsContexts(settings)


@pytest.fixture
def showing(settings: TlsSettings, authority: trustme.CA, tmp_path: Path) -> Callable[[trustme.LeafCert], TlsContexts]:
    """What shows such a certificate."""

    def show(issued: trustme.LeafCert) -> TlsContexts:
        files = Files.write(tmp_path, issued)
        return TlsContexts(TlsSettings(ca=settings.ca, cert=files.cert, key=files.key))

    return show


def said(client: str, tls: Tls, server: RawServer, name: str = "orders") -> str:
    """What is said of an exchange that fails, without the endpoint, which comes first."""
    target = Target("127.0.0.1", server.port, tls=tls, server_name=name)
    error: Exception | None = None
    try:
        answer = ask(client, tls, server, name)
    except (OSError, EOFError) as caught:
        error = caught
    else:
        assert answer.data == b""
    place, colon, sentence = explain(error, target).partition(": ")
    assert (place, colon) == (f"https://127.0.0.1:{server.port}", ": ")
    return sentence


def test_a_wrong_name(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    with tls_server(serving(authority.issue_cert("users", "10.0.0.1"))) as server:
        assert said(client, tls, server) == (
            "its certificate is for users, 10.0.0.1, not for 'orders': set tls.identity to a name that it is for, or "
            "give the endpoint one for 'orders'"
        )
        assert said(client, tls, server, "10.0.0.2").startswith("its certificate is for users, 10.0.0.1, not for '10.0")


def test_many_wrong_names(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    with tls_server(serving(authority.issue_cert(*(f"n{number}" for number in range(8))))) as server:
        assert said(client, tls, server).startswith("its certificate is for n0, n1, n2, n3, n4 and 3 more, not for")


def test_a_common_name_and_no_other(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    with tls_server(serving(authority.issue_cert(common_name="users"))) as server:
        assert said(client, tls, server).startswith("its certificate is for users, not for 'orders'")


def test_no_name_at_all(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    with tls_server(serving(authority.issue_cert("a@example.org"))) as server:
        assert said(client, tls, server).startswith("its certificate is for no name at all, not for 'orders'")


def test_an_expired_one(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    issued = authority.issue_cert("orders", not_before=THEN - DAY, not_after=THEN)
    with tls_server(serving(issued)) as server:
        assert said(client, tls, server) == "its certificate expired on 2024-05-06 07:08 UTC: renew it there"


def test_an_authority_that_has_expired(client: str, tmp_path: Path) -> None:
    expired = authority_until(THEN)
    tls = TlsContexts(TlsSettings(ca=authority_file(tmp_path, expired)))
    with tls_server(serving(expired.issue_cert("orders"))) as server:
        assert said(client, tls, server) == (
            "a certificate above its own has expired: renew that of its authority, here (tls.ca) or there"
        )


def test_one_of_tomorrow(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    issued = authority.issue_cert("orders", not_before=dt.datetime(2999, 1, 2, 3, 4, tzinfo=dt.UTC))
    with tls_server(serving(issued)) as server:
        assert said(client, tls, server) == (
            "its certificate is not valid before 2999-01-02 03:04 UTC: set the clock of this host right, or replace "
            "the certificate"
        )


def test_an_unknown_authority(client: str, tls: TlsContexts) -> None:
    stranger = trustme.CA(organization_name="Stranger", organization_unit_name="Strange unit")
    remedy = "or have the endpoint send the certificates in between"
    with tls_server(serving(stranger.issue_cert("orders"))) as server:
        assert said(client, tls, server) == (
            "its certificate is signed by 'Strange unit', not trusted here: set tls.ca to the file of that authority, "
            f"{remedy}"
        )
        httpxs = AdoptedContext(ssl.create_default_context(), given=False)
        assert "set tls.ca to the file of that authority" in said(client, httpxs.at(server.url), server)
        assert said(client, AdoptedContext(ssl.create_default_context()), server) == (
            "its certificate is signed by 'Strange unit', not trusted here: load that authority into the SSLContext "
            f"that was given, or set tls.ca, {remedy}"
        ).replace("'Strange unit'", "an authority")


def test_one_that_signed_itself(client: str, tls: TlsContexts, tmp_path: Path) -> None:
    alone = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = tmp_path / "alone.pem"
    files.write_bytes(alone.private_key_pem.bytes() + alone.cert_pem.bytes())
    context.load_cert_chain(files)
    with tls_server(context) as server:
        assert said(client, tls, server) == (
            "its certificate is signed by itself: set tls.ca to the file of that certificate"
        )


@pytest.mark.parametrize("version", VERSIONS)
def test_no_client_certificate(client: str, authority: trustme.CA, tls: TlsContexts, version: ssl.TLSVersion) -> None:
    with tls_server(serving(authority.issue_cert("orders"), version=version, clients=authority)) as server:
        sentence = said(client, tls, server)
        assert "want" in sentence
        assert "a client certificate: set tls.cert and tls.key" in sentence
        given = ssl.create_default_context()
        authority.configure_trust(given)
        assert "a client certificate: load one into the SSLContext that was given" in said(
            client, AdoptedContext(given), server
        )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("signed", "ends", "words"),
    [
        (False, NOW + DAY, "the authority that signed it is not trusted there"),
        (True, NOW - DAY, "it has expired, or is not valid yet"),
    ],
)
def test_a_client_certificate_that_is_refused(  # noqa: PLR0917 - fixtures and parameters
    client: str,
    authority: trustme.CA,
    showing: Callable[[trustme.LeafCert], TlsContexts],
    version: ssl.TLSVersion,
    signed: bool,
    ends: dt.datetime,
    words: str,
) -> None:
    signer = authority if signed else trustme.CA()
    tls = showing(signer.issue_cert("client", not_before=NOW - 2 * DAY, not_after=ends))
    with tls_server(serving(authority.issue_cert("orders"), version=version, clients=authority)) as server:
        sentence = said(client, tls, server)
    alert = f"the server refuses the client certificate of tls.cert: {words}; replace it"
    # Under TLS 1.3 the reset that follows the alert may overtake it.
    reset = (
        "the server closed the connection during the TLS handshake or right after it, as those do that refuse a "
        "client's certificate: look into the server's log, and replace tls.cert; or it speaks no TLS"
    )
    assert sentence == alert or (sentence == reset and version is ssl.TLSVersion.TLSv1_3)


def test_plain_text_on_the_port(client: str, tls: TlsContexts) -> None:
    def http(connection: Connection) -> None:
        connection.sock.recv(100)
        connection.send(OK.replace(b"200 OK", b"400 Bad Request"))

    with RawServer(http) as server:
        assert said(client, tls, server) == (
            "what answers there speaks no TLS: register the endpoint as http, or correct its port"
        )


def test_a_server_that_hangs_up(client: str, tls: TlsContexts) -> None:
    def silent(connection: Connection) -> None:
        connection.sock.recv(5000)

    with RawServer(silent) as server:
        assert said(client, tls, server) == (
            "the server closed the connection during the TLS handshake or right after it, as those do that want a "
            "client certificate: set tls.cert and tls.key; or it speaks no TLS"
        )


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_a_version_that_is_too_old(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    context = serving(authority.issue_cert("orders"))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with tls_server(context) as server:
        assert said(client, tls, server) == (
            "no version of TLS is common to both: this side speaks 1.2 and 1.3, have the endpoint speak one of them"
        )


def test_a_name_that_the_server_does_not_know(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    context = serving(authority.issue_cert("orders"))
    context.sni_callback = lambda _, __, ___: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    with tls_server(context) as server:
        assert said(client, tls, server) == ("the server knows no 'orders': set tls.identity to a name that it serves")


def test_no_common_cipher(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    context = serving(authority.issue_cert("orders"), version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("DHE-RSA-AES256-SHA")
    with tls_server(context) as server:
        sentence = said(client, tls, server)
    assert sentence.startswith("the server found no way to go on")
    assert sentence.endswith("; or no cipher is common to both")


def test_whatever_else_has_the_words_of_openssl(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    context = serving(authority.issue_cert("orders"))
    context.sni_callback = lambda _, __, ___: ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
    with tls_server(context) as server:
        assert said(client, tls, server) == "TLS failed: tlsv1 alert internal error"


def test_nothing_is_explained_where_nothing_is_wrong(client: str, authority: trustme.CA, tls: TlsContexts) -> None:
    with RawServer(always(OK), tls=serving(authority.issue_cert("orders"))) as server:
        assert ask(client, tls, server, "orders").data == OK
