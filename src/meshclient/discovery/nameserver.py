"""Questions to a name server: what ``dns://`` and ``srv://`` share.

dnspython asks, retries, and falls back to TCP; this says which server, within what time, and turns the answer into one
of three: records, a definite "no such name" or "no such data", or an exception that names the server and the question.
dnspython is imported on the first question, because that takes longer than the rest of meshclient together.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import TTL_FLOOR
from meshclient.errors import ConfigError
from meshclient.model.duration import format_duration
from meshclient.model.endpoint import Endpoint, without_user

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dns.asyncresolver import Resolver as Stub
    from dns.message import QueryMessage
    from dns.rdata import Rdata
    from dns.resolver import NXDOMAIN
    from dns.rrset import RRset

    from meshclient.discovery.resolver import ResolverUri

# Zones commonly carry an hour or a day, chosen before anyone moved instances about; five minutes bounds the surprise.
TTL_CEILING = 300.0
# "No such name" and half an answer are asked again soon (a name server has its own negative cache to answer from): a
# service that has just been created should not wait for the zone's SOA minimum, often an hour.
RETRY_CEILING = 5.0
# Long enough for two lost datagrams, since each try takes ATTEMPT of it; the value of most stub resolvers.
TIMEOUT = 5.0
ATTEMPT = 0.4
# The largest answer that passes unfragmented everywhere (DNS Flag Day 2020); beyond it the server truncates.
UDP_PAYLOAD = 1232
DNS_PORT = 53

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType({"any": ("A", "AAAA"), "ipv4": ("A",), "ipv6": ("AAAA",)})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a name server answered.

    Args:
        records: those of the asked type, behind any CNAME; empty for a definite no.
        exists: False where there is no such name at all (NXDOMAIN).
        ttl: seconds, the least over the chain, or the zone's negative TTL.
        additional: what the server sent along.
    """

    records: tuple[Rdata, ...]
    exists: bool
    ttl: float
    additional: tuple[RRset, ...] = ()


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a host: IP literals, whether the name exists, and the TTL in seconds."""

    hosts: tuple[str, ...]
    exists: bool
    ttl: float


class Nameserver:
    """One name server, or those of the system's ``resolv.conf``, read afresh for each question.

    Takes the options ``timeout`` (seconds for a question, retries included), ``family`` (any, ipv4, ipv6) and, where
    `address` is empty, ``nameserver`` (IP address with an optional port). Raises ConfigError.
    """

    def __init__(self, uri: ResolverUri, address: str = "") -> None:
        option = uri.text("nameserver")
        if address and option:
            raise ConfigError(f"{uri} names two name servers, {address} and {option}: keep one")
        self.address = _address(address or option, uri)
        self.timeout = uri.duration("timeout", TIMEOUT)
        if self.timeout <= 0:
            raise ConfigError(f"timeout in {uri} must be above 0")
        family = uri.text("family", "any")
        if family not in FAMILIES:
            raise ConfigError(f"family={family!r} in {uri} is unknown; known: {', '.join(FAMILIES)}")
        self.kinds = FAMILIES[family]

    async def ask(self, name: str, kind: str, *, search: bool = False, timeout: float | None = None) -> Reply:
        """The records of type `kind` of `name`, within `timeout` seconds (the configured time where not given).

        `search` applies the system's search domains. Raises ConnectionError where there is no answer, naming the server
        and the question.
        """
        import dns.asyncbackend
        import dns.exception
        import dns.name
        import dns.resolver

        try:
            question = dns.name.from_text(name, None if search else dns.name.root)
        except dns.exception.DNSException:
            # No zone can hold a name with a label of more than 63 characters, or more than 255 in all.
            return Reply((), exists=False, ttl=TTL_CEILING)
        try:
            answer = await self._stub().resolve(
                question,
                kind,
                raise_on_no_answer=False,
                search=search,
                lifetime=self.timeout if timeout is None else timeout,
                backend=dns.asyncbackend.get_backend("asyncio"),
            )
        except dns.resolver.NXDOMAIN as exc:
            return Reply((), exists=False, ttl=_negative_ttl(exc))
        except (dns.exception.DNSException, OSError) as exc:
            raise ConnectionError(f"{self} gave no answer to {kind} {name}: {_reason(exc, self.timeout)}") from exc
        records = tuple(answer.rrset or ())
        return Reply(
            records,
            exists=True,
            ttl=answer.chaining_result.minimum_ttl,
            additional=tuple(answer.response.additional),
        )

    async def addresses(self, host: str, *, search: bool = False, timeout: float | None = None) -> Addresses:
        """The addresses of `host` in the configured families, asked for at the same time.

        Where one family's question fails, the other's addresses stand, for a short while. Raises ConnectionError where
        nothing can be told.
        """
        asked = (self.ask(host, kind, search=search, timeout=timeout) for kind in self.kinds)
        results = await asyncio.gather(*asked, return_exceptions=True)
        replies = [r for r in results if isinstance(r, Reply)]
        failures = [r for r in results if isinstance(r, BaseException)]
        found = [r for r in replies if r.records]
        if failures and not found:
            raise failures[0]
        hosts = tuple(record.to_text() for reply in found for record in reply.records)
        ttl = min(r.ttl for r in found or replies)
        return Addresses(hosts, any(r.exists for r in replies), min(ttl, RETRY_CEILING) if failures else ttl)

    def _stub(self) -> Stub:
        from dns.asyncresolver import Resolver
        from dns.nameserver import Do53Nameserver

        stub = Resolver(configure=self.address is None)
        if self.address is not None:
            stub.nameservers = [Do53Nameserver(*self.address)]
        stub.timeout = self.timeout * ATTEMPT
        stub.use_edns(0, 0, UDP_PAYLOAD)
        return stub

    def __str__(self) -> str:
        if self.address is None:
            return "the system's name server"
        host, port = self.address
        return f"name server {f'[{host}]' if ':' in host else host}:{port}"


def refresh_after(ttl: float, *, complete: bool) -> float:
    """Seconds until the question is worth asking again: the TTL within bounds, soon when the answer was incomplete."""
    return min(max(ttl, TTL_FLOOR), TTL_CEILING if complete else RETRY_CEILING)


def _address(text: str, uri: ResolverUri) -> tuple[str, int] | None:
    if not text:
        return None
    try:
        # A name would have to be looked up first, and with which name server?
        where = Endpoint.parse(text if ":" in text.rpartition("]")[2] else f"{text}:{DNS_PORT}")
        host = "127.0.0.1" if where.host == "localhost" else str(ipaddress.ip_address(where.host))
    except ValueError as exc:
        raise ConfigError(
            f"name server {without_user(text)!r} in {uri}: write an IP address and a port, 10.0.0.2:53 ({exc})"
        ) from None
    return host, where.port


def _negative_ttl(exc: NXDOMAIN) -> float:
    # RFC 2308, section 5: the lesser of the SOA record's TTL and its minimum field.
    responses: Mapping[object, QueryMessage] = exc.responses()  # type: ignore[no-untyped-call]
    return min(response.resolve_chaining().minimum_ttl for response in responses.values())


def _reason(exc: Exception, lifetime: float) -> str:
    """The last thing a server said, or the time-out: dnspython's own text lists every single try."""
    from dns.exception import Timeout

    if isinstance(exc, Timeout):
        return f"none within {format_duration(lifetime)}"
    errors = getattr(exc, "kwargs", {}).get("errors")
    return str(errors[-1][3]) if errors else str(exc)
