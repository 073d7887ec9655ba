"""Sessions are resumed on the second connection, by every kind of client, and only where they mean something."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from meshclient.engine.tls import AdoptedContext, TlsContexts
from meshclient.engine.tls_context import ResumingContext
from meshclient.engine.tls_settings import TlsSettings
from unit.engine.tlspeers import CLIENTS, VERSIONS, ask, authority_file, serving, tls_server
from unit.http.rawserver import OK

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def contexts(authority: trustme.CA, tmp_path: Path) -> TlsContexts:
    return TlsContexts(TlsSettings(ca=authority_file(tmp_path, authority)))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_second_connection_resumes_the_session_of_the_first(
    authority: trustme.CA, contexts: TlsContexts, client: str, version: ssl.TLSVersion
) -> None:
    with tls_server(serving(authority.issue_cert("orders"), version=version)) as server:
        answers = [ask(client, contexts, server, "orders") for _ in range(3)]
    assert [answer.resumed for answer in answers] == [False, True, True]
    assert {answer.version for answer in answers} == {version.name.replace("_", ".")}
    assert {answer.data for answer in answers} == {OK}


def test_clients_of_all_kinds_share_what_they_learn(authority: trustme.CA, contexts: TlsContexts) -> None:
    with tls_server(serving(authority.issue_cert("orders"))) as server:
        assert [ask(client, contexts, server, "orders").resumed for client in CLIENTS] == [False, True, True]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_that_the_server_has_forgotten_costs_a_full_handshake_and_no_more(
    authority: trustme.CA, contexts: TlsContexts, client: str, version: ssl.TLSVersion
) -> None:
    issued = authority.issue_cert("orders")
    with tls_server(serving(issued, version=version)) as first, tls_server(serving(issued, version=version)) as second:
        assert ask(client, contexts, first, "orders").resumed is False
        assert ask(client, contexts, second, "orders") == ask(client, TlsContexts(contexts.settings), second, "orders")
        assert ask(client, contexts, second, "orders").resumed is True


@pytest.mark.parametrize("client", CLIENTS)
def test_endpoints_of_one_name_keep_their_own_sessions(
    authority: trustme.CA, contexts: TlsContexts, client: str
) -> None:
    issued = authority.issue_cert("orders")
    with tls_server(serving(issued)) as first, tls_server(serving(issued)) as second:
        for expected in (False, True):
            for server in (first, second):
                assert ask(client, contexts.at(server.url), server, "orders").resumed is expected


def test_a_session_of_one_name_is_not_offered_under_another(authority: trustme.CA, contexts: TlsContexts) -> None:
    with tls_server(serving(authority.issue_cert("orders", "users"))) as server:
        assert ask("blocking", contexts, server, "orders").resumed is False
        assert ask("blocking", contexts, server, "users").resumed is False


def test_without_a_ticket_there_is_nothing_to_remember(authority: trustme.CA, contexts: TlsContexts) -> None:
    context = serving(authority.issue_cert("orders"), version=ssl.TLSVersion.TLSv1_3)
    context.num_tickets = 0
    with tls_server(context) as server:
        assert ask("blocking", contexts, server, "orders").data == OK
    made = contexts.context()
    assert isinstance(made, ResumingContext)
    assert len(made.sessions) == 0


def test_an_adopted_context_is_used_as_it_is(authority: trustme.CA) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    adopted = AdoptedContext(context)
    assert adopted.context() is context
    assert adopted.at("a:1") is adopted
    with tls_server(serving(authority.issue_cert("orders"))) as server:
        assert [ask("asyncio", adopted, server, "orders").resumed for _ in range(2)] == [False, False]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_context_that_httpx_made_resumes_at_each_endpoint(
    authority: trustme.CA, client: str, version: ssl.TLSVersion
) -> None:
    context = httpx.create_ssl_context()
    authority.configure_trust(context)
    adopted = AdoptedContext(context, given=False)
    assert adopted.at("a:1") == adopted.at("a:1")
    issued = authority.issue_cert("orders")
    with tls_server(serving(issued, version=version)) as first, tls_server(serving(issued, version=version)) as second:
        for expected in (False, True):
            for server in (first, second):
                assert ask(client, adopted.at(server.url), server, "orders").resumed is expected


def test_whatever_httpx_makes_of_a_context_our_own_connections_speak_http_1_1(
    authority: trustme.CA, contexts: TlsContexts
) -> None:
    given = ssl.create_default_context()
    authority.configure_trust(given)
    server_side = serving(authority.issue_cert("orders"))
    server_side.set_alpn_protocols(["h2", "http/1.1"])
    with tls_server(server_side) as server:
        for tls in (contexts, AdoptedContext(given)):
            for _ in range(2):
                assert ask("blocking", tls.at(server.url), server, "orders").alpn == "http/1.1"
                apart = tls.apart()
                apart.set_alpn_protocols(["h2", "http/1.1"])
                assert apart.check_hostname
