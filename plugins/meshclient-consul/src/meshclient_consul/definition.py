"""How an instance looks in Consul's register call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from meshclient.registration.registrar import Registration

# Consul takes whole weights from 1 to 65535 (structs.ValidateWeights).
MAX_WEIGHT = 65535
# Three checks within the time after which the registry may give an instance up, as with a renewed lease.
CHECKS_PER_TTL = 3


def instance_id(registration: Registration) -> str:
    """The endpoint's own id, or ``<service>-<host>-<port>`` where it has none."""
    endpoint = registration.endpoint
    return endpoint.id or f"{registration.service}-{endpoint.host}-{endpoint.port}"


def check_id(registration: Registration) -> str:
    """The id of the instance's only check."""
    return f"service:{instance_id(registration)}"


def service_definition(registration: Registration, *, interval: float, deregister_after: float) -> dict[str, object]:
    """The body of ``/v1/agent/service/register``.

    Zone and https go into the metadata, where the resolver finds them again. A weight is rounded to Consul's whole
    numbers, at least 1.

    Args:
        registration: the instance.
        interval: seconds between HTTP checks, or 0 for a third of the registration's ttl.
        deregister_after: seconds in critical state after which Consul removes the instance.
    """
    endpoint = registration.endpoint
    meta = dict(endpoint.metadata)
    if endpoint.zone:
        meta["zone"] = endpoint.zone
    if endpoint.scheme != "http":
        meta["scheme"] = endpoint.scheme
    check: dict[str, object] = {
        "CheckID": check_id(registration),
        "DeregisterCriticalServiceAfter": _seconds(deregister_after),
    }
    if registration.health:
        every = interval or registration.ttl / CHECKS_PER_TTL
        check |= {
            "Name": f"GET {registration.health}",
            "HTTP": endpoint.url + registration.health,
            "Interval": _seconds(every),
            "Timeout": _seconds(every),
        }
    else:
        lease = f"renewed within {format_duration(registration.ttl)}"
        # Listed from the start: whoever registers is alive, and the first renewal is some seconds away.
        check |= {"Name": lease, "TTL": _seconds(registration.ttl), "Status": "passing"}
    return {
        "ID": instance_id(registration),
        "Name": registration.service.value,
        "Address": endpoint.host,
        "Port": endpoint.port,
        "Tags": list(endpoint.tags),
        "Meta": meta,
        "Weights": {"Passing": min(MAX_WEIGHT, max(1, round(endpoint.weight))), "Warning": 1},
        "Check": check,
    }


def _seconds(value: float) -> str:
    """A duration as Go reads it."""
    return f"{max(1, round(value * 1000))}ms"
