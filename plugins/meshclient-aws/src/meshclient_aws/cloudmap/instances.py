"""From what DiscoverInstances returns to endpoints.

Unhealthy instances stay in the list as critical ones: whether they are asked for is an option (`health`), and where AWS
returns them because it fails open, so does the balancer. An instance that cannot be an endpoint (no address, no port)
is reported beside the rest instead of failing all of them; an answer that is malformed as a whole raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.model.endpoint import DEFAULT_PORTS, Endpoint, Health

if TYPE_CHECKING:
    from meshclient_aws.cloudmap.options import CloudMapOptions

IPV4, IPV6, CNAME = "AWS_INSTANCE_IPV4", "AWS_INSTANCE_IPV6", "AWS_INSTANCE_CNAME"
PORT, ZONE = "AWS_INSTANCE_PORT", "AVAILABILITY_ZONE"
# In this order: an instance with both kinds of address is reached by the one that needs the least of a network.
_ADDRESSES = (IPV4, IPV6, CNAME, "AWS_ALIAS_DNS_NAME")
_OWN = frozenset({*_ADDRESSES, PORT, ZONE, "AWS_INIT_HEALTH_STATUS"})
_SCHEME_KEYS = ("scheme", "protocol")
_HEALTH = {"HEALTHY": Health.PASSING, "UNHEALTHY": Health.CRITICAL, "UNKNOWN": Health.UNKNOWN}
_EXCERPT = 60


class PayloadError(ValueError):
    """The answer is not what Cloud Map sends; the message says in what way."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as Cloud Map returns it."""

    id: str
    health: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """The list of one service.

    Args:
        instances: in Cloud Map's order, which is random.
        revision: of the list; None where the answer names none.
    """

    instances: tuple[Instance, ...]
    revision: int | None


def read_answer(answer: Mapping[str, object]) -> Found:
    """The list in the answer to DiscoverInstances. Raises PayloadError for anything else."""
    rows = answer.get("Instances")
    # boto3 makes an answer without the members that it should have from whatever is not JSON.
    if not isinstance(rows, list):
        raise PayloadError("it has no list of instances")
    return Found(tuple(map(_instance, rows)), _revision(answer))


def read_revision(answer: Mapping[str, object]) -> int:
    """The revision in the answer to DiscoverInstancesRevision. Raises PayloadError for anything else."""
    revision = _revision(answer)
    if revision is None:
        raise PayloadError("it has no revision")
    return revision


def endpoints_of(
    instances: tuple[Instance, ...], options: CloudMapOptions
) -> tuple[tuple[Endpoint, ...], tuple[str, ...]]:
    """The endpoints, and one text for each instance that cannot be one.

    Raises PayloadError where there are instances and none of them can.
    """
    endpoints: list[Endpoint] = []
    malformed: list[str] = []
    for instance in instances:
        try:
            endpoints.append(_endpoint(instance, options))
        except ValueError as exc:
            malformed.append(f"{instance.id[:_EXCERPT]!r}: {exc}")
    if malformed and not endpoints:
        raise PayloadError(f"none of {len(malformed)} instances is an endpoint; the first is {malformed[0]}")
    return tuple(endpoints), tuple(sorted(malformed))


def _endpoint(instance: Instance, options: CloudMapOptions) -> Endpoint:
    attributes = instance.attributes
    host = next((attributes[key] for key in _ADDRESSES if attributes.get(key)), "")
    if not host:
        raise PayloadError(f"it has none of {', '.join(_ADDRESSES)}")
    return Endpoint(
        host=host,
        port=_port(attributes.get(PORT, ""), options.port),
        scheme=options.endpoint_scheme or _scheme(attributes),
        id=instance.id,
        weight=_weight(attributes.get(options.weight, "")),
        zone=attributes.get(ZONE, ""),
        metadata={key: value for key, value in attributes.items() if key not in _OWN},
        health=_HEALTH.get(instance.health, Health.UNKNOWN),
    )


def _port(text: str, default: int) -> int:
    if not text:
        if not default:
            raise PayloadError(f"it has no {PORT}, and the URI no option port")
        return default
    if not (text.isascii() and text.isdigit()):
        raise PayloadError(f"its {PORT} is {text[:_EXCERPT]!r}")
    return int(text[:_EXCERPT])


def _weight(text: str) -> float:
    if not text:
        return 1.0
    try:
        return float(text)
    except ValueError:
        raise PayloadError(f"its weight is {text[:_EXCERPT]!r}") from None


def _scheme(attributes: Mapping[str, str]) -> str:
    named = (attributes.get(key, "").lower() for key in _SCHEME_KEYS)
    return next((scheme for scheme in named if scheme in DEFAULT_PORTS), "http")


def _instance(row: object) -> Instance:
    if not isinstance(row, Mapping):
        raise PayloadError("one of its instances is not an object")
    attributes = row.get("Attributes") or {}
    if not isinstance(attributes, Mapping) or not all(isinstance(value, str) for value in attributes.values()):
        raise PayloadError("the attributes of one of its instances are not texts")
    return Instance(str(row.get("InstanceId", "")), str(row.get("HealthStatus", "")), dict(attributes))


def _revision(answer: Mapping[str, object]) -> int | None:
    revision = answer.get("InstancesRevision")
    return revision if type(revision) is int else None
