"""``dns://`` and ``srv://`` against a real name server, alone and behind a proxy that breaks the questions."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.dns import DnsResolver
from meshclient.discovery.nameserver import RETRY_CEILING
from meshclient.discovery.resolver import PollingResolver, ResolverUri
from meshclient.discovery.srv import SrvResolver
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Ready
from servers.faults import DnsFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers.dns import DnsServer
    from servers.dnsfaultproxy import DnsFaultProxy
    from servers.faultproxies import FaultProxies

A, AAAA = 1, 28
SERVFAIL = 2


@pytest.fixture
def srv(dns_server: DnsServer) -> Callable[..., SrvResolver]:
    def make(options: str = "", domain: str = "mesh.test", server: object = None) -> SrvResolver:
        where = f"127.0.0.1:{getattr(server, 'port', dns_server.port)}"
        return SrvResolver(ResolverUri.parse(f"srv://{domain}?nameserver={where}{options}"))

    return make


@pytest.fixture
def dns(dns_server: DnsServer) -> Callable[..., DnsResolver]:
    def make(options: str = "&domain=mesh.test", server: object = None) -> DnsResolver:
        where = f"127.0.0.1:{getattr(server, 'port', dns_server.port)}"
        return DnsResolver(ResolverUri.parse(f"dns://?nameserver={where}{options}"))

    return make


@pytest.fixture
def proxy(dns_server: DnsServer, fault_proxy: FaultProxies) -> DnsFaultProxy:
    return fault_proxy.dns(dns_server.host, dns_server.port)


def asked(resolver: PollingResolver, name: str) -> Ready | Empty:
    return asyncio.run(asyncio.wait_for(resolver.fetch(ServiceName.parse(name)), 30))


def places(answer: Ready | Empty) -> list[str]:
    return [e.authority for e in answer.endpoints]


def test_srv_records_with_priority_weight_and_both_families(srv: Callable[..., SrvResolver]) -> None:
    found = asked(srv(), "web")
    assert [(e.authority, e.id, e.priority, e.weight) for e in found.endpoints] == [
        ("127.0.0.11:9001", "a1.mesh.test", 10, 30.0),
        ("127.0.0.12:9002", "a2.mesh.test", 10, 40.0),
        ("[::1]:9001", "a1.mesh.test", 10, 30.0),
        ("127.0.0.13:9003", "a3.mesh.test", 20, 1.0),
    ]
    assert found.ttl == 2.0
    assert found.source.startswith("srv://mesh.test?nameserver=")


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("WEB", "&family=ipv4", ["127.0.0.11:9001", "127.0.0.12:9002", "127.0.0.13:9003"]),
        ("web", "&family=ipv6", ["[::1]:9001"]),
        ("cname", "&family=ipv4", ["127.0.0.11:9001", "127.0.0.12:9002", "127.0.0.13:9003"]),
        ("alias", "", ["127.0.0.11:80", "[::1]:80"]),
        ("zero", "", ["127.0.0.14:80"]),
    ],
)
def test_srv_targets(srv: Callable[..., SrvResolver], name: str, options: str, expected: list[str]) -> None:
    assert places(asked(srv(options), name)) == expected


def test_ttl_zero_is_raised_to_the_floor(srv: Callable[..., SrvResolver], dns: Callable[..., DnsResolver]) -> None:
    assert asked(srv(), "zero").ttl == 1.0
    assert asked(dns(), "zero").ttl == 1.0


def test_the_ttl_is_the_least_of_the_chain(srv: Callable[..., SrvResolver], dns_server: DnsServer) -> None:
    name = f"ttl-{secrets.token_hex(4)}"
    dns_server.update(
        f"add _{name}._tcp 90 SRV 0 0 80 {name}-a.mesh.test.",
        f"add {name}-a 60 A 127.0.0.1",
        f"add {name}-x 30 CNAME {name}-a.mesh.test.",
    )
    assert asked(srv(), name).ttl == 60
    dns_server.update(f"delete _{name}._tcp SRV", f"add _{name}._tcp 90 SRV 0 0 80 {name}-x.mesh.test.")
    assert asked(srv(), name).ttl == 30


@pytest.mark.parametrize(("name", "exists"), [("none", True), ("nobody", False), ("x" * 80, False)])
def test_a_definite_no(srv: Callable[..., SrvResolver], name: str, exists: bool) -> None:
    found = asked(srv(), name)
    assert isinstance(found, Empty)
    assert found.exists is exists
    assert found.ttl is not None
    assert 1.0 <= found.ttl <= RETRY_CEILING


@pytest.mark.parametrize(("name", "count"), [("big", 40), ("huge", 1000)])
def test_answers_too_large_for_a_datagram_are_complete(srv: Callable[..., SrvResolver], name: str, count: int) -> None:
    assert len(asked(srv(), name).endpoints) == count


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("dangling", "no target of SRV _dangling._tcp.mesh.test has an address: missing.mesh.test has no address"),
        ("outside", "gave no answer to A host.elsewhere.test: REFUSED"),
    ],
)
def test_no_target_with_an_address_is_a_failure(srv: Callable[..., SrvResolver], name: str, reason: str) -> None:
    with pytest.raises(ConnectionError) as caught:
        asked(srv(), name)
    assert reason in str(caught.value)


def test_targets_left_out_are_logged_once_for_each_set(
    srv: Callable[..., SrvResolver], dns_server: DnsServer, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"holes-{secrets.token_hex(4)}"
    dns_server.update(f"add {name} 60 A 127.0.0.12")
    gone, good, portless = (1, 5, 80, "gone.mesh.test."), (1, 5, 80, f"{name}.mesh.test."), (1, 5, 0, "a3.mesh.test.")
    resolver = srv()
    texts = []
    for rows in ([good, gone], [good, gone], [good, gone, portless], [good], [good, gone]):
        dns_server.set_srv(name, rows, ttl=60)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "meshclient.discovery"):
            found = asked(resolver, name)
        assert places(found) == ["127.0.0.12:80"]
        assert found.ttl == (60 if rows == [good] else RETRY_CEILING)
        texts.append([record.getMessage() for record in caplog.records])
    start = f"SRV _{name}._tcp.mesh.test: targets left out"
    assert texts == [
        [f"{start} (1): gone.mesh.test has no address"],
        [],
        [f"{start} (2): a3.mesh.test has port 0; gone.mesh.test has no address"],
        [],
        [f"{start} (1): gone.mesh.test has no address"],
    ]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a1", "&domain=mesh.test", ["http://127.0.0.11:80", "http://[::1]:80"]),
        ("A1", "&domain=mesh.test.&family=ipv4&port=8080", ["http://127.0.0.11:8080"]),
        ("a1.mesh.test", "&family=ipv6&scheme=https", ["https://[::1]:443"]),
        ("many", "&domain=mesh.test", ["http://127.0.0.21:80", "http://127.0.0.22:80", "http://127.0.0.23:80"]),
        ("alias", "&domain=mesh.test&family=ipv4", ["http://127.0.0.11:80"]),
    ],
)
def test_addresses(dns: Callable[..., DnsResolver], name: str, options: str, expected: list[str]) -> None:
    found = asked(dns(options), name)
    assert [e.url for e in found.endpoints] == expected
    assert found.ttl == 2.0


@pytest.mark.parametrize(("name", "exists"), [("_web._tcp", True), ("nobody", False), ("x" * 80, False)])
def test_no_address_and_no_such_name_differ(dns: Callable[..., DnsResolver], name: str, exists: bool) -> None:
    found = asked(dns(), name)
    assert isinstance(found, Empty)
    assert found.exists is exists
    assert found.ttl == (RETRY_CEILING if len(name) > 63 else 1.0)


def test_the_systems_name_server_and_search_domains(dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    import dns.name
    import dns.resolver

    def configured(self: dns.resolver.BaseResolver, _: object) -> None:
        self.nameservers, self.port = [dns_server.host], dns_server.port
        self.search = [dns.name.from_text("nowhere.mesh.test"), dns.name.from_text("mesh.test")]

    monkeypatch.setattr(dns.resolver.BaseResolver, "read_resolv_conf", configured)
    found = asked(DnsResolver(ResolverUri.parse("dns://?family=ipv4")), "a1")
    assert places(found) == ["127.0.0.11:80"]


def test_a_refusal_names_the_server_and_the_question(
    srv: Callable[..., SrvResolver], dns: Callable[..., DnsResolver], dns_server: DnsServer
) -> None:
    server = f"name server 127.0.0.1:{dns_server.port}"
    with pytest.raises(ConnectionError) as caught:
        asked(srv(domain="broken.test"), "web")
    assert str(caught.value) == f"{server} gave no answer to SRV _web._tcp.broken.test: SERVFAIL"
    with pytest.raises(ConnectionError) as caught:
        asked(dns("&domain=elsewhere.test"), "web")
    assert str(caught.value) == f"{server} gave no answer to A web.elsewhere.test: REFUSED"


def test_silence_about_the_targets_is_bounded_as_a_whole(
    srv: Callable[..., SrvResolver], proxy: DnsFaultProxy, dns_server: DnsServer
) -> None:
    name = f"slow-{secrets.token_hex(4)}"
    dns_server.set_srv(name, [(1, 1, 80, f"t{i}.elsewhere.test.") for i in range(100)])
    proxy.set(DnsFault(name="elsewhere", drop=True))
    with pytest.raises(ConnectionError, match="no target of SRV"):
        asked(srv("&timeout=500ms", server=proxy), name)
    # Those for whom no time was left were not asked about at all.
    assert len({question for question in proxy.requests if "elsewhere" in question}) < 200


@pytest.mark.parametrize(
    "fault", [DnsFault(times=1, drop=True), DnsFault(times=1, wrong_id=True), DnsFault(times=1, garbage=40)]
)
def test_one_lost_or_wrong_datagram_is_asked_again(
    srv: Callable[..., SrvResolver], proxy: DnsFaultProxy, fault: DnsFault
) -> None:
    proxy.set(fault)
    assert len(asked(srv("&timeout=2s", server=proxy), "web").endpoints) == 4
    assert proxy.stats.faulted == 1


def test_a_truncated_answer_is_fetched_over_tcp(
    srv: Callable[..., SrvResolver], dns: Callable[..., DnsResolver], proxy: DnsFaultProxy
) -> None:
    proxy.set(DnsFault(truncated=True))
    assert len(asked(srv(server=proxy), "web").endpoints) == 4
    assert proxy.stats.connections == 1
    assert len(asked(dns(server=proxy), "a1").endpoints) == 2
    assert proxy.stats.connections == 3


def test_an_answer_that_fits_a_datagram_needs_no_tcp(
    dns: Callable[..., DnsResolver], dns_server: DnsServer, proxy: DnsFaultProxy
) -> None:
    # 60 addresses are 960 bytes: above the 512 of RFC 1035, below what EDNS announces.
    name = f"wide-{secrets.token_hex(4)}"
    dns_server.update(*(f"add {name} 2 A 127.3.0.{i + 1}" for i in range(60)))
    assert len(asked(dns(server=proxy), name).endpoints) == 60
    assert proxy.stats.connections == 0


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        (DnsFault(kind=A, rcode=SERVFAIL), "[::1]:80"),
        (DnsFault(kind=A, drop=True), "[::1]:80"),
        (DnsFault(kind=AAAA, rcode=SERVFAIL), "127.0.0.1:80"),
        (DnsFault(kind=AAAA, drop=True), "127.0.0.1:80"),
    ],
)
def test_one_family_failing_leaves_the_other_for_a_short_while(
    dns: Callable[..., DnsResolver], proxy: DnsFaultProxy, dns_server: DnsServer, fault: DnsFault, left: str
) -> None:
    name = f"dual-{secrets.token_hex(4)}"
    dns_server.update(f"add {name} 60 A 127.0.0.1", f"add {name} 60 AAAA ::1")
    proxy.set(fault)
    found = asked(dns("&domain=mesh.test&timeout=500ms", server=proxy), name)
    assert places(found) == [left]
    assert found.ttl == RETRY_CEILING


def test_no_address_of_one_family_and_silence_of_the_other_is_a_failure(
    dns: Callable[..., DnsResolver], proxy: DnsFaultProxy
) -> None:
    proxy.set(DnsFault(kind=A, rcode=SERVFAIL))
    with pytest.raises(ConnectionError, match="gave no answer to A a2"):
        asked(dns(server=proxy), "a2")
