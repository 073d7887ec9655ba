"""What a ``cloudmap://`` URI says; one set for the resolver and the registrar, which are mostly given the same URI."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS, MAX_PORT
from meshclient_aws.options import AwsOptions

if TYPE_CHECKING:
    from meshclient.discovery.resolver import ResolverUri

HEALTH = ("HEALTHY", "UNHEALTHY", "ALL", "HEALTHY_OR_ELSE_ALL")
DEFAULT_INTERVAL = 5.0
# A change of health does not move the revision; Cloud Map itself takes about half a minute to notice one.
DEFAULT_HEALTH_INTERVAL = 20.0
DEFAULT_SETTLE = 30.0

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CloudMapOptions:
    """Everything configurable, validated.

    Args:
        aws: region, address, profile, time limit.
        namespace: the namespace's name, or its HTTP name where the two differ.
        source: the URI without secrets.
        interval: seconds between two questions for the revision.
        health_interval: seconds after which the whole list is fetched although the revision is the same.
        health: the HealthStatus that is asked for, one of `HEALTH`.
        required: attributes that instances must have (QueryParameters).
        preferred: attributes that count where some instance has them (OptionalParameters).
        port: of instances that name none; 0 for none.
        weight: the attribute that holds an instance's weight.
        endpoint_scheme: of every endpoint, or empty to read it from the instance.
        share: whether the processes of this host share one stream of questions.
        share_dir: where they keep the answers; empty for a folder of this user's under the temporary directory.
        create: whether the registrar makes a service that is not there.
        settle: seconds given to an operation of the registrar.
    """

    aws: AwsOptions
    namespace: str
    source: str
    interval: float
    health_interval: float
    health: str
    required: Pairs
    preferred: Pairs
    port: int
    weight: str
    endpoint_scheme: str
    share: bool
    share_dir: str
    create: bool
    settle: float

    @classmethod
    def parse(cls, uri: ResolverUri) -> CloudMapOptions:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        if not uri.authority or uri.path not in ("", "/") or "@" in uri.authority:
            raise ConfigError(f"{uri} names no namespace of Cloud Map: write cloudmap://<namespace>?region=...")
        options = cls(
            aws=AwsOptions.parse(uri),
            namespace=uri.authority,
            source=str(uri),
            interval=_positive(uri, "interval", DEFAULT_INTERVAL),
            health_interval=_positive(uri, "health_interval", DEFAULT_HEALTH_INTERVAL),
            health=_health(uri),
            required=_pairs(uri, "param."),
            preferred=_pairs(uri, "optional."),
            port=_port(uri),
            weight=uri.text("weight", "weight"),
            endpoint_scheme=_scheme(uri),
            share=uri.flag("share"),
            share_dir=uri.text("share_dir"),
            create=uri.flag("create"),
            settle=_positive(uri, "settle", DEFAULT_SETTLE),
        )
        uri.finish()
        return options


def _positive(uri: ResolverUri, option: str, default: float) -> float:
    value = uri.duration(option, default)
    if not 0 < value < math.inf:
        raise ConfigError(f"{option}={value:g} in {uri}: seconds must be above 0")
    return value


def _health(uri: ResolverUri) -> str:
    # Failing open is the better default for a client that ejects by itself: a list of suspects beats no list.
    value = uri.text("health", "HEALTHY_OR_ELSE_ALL").upper()
    if value not in HEALTH:
        raise ConfigError(f"health={value!r} in {uri}: write {', '.join(HEALTH)}")
    return value


def _scheme(uri: ResolverUri) -> str:
    value = uri.text("endpoint_scheme")
    if value and value not in DEFAULT_PORTS:
        raise ConfigError(f"endpoint_scheme={value!r} in {uri}: write {' or '.join(DEFAULT_PORTS)}")
    return value


def _port(uri: ResolverUri) -> int:
    value = uri.number("port", 0)
    if value != int(value) or not 0 <= value <= MAX_PORT:
        raise ConfigError(f"port={uri.text('port')!r} in {uri}: write a port from 1 to {MAX_PORT}")
    return int(value)


def _pairs(uri: ResolverUri, prefix: str) -> Pairs:
    names = sorted(option for option in uri.options if option.startswith(prefix))
    pairs = tuple((name.removeprefix(prefix), uri.text(name)) for name in names)
    for key, _ in pairs:
        if not key:
            raise ConfigError(f"{prefix!r} in {uri} names no attribute: write {prefix}<attribute>=<value>")
    return pairs
