"""The fault suite of all resolvers, for ``srv://`` and ``dns://`` on a real name server.

A question is a datagram, so a fault is what happens to it: it is lost, late, refused, or answered with a word to ask
again over TCP, where a connection breaks as any other does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from fault_suite import IMPATIENT, FaultSuite, case
from meshclient.discovery import nameserver, resolver
from meshclient.discovery.dns import DnsResolver
from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.srv import SrvResolver
from servers.faults import DnsFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.discovery.resolver import Resolver
    from servers.dns import DnsServer
    from servers.faultproxies import FaultProxies

# RFC 1035, section 4.1.1.
SERVFAIL, NOTIMP, REFUSED = 2, 4, 5
NO_ANSWER = "gave no answer to"
PER_UPDATE = 200
# "Too long for a datagram": what follows happens to the connection.
OVER_TCP = DnsFault(truncated=True)


class NameserverFaults(FaultSuite):
    lacks: ClassVar = {
        "five_thousand_instances": "a message of DNS ends at 65,535 bytes (RFC 1035, 4.2.2), below 5,000 records"
    }
    gone = (
        case(OVER_TCP, LinkFault(refuse=True), says=[NO_ANSWER]),
        case(DnsFault(drop=True), LinkFault(refuse=True), says=[NO_ANSWER, "none within 250ms"]),
    )
    silence = (case(DnsFault(drop=True), says=[NO_ANSWER, "none within 250ms"]),)
    half_open = (
        case(OVER_TCP, LinkFault(freeze=True), says=[NO_ANSWER]),
        case(OVER_TCP, LinkFault(blackhole=True), says=[NO_ANSWER]),
    )
    errors = (
        case(DnsFault(rcode=SERVFAIL), says=[NO_ANSWER, "SERVFAIL"]),
        case(DnsFault(rcode=NOTIMP), says=[NO_ANSWER, "NOTIMP"]),
    )
    throttles = (
        case(DnsFault(rcode=REFUSED), says=[NO_ANSWER, "REFUSED"]),
        case(OVER_TCP, LinkFault(reset=True), says=[NO_ANSWER]),
    )
    garbage = (
        case(DnsFault(garbage=60), says=[NO_ANSWER]),
        case(DnsFault(wrong_id=True), says=[NO_ANSWER]),
        case(OVER_TCP, LinkFault(garbage=60), says=[NO_ANSWER]),
    )
    truncation = (case(OVER_TCP, LinkFault(close_after=20), says=[NO_ANSWER]),)
    late = case(DnsFault(delay=0.1))
    slow = case(DnsFault(delay=1.2 * IMPATIENT), says=[NO_ANSWER])
    denial = (NO_ANSWER, "REFUSED")

    @pytest.fixture(autouse=True)
    def _registry(self, dns_server: DnsServer, fault_proxy: FaultProxies, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = self.dns = dns_server
        self.proxy = fault_proxy.dns(dns_server.host, dns_server.port)
        for module in (nameserver, resolver):  # the records here have a TTL of 0
            monkeypatch.setattr(module, "TTL_FLOOR", 0.05)

    def update(self, lines: Sequence[str]) -> None:
        for start in range(0, len(lines), PER_UPDATE):
            self.dns.update(*lines[start : start + PER_UPDATE])

    def deny(self) -> None:
        """Whoever is on no access list is refused, in DNS by that code alone."""
        self.apply(DnsFault(rcode=REFUSED))


@pytest.mark.registry("srv", "faults")
class TestSrvFaults(NameserverFaults):
    def resolver(self, timeout: float) -> Resolver:
        where = f"127.0.0.1:{self.proxy.port}"
        return SrvResolver(ResolverUri.parse(f"srv://mesh.test?nameserver={where}&timeout={timeout}"))

    def place(self, number: int) -> str:
        return f"127.1.0.{number % 4 + 1}:{8000 + number}"

    def target(self, name: str, number: int) -> str:
        return f"h{number % 4}-{name}"

    def write(self, name: str, numbers: Sequence[int]) -> None:
        hosts = {self.target(name, n): self.place(n).partition(":")[0] for n in numbers}
        self.update(
            [f"add {target} 0 A {host}" for target, host in hosts.items()]
            + [f"add _{name}._tcp 0 SRV 0 1 {8000 + n} {self.target(name, n)}.mesh.test." for n in numbers]
        )

    def remove(self, name: str, number: int) -> None:
        self.update([f"delete _{name}._tcp SRV 0 1 {8000 + number} {self.target(name, number)}.mesh.test."])


@pytest.mark.registry("dns", "faults")
class TestDnsFaults(NameserverFaults):
    def resolver(self, timeout: float) -> Resolver:
        where = f"127.0.0.1:{self.proxy.port}"
        uri = f"dns://{where}?domain=mesh.test&family=ipv4&port=8000&timeout={timeout}"
        return DnsResolver(ResolverUri.parse(uri))

    def write(self, name: str, numbers: Sequence[int]) -> None:
        self.update([f"add {name} 0 A {self.place(n).partition(':')[0]}" for n in numbers])

    def remove(self, name: str, number: int) -> None:
        self.update([f"delete {name} A {self.place(number).partition(':')[0]}"])
