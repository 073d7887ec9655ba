"""What a ``route53://`` URI says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient_aws.options import AwsOptions

if TYPE_CHECKING:
    from meshclient.discovery.resolver import ResolverUri

# Source: Route 53's quotas and "How Route 53 routes traffic": changes usually reach all its servers within a minute.
SPREAD = 60.0
MAX_TTL = 2**31 - 1  # RFC 2181, section 8

# In capitals, which nobody writes a domain in.
_ID = re.compile(r"[0-9A-Z]{10,32}")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_PROTOCOLS = ("tcp", "udp", "tls")


class Routing(StrEnum):
    """How the instances of a service share the name of its SRV records."""

    SIMPLE = "simple"
    MULTIVALUE = "multivalue"
    WEIGHTED = "weighted"


@dataclass(frozen=True, slots=True)
class Route53Options:
    """Everything configurable, validated.

    Args:
        aws: where the calls go.
        zone: the zone's name, in lower case without the final dot, or its id.
        by_id: whether `zone` is an id.
        source: the URI without secrets.
        ttl: of the records, in seconds.
        routing: how instances share the SRV name.
        proto: the protocol label, without its underscore.
        health_check: whether each instance gets a Route 53 health check.
        check: seconds between two looks at the records by renewals.
        insync: seconds to wait until Route 53's servers all have a registration; 0 for not waiting.
        propagation: seconds until readers no longer see an instance that was taken out.
    """

    aws: AwsOptions
    zone: str
    by_id: bool
    source: str
    ttl: int
    routing: Routing
    proto: str
    health_check: bool
    check: float
    insync: float
    propagation: float

    @classmethod
    def parse(cls, uri: ResolverUri) -> Route53Options:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        zone, by_id = _zone(uri)
        ttl = _ttl(uri)
        routing = _choice(uri, "routing", Routing.SIMPLE, tuple(Routing))
        options = cls(
            aws=AwsOptions.parse(uri),
            zone=zone,
            by_id=by_id,
            source=str(uri),
            ttl=ttl,
            routing=Routing(routing),
            proto=_choice(uri, "proto", "tcp", _PROTOCOLS),
            health_check=uri.flag("health_check"),
            check=_seconds(uri, "check", 60.0),
            insync=_seconds(uri, "insync", 0.0),
            propagation=_seconds(uri, "propagation", ttl + SPREAD),
        )
        if options.health_check and options.routing is Routing.SIMPLE:
            raise ConfigError(
                f"{uri}: a simple record set has one health check for all instances; "
                "with health_check=on write routing=multivalue or routing=weighted"
            )
        uri.finish()
        return options


def _zone(uri: ResolverUri) -> tuple[str, bool]:
    if uri.path not in ("", "/"):
        raise ConfigError(f"{uri} has a path; write route53://<zone> and options only")
    if _ID.fullmatch(uri.authority):
        return uri.authority, True
    name = uri.authority.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{uri} names no hosted zone: write route53://prod.internal, or its id as route53://Z0123456789"
        )
    return name, False


def _ttl(uri: ResolverUri) -> int:
    ttl = uri.duration("ttl", 10.0)
    if ttl != int(ttl) or not 0 <= ttl <= MAX_TTL:
        raise ConfigError(f"ttl={ttl:g} in {uri} is not a TTL of DNS: write whole seconds, such as 10")
    return int(ttl)


def _seconds(uri: ResolverUri, option: str, default: float) -> float:
    seconds = uri.duration(option, default)
    if seconds < 0:
        raise ConfigError(f"{option}={seconds:g} in {uri} must not be negative")
    return seconds


def _choice(uri: ResolverUri, option: str, default: str, known: tuple[str, ...]) -> str:
    value = uri.text(option, default).lower().removeprefix("_")
    if value not in known:
        raise ConfigError(f"{option}={value!r} in {uri} is unknown; known: {', '.join(known)}")
    return value
