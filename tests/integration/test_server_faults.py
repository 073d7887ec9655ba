"""The fault proxies break what passes through them, in the way and as often as they are told."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from servers.faultproxy import FaultProxy
from servers.faults import DnsFault, HttpFault, LinkFault
from servers.process import wait_until
from servers.rest import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.backend import Backends
    from servers.dns import DnsServer
    from servers.faultproxies import FaultProxies
    from servers.httpfaultproxy import HttpFaultProxy


@pytest.fixture(params=["tcp", "http"])
def proxy(request: pytest.FixtureRequest, backends: Backends, fault_proxy: FaultProxies) -> FaultProxy:
    (backend,) = backends()
    make = fault_proxy.tcp if request.param == "tcp" else fault_proxy.http
    return make(backend.host, backend.port)


@pytest.fixture
def http_proxy(backends: Backends, fault_proxy: FaultProxies) -> HttpFaultProxy:
    (backend,) = backends()
    return fault_proxy.http(backend.host, backend.port)


def fetch(proxy: FaultProxy, target: str = "/", timeout: float = 5.0) -> int:
    return call("GET", proxy.url + target, timeout=timeout).status


def test_without_faults_everything_passes(proxy: FaultProxy) -> None:
    body = bytes(range(256)) * 500
    assert call("POST", proxy.url + "/mirror", body).raw == body
    assert call("GET", proxy.url + "/stream?chunks=4&size=3").raw == b"aaabbbcccddd"
    assert call("HEAD", proxy.url).raw == b""
    assert proxy.stats.connections == 3


@pytest.mark.parametrize(
    "fault",
    [
        LinkFault(freeze=True),
        LinkFault(sever=True),
        LinkFault(blackhole=True),
        LinkFault(latency=30),
    ],
)
def test_faults_that_keep_the_client_waiting(proxy: FaultProxy, fault: LinkFault) -> None:
    proxy.set(fault)
    with pytest.raises(TimeoutError):
        fetch(proxy, timeout=0.3)
    proxy.clear()
    assert fetch(proxy) == 200


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (LinkFault(reset=True), ConnectionResetError),
        (LinkFault(refuse=True), ConnectionRefusedError),
        (LinkFault(reset_after=40), ConnectionError),
        (LinkFault(close_after=150), ConnectionError),
        (LinkFault(garbage=64), ConnectionError),
    ],
)
def test_faults_that_end_the_connection(proxy: FaultProxy, fault: LinkFault, error: type[OSError]) -> None:
    proxy.set(fault)
    with pytest.raises(error):
        fetch(proxy, "/stream?chunks=10&size=100")
    proxy.clear()
    assert fetch(proxy) == 200


def test_a_rate_spreads_the_answer(proxy: FaultProxy) -> None:
    proxy.set(LinkFault(rate=4000))
    begin = time.monotonic()
    assert len(call("GET", proxy.url + "/stream?chunks=1&size=1000").raw) == 1000
    assert time.monotonic() - begin >= 0.25, "1,000 bytes at 4,000 a second"


@contextmanager
def endless_answer(proxy: FaultProxy) -> Iterator[socket.socket]:
    """A client in the middle of an answer that goes on for a minute."""
    with socket.create_connection((proxy.host, proxy.port), timeout=5) as client:
        client.sendall(b"GET /stream?chunks=3000&delay=0.02 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(10)
        yield client


def read_on(client: socket.socket) -> None:
    """Read until the end of the connection, or for ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end and client.recv(65536):
        pass


def test_an_open_connection_feels_a_reset(proxy: FaultProxy) -> None:
    with endless_answer(proxy) as client:
        proxy.set(LinkFault(reset=True))
        with pytest.raises(ConnectionResetError):
            read_on(client)


def test_an_open_connection_freezes_and_flows_on(proxy: FaultProxy) -> None:
    with endless_answer(proxy) as client:
        proxy.set(LinkFault(freeze=True))
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            read_on(client)
        proxy.clear()
        client.settimeout(5)
        assert client.recv(10)


def test_a_severed_connection_is_silent_for_good(backends: Backends, proxy: FaultProxy) -> None:
    with endless_answer(proxy) as client:
        proxy.set(LinkFault(sever=True))
        wait_until(lambda: backends.running[0].stats()["open"] == 1, 5, "the upstream's end")
        proxy.clear()
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            read_on(client)
        assert fetch(proxy) == 200


def test_a_frozen_connection_goes_on_when_it_is_cleared(proxy: FaultProxy) -> None:
    proxy.set(LinkFault(freeze=True))
    statuses: list[int] = []
    caller = threading.Thread(target=lambda: statuses.append(fetch(proxy)))
    caller.start()
    wait_until(lambda: proxy.stats.connections == 1, 5, "the connection")
    assert statuses == []
    proxy.clear()
    caller.join(5)
    assert statuses == [200]


def test_a_dead_upstream_is_passed_on(backends: Backends, proxy: FaultProxy) -> None:
    backends.running[0].kill()
    with pytest.raises(ConnectionError):
        fetch(proxy)


def test_stopping_resets_what_is_open(proxy: FaultProxy) -> None:
    with socket.create_connection((proxy.host, proxy.port), timeout=5) as client:
        wait_until(lambda: proxy.stats.open == 1, 5, "the connection")
        proxy.stop()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        fetch(proxy)


