"""ML4xx: how often registries are asked by all hosts together, against what they allow.

The quotas are their makers' defaults: Cloud Map, 1,000 DiscoverInstances a second in bursts of 2,000, and 3,000
DiscoverInstancesRevision, for each account and Region (AWS Cloud Map service quotas; AWS Cloud Map API request
throttling); 1,024 packets a second from each network interface to the resolver of a VPC (Amazon VPC, DNS quotas);
3,000 read units a second of a partition (DynamoDB, burst and adaptive capacity), five reads a second and two readers
for each shard of a stream (DynamoDB Streams); 200 connections from each client address to a Consul agent
(``limits.http_max_conns_per_client``). How often is asked is what the plugins' documentation says.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.cli.lint.finding import Finding, Level, Rule
from meshclient.discovery.expression import parse, uris
from meshclient.errors import ConfigError
from meshclient.model.duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meshclient.cli.lint.given import Given
    from meshclient.config.shape import MeshConfig

REVISIONS = Rule("ML401", Level.ERROR, "Cloud Map is asked for revisions more often than an account may.")
DISCOVERIES = Rule("ML402", Level.ERROR, "Cloud Map is asked for instances more often than an account may.")
RUSH = Rule("ML403", Level.WARNING, "Hosts that start together exceed the burst that Cloud Map allows.")
PACKETS = Rule("ML404", Level.WARNING, "A host sends more DNS packets than a VPC lets through.")
READERS = Rule("ML405", Level.WARNING, "A DynamoDB stream has more readers than AWS advises.")
READS = Rule("ML406", Level.ERROR, "A service is read more often than a DynamoDB partition allows.")
CONNECTIONS = Rule("ML407", Level.ERROR, "A host holds more connections to Consul than it allows.")
RULES = (REVISIONS, DISCOVERIES, RUSH, PACKETS, READERS, READS, CONNECTIONS)

_REVISIONS, _DISCOVERIES, _BURST = 3000, 1000, 2000
_PACKETS = 1024
# An A and an AAAA query for each name, asked for again when a TTL of a second, the least that is believed, is over.
_PER_NAME, _LEAST_TTL = 2, 1.0
_READERS, _STREAM_READS = 2, 5
_PARTITION = 3000
_CONNECTIONS = 200
# From this part of a quota on it is worth a word.
_NEAR = 0.5


def findings(config: MeshConfig, given: Given) -> Iterator[Finding]:
    """Of all registries that the resolver names; nothing where nobody says how many hosts there are."""
    if not given.hosts or not config.resolver:
        return
    names = len({name for name in (*config.services, *given.names) if not _static(config, name)}) or 1
    try:
        asked = list(uris(parse(config.resolver)))
    except ConfigError:
        # Opening the resolver says so.
        return
    for uri in asked:
        if rules := _OF.get(uri.scheme):
            yield from rules(uri.options, given, names)


def _static(config: MeshConfig, name: str) -> bool:
    found = config.services.get(name)
    return found is not None and bool(found.endpoints)


def _cloudmap(options: Mapping[str, str], given: Given, names: int) -> Iterator[Finding]:
    shared = options.get("share", "off").lower() in ("", "on", "true", "1", "yes")
    pollers = given.hosts if shared else given.clients
    who = f"{pollers:,} {'hosts' if shared else 'processes'}"
    interval, health = _seconds(options, "interval", 5.0), _seconds(options, "health_interval", 20.0)
    fix = "raise {}" + ("" if shared or given.processes == 1 else ", or write share=on: one asks for all of a host")
    fix += "; ask AWS for a higher quota"
    for rule, rate, quota, option, period in (
        (REVISIONS, pollers * names / interval, _REVISIONS, "interval", interval),
        (DISCOVERIES, pollers * names / health, _DISCOVERIES, "health_interval", health),
    ):
        if rate > _NEAR * quota:
            yield _quota(
                rule,
                f"{rate:,.0f} questions a second of the {quota:,} that an account may put in a Region",
                f"{who} x {_names(names)} / {period:g} s",
                fix.format(option),
                rate / quota,
            )
    if pollers * names > _BURST:
        yield Finding(
            RUSH,
            f"{pollers * names:,} questions at once where all hosts start together",
            f"{who} x {_names(names)}; the burst is {_BURST:,}, and {_DISCOVERIES:,} a second follow: the last one is "
            f"answered after {(pollers * names - _BURST) / _DISCOVERIES:.1f} s at best",
            "start hosts in waves, or set state_dir: a start then needs no registry",
            ("resolver",),
        )


def _dns(_options: Mapping[str, str], given: Given, names: int) -> Iterator[Finding]:
    rate = given.processes * names * _PER_NAME / _LEAST_TTL
    if rate > _NEAR * _PACKETS:
        yield _quota(
            PACKETS,
            f"up to {rate:,.0f} packets a second from a host, of {_PACKETS:,} for each network interface of a VPC",
            f"{given.processes} processes x {_names(names)} x {_PER_NAME} records, with a TTL of {_LEAST_TTL:g} s",
            "raise the TTL of the records, or let a resolver on the host answer",
            rate / _PACKETS,
        )


def _dynamodb(options: Mapping[str, str], given: Given, names: int) -> Iterator[Finding]:
    streams = options.get("streams", "on").lower() not in ("off", "false", "0", "no")
    if streams and given.clients > _READERS:
        pace = _seconds(options, "pace", 0.25)
        yield Finding(
            READERS,
            f"{given.clients:,} readers of each shard, where AWS advises {_READERS}",
            f"{given.clients:,} processes / {pace:g} s = {given.clients / pace:,.0f} reads a second, {_STREAM_READS} "
            "are allowed; who is throttled polls meanwhile",
            f"write streams=off, or pace={given.clients * 250}ms",
            ("resolver",),
        )
    interval = _seconds(options, "interval", 30.0 if streams else 5.0)
    # A read unit is 4 KiB; items of up to a few hundred bytes each make a unit of ten instances.
    rate = given.clients / interval
    if rate > _NEAR * _PARTITION:
        yield _quota(
            READS,
            f"{rate:,.0f} queries a second of one service, whose partition gives {_PARTITION:,} read units",
            f"{given.clients:,} processes / {interval:g} s, each at least one unit of 4 KiB; {_names(names)}",
            "raise interval",
            rate / _PARTITION,
        )


def _consul(_options: Mapping[str, str], given: Given, names: int) -> Iterator[Finding]:
    held = given.processes * names
    if held > _NEAR * _CONNECTIONS:
        yield _quota(
            CONNECTIONS,
            f"{held:,} connections from a host, of {_CONNECTIONS} that an agent takes from one address",
            f"{given.processes} processes x {_names(names)}: a question is open for each",
            "raise limits.http_max_conns_per_client in Consul, or have fewer processes",
            held / _CONNECTIONS,
        )


def _quota(rule: Rule, what: str, why: str, fix: str, part: float) -> Finding:
    return Finding(rule, what, why, fix, ("resolver",), level=rule.level if part > 1 else Level.WARNING)


def _names(count: int) -> str:
    return f"{count:,} service{'' if count == 1 else 's'}"


def _seconds(options: Mapping[str, str], name: str, default: float) -> float:
    with suppress(ValueError):
        return parse_duration(options[name]) or default if name in options else default
    return default


_OF: Mapping[str, Callable[[Mapping[str, str], Given, int], Iterator[Finding]]] = {
    "cloudmap": _cloudmap,
    "dns": _dns,
    "srv": _dns,
    "dynamodb": _dynamodb,
    "consul": _consul,
}
