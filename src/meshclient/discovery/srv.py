"""``srv://<domain>``: the SRV records of ``_<service>._tcp.<domain>``, with priority, weight and port (RFC 2782)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from meshclient.discovery.dns import domain_name, scheme_option
from meshclient.discovery.nameserver import TTL_CEILING, Addresses, Nameserver, refresh_after
from meshclient.discovery.resolver import PollingResolver
from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Empty, Ready, listing

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping, Sequence

    from dns.rdtypes.IN.SRV import SRV
    from dns.rrset import RRset

    from meshclient.discovery.nameserver import Reply
    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.service import ServiceName

# Together the records of weight 0 get this share of what the others of their priority have: RFC 2782 asks for "a very
# small chance", and its own procedure would give one such record beside one of weight 1 every second call.
ZERO_SHARE = 0.01
# Questions in flight at once. Each has a socket; a name server on the same network answers within a millisecond, so
# that a thousand targets take some tens of milliseconds.
CONCURRENCY = 32
# Reasons in one message: a thousand of them say no more.
SHOWN = 3
# One proto label, without its underscore.
_PROTOCOLS = ("tcp", "udp", "tls")

_log = logging.getLogger("meshclient.discovery")


@dataclass(frozen=True, slots=True)
class Target:
    """One SRV record; `name` is absolute, in lower case and without the final dot."""

    priority: int
    weight: int
    port: int
    name: str


class SrvResolver(PollingResolver):
    """Every address of every target is an endpoint, whose `id` is the target's name.

    ``srv://example.com?nameserver=10.0.0.2:53``; without ``nameserver`` the system's are asked. Options besides:
    ``proto`` (tcp), ``scheme`` (https for port 443, http for others), ``family`` (any, ipv4, ipv6) and ``timeout``
    (5 s, once for the records and once for their addresses). The single target ``.`` means that the service is
    decidedly not available here. A target without an address is left out and logged (``meshclient.discovery``); when
    none has one, that is a failure. Raises ConfigError for a bad URI.
    """

    def __init__(self, uri: ResolverUri, *, rng: random.Random | None = None) -> None:
        self._domain = domain_name(uri.authority, uri)
        if not self._domain or uri.path not in ("", "/"):
            raise ConfigError(f"{uri}: write srv://<domain>, and the name server as ?nameserver=10.0.0.2:53")
        self._nameserver = Nameserver(uri)
        self._scheme = scheme_option(uri)
        self._proto = uri.text("proto", "tcp").removeprefix("_")
        if self._proto not in _PROTOCOLS:
            raise ConfigError(f"proto={self._proto!r} in {uri} is unknown; known: {', '.join(_PROTOCOLS)}")
        uri.finish()
        super().__init__(source=str(uri), interval=TTL_CEILING, rng=rng)
        self._reported: dict[ServiceName, frozenset[str]] = {}

    async def fetch(self, name: ServiceName) -> Ready | Empty:
        """Ask for the records and their addresses once. Raises ConnectionError where nothing can be told."""
        owner = f"_{name}._{self._proto}.{self._domain}"
        reply = await self._nameserver.ask(owner, "SRV")
        targets = [target for target in _targets(reply) if target.name]
        if not targets:
            ttl = refresh_after(reply.ttl, complete=False)
            return Empty(exists=reply.exists, source=self.source, ttl=ttl)
        places, missing = await self._locate(targets, reply.additional)
        self._report(name, owner, missing)
        if not places:
            reasons = "; ".join(sorted(missing.values())[:SHOWN])
            raise ConnectionError(f"{self._nameserver}: no target of SRV {owner} has an address: {reasons}")
        hosts = {target: place.hosts for target, place in places.items()}
        ttl = min([reply.ttl, *(place.ttl for place in places.values())])
        return listing(
            weigh(targets, hosts, self._scheme),
            source=self.source,
            ttl=refresh_after(ttl, complete=not missing),
        )

    async def _locate(
        self, targets: Iterable[Target], additional: Sequence[RRset]
    ) -> tuple[dict[str, Addresses], dict[str, str]]:
        """Where the targets are, and why that is not known of the others."""
        places = _additional(additional, self._nameserver.kinds)
        missing = {t.name: f"{t.name} has port 0" for t in targets if t.port == 0}
        wanted = {t.name for t in targets if t.port}
        loop = asyncio.get_running_loop()
        end = loop.time() + self._nameserver.timeout
        gate = asyncio.Semaphore(CONCURRENCY)

        async def locate(target: str) -> None:
            async with gate:
                try:
                    place = await self._nameserver.addresses(target, timeout=max(0.0, end - loop.time()))
                except ConnectionError as exc:
                    missing[target] = str(exc)
                    return
            if place.hosts:
                places[target] = place
            else:
                missing[target] = f"{target} has no address"

        async with asyncio.TaskGroup() as group:
            for target in sorted(wanted - places.keys()):
                group.create_task(locate(target))
        return {target: places[target] for target in wanted & places.keys()}, missing

    def _report(self, name: ServiceName, owner: str, missing: Mapping[str, str]) -> None:
        """Log the targets that were left out, once for each set of them."""
        before = self._reported.get(name, frozenset())
        self._reported[name] = frozenset(missing)
        if missing and self._reported[name] != before:
            reasons = "; ".join(sorted(missing.values())[:SHOWN])
            _log.warning("SRV %s: targets left out (%d): %s", owner, len(missing), reasons)


def weigh(targets: Iterable[Target], hosts: Mapping[str, Sequence[str]], scheme: str = "") -> list[Endpoint]:
    """The endpoints of `targets`, whose `hosts` are known.

    The addresses of a target share its weight. Among targets of one priority, those of weight 0 together get
    `ZERO_SHARE` of what the others have; where all are 0 all are equal.
    """
    known = sorted({t for t in targets if t.port and hosts.get(t.name)}, key=lambda t: (t.priority, t.name, t.port))
    totals = Counter[int]()
    zeros = Counter[int]()
    for target in known:
        totals[target.priority] += target.weight
        zeros[target.priority] += target.weight == 0
    endpoints = []
    for target in known:
        share = totals[target.priority] * ZERO_SHARE / max(1, zeros[target.priority])
        addresses = hosts[target.name]
        endpoints += [
            Endpoint(
                host,
                target.port,
                scheme or ("https" if target.port == 443 else "http"),
                id=target.name,
                weight=(target.weight or share or 1.0) / len(addresses),
                priority=target.priority,
            )
            for host in addresses
        ]
    return endpoints


def _targets(reply: Reply) -> list[Target]:
    records = [cast("SRV", record) for record in reply.records]
    return [Target(r.priority, r.weight, r.port, _plain(str(r.target))) for r in records]


def _additional(rrsets: Iterable[RRset], kinds: Sequence[str]) -> dict[str, Addresses]:
    """The addresses that came along with the answer."""
    from dns.rdatatype import to_text

    found: dict[str, Addresses] = {}
    for rrset in rrsets:
        if to_text(rrset.rdtype) in kinds:
            target = _plain(str(rrset.name))
            before = found.get(target, Addresses((), exists=True, ttl=rrset.ttl))
            hosts = tuple(record.to_text() for record in rrset)
            found[target] = Addresses(before.hosts + hosts, exists=True, ttl=min(before.ttl, rrset.ttl))
    return found


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")