def test_a_taken_port_is_an_error(proxy: FaultProxy) -> None:
    with pytest.raises(OSError, match="in use"):
        FaultProxy("127.0.0.1", 1, listen=proxy.port).start()


def test_a_scripted_answer_is_used_up(http_proxy: HttpFaultProxy) -> None:
    http_proxy.set(
        HttpFault(path="^/a", status=503, headers={"Retry-After": "1"}, body="busy", skip=1, times=2),
        HttpFault(method="POST", status=429),
    )
    assert [fetch(http_proxy, "/a") for _ in range(5)] == [200, 503, 503, 200, 200]
    assert fetch(http_proxy, "/b") == 200
    assert call("POST", http_proxy.url + "/b", b"x").status == 429
    assert http_proxy.requests.count("GET /a") == 5
    assert http_proxy.stats.faulted == 3
    http_proxy.set(HttpFault(status=503, headers={"Retry-After": "1"}, body="busy"))
    reply = call("GET", http_proxy.url)
    assert (reply.text, reply.headers["Retry-After"]) == ("busy", "1")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (HttpFault(hang=True), TimeoutError),
        (HttpFault(delay=30), TimeoutError),
        (HttpFault(reset=True), ConnectionResetError),
        (HttpFault(close=True), ConnectionError),
        (HttpFault(truncate=5), ConnectionError),
    ],
)
def test_faults_of_single_requests(http_proxy: HttpFaultProxy, fault: HttpFault, error: type[OSError]) -> None:
    http_proxy.set(fault)
    with pytest.raises(error):
        fetch(http_proxy, timeout=0.3)
    http_proxy.clear()
    assert fetch(http_proxy) == 200


def test_an_answer_is_rewritten(http_proxy: HttpFaultProxy) -> None:
    http_proxy.set(HttpFault(set_headers={"X-Consul-Index": "0", "Server": None}, body="{}"))
    reply = call("GET", http_proxy.url + "/stream?chunks=2")
    assert (reply.status, reply.text) == (200, "{}")
    assert (reply.headers["X-Consul-Index"], reply.headers["Server"]) == ("0", None)


def test_a_fault_acts_with_its_probability(http_proxy: HttpFaultProxy) -> None:
    http_proxy.set(HttpFault(status=500, probability=0.5))
    failed = [fetch(http_proxy) for _ in range(40)].count(500)
    assert 5 < failed < 35


def test_the_upstream_sees_a_request_once(backends: Backends, http_proxy: HttpFaultProxy) -> None:
    backend = backends.running[0]
    backend.control(close=True)
    with pytest.raises(ConnectionError):
        call("POST", http_proxy.url, b"once")
    assert backend.stats()["requests"] == 1


@pytest.mark.parametrize(
    ("fault", "code", "truncated", "count"),
    [
        (DnsFault(rcode=2), 2, False, 0),
        (DnsFault(rcode=3), 3, False, 0),
        (DnsFault(truncated=True), 0, True, 0),
        (DnsFault(empty=True), 0, False, 0),
        (DnsFault(name="other", rcode=2), 0, False, 3),
        (DnsFault(kind=1, rcode=2), 0, False, 3),
        (DnsFault(delay=0.01), 0, False, 3),
    ],
)
def test_dns_answers_are_changed(
    dns_server: DnsServer, fault_proxy: FaultProxies, fault: DnsFault, code: int, *, truncated: bool, count: int
) -> None:
    proxy = fault_proxy.dns(dns_server.host, dns_server.port)
    proxy.set(fault)
    reply = dns_server.ask("_web._tcp.mesh.test", port=proxy.port)
    assert (reply[3] & 15, bool(reply[2] & 2), reply[7]) == (code, truncated, count)
    assert proxy.requests == ["33 _web._tcp.mesh.test"]


def test_dns_answers_are_lost_or_spoilt(dns_server: DnsServer, fault_proxy: FaultProxies) -> None:
    proxy = fault_proxy.dns(dns_server.host, dns_server.port)
    name = "_web._tcp.mesh.test"
    proxy.set(DnsFault(drop=True, times=1), DnsFault(wrong_id=True, times=1), DnsFault(garbage=7, times=1))
    with pytest.raises(TimeoutError):
        dns_server.ask(name, timeout=0.2, port=proxy.port)
    good = dns_server.ask(name)
    wrong = dns_server.ask(name, port=proxy.port)
    assert wrong[:2] != good[:2]
    assert wrong[2:12] == good[2:12]
    assert len(dns_server.ask(name, port=proxy.port)) == 7
    assert dns_server.rcode(name, port=proxy.port) == 0


def test_dns_over_tcp_passes_and_is_refused_alone(dns_server: DnsServer, fault_proxy: FaultProxies) -> None:
    import dns.flags
    import dns.message
    import dns.query

    proxy = fault_proxy.dns(dns_server.host, dns_server.port)
    proxy.set(DnsFault(truncated=True))
    query = dns.message.make_query("_huge._tcp.mesh.test", "SRV")
    cut = dns.query.udp(query, proxy.host, port=proxy.port, timeout=5)
    assert cut.flags & dns.flags.TC
    whole = dns.query.tcp(query, proxy.host, port=proxy.port, timeout=5)
    assert len(whole.answer[0]) == 1000
    proxy.set(LinkFault(refuse=True))
    with pytest.raises(ConnectionRefusedError):
        dns.query.tcp(query, proxy.host, port=proxy.port, timeout=5)
    assert dns_server.rcode("_web._tcp.mesh.test", port=proxy.port) == 0
