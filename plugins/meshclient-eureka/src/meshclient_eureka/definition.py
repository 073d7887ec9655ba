"""How an instance looks in Eureka's register call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from meshclient_eureka.errors import EurekaError

if TYPE_CHECKING:
    from meshclient.registration.registrar import Registration

# Three renewals within a lease, as Eureka's own client has it (30 and 90 seconds).
RENEWALS_PER_LEASE = 3
_DATA_CENTER = {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"}
# The servlet containers that Eureka runs in refuse these in a path, even escaped: nobody could renew the lease.
_UNUSABLE = ("/", "\\")


def instance_id(registration: Registration) -> str:
    """The endpoint's own id, or Spring's ``host:service:port`` where it has none.

    Raises EurekaError for an id that Eureka takes and can then neither renew nor cancel.
    """
    endpoint = registration.endpoint
    name = endpoint.id or f"{endpoint.host}:{registration.service}:{endpoint.port}"
    if name in (".", "..") or any(char in name for char in _UNUSABLE) or not name.isprintable():
        raise EurekaError(
            f"the instance id {name!r} of service '{registration.service}' cannot stand in a path of Eureka: "
            "use one without slash, backslash and control characters"
        )
    return name


def instance_definition(registration: Registration) -> dict[str, object]:
    """The body of ``POST /apps/<APP>``.

    Zone, weight and tags go into the metadata, where the resolver finds them again. The time to live is rounded up to
    Eureka's whole seconds.
    """
    endpoint = registration.endpoint
    metadata = dict(endpoint.metadata)
    if endpoint.zone:
        metadata["zone"] = endpoint.zone
    if endpoint.weight != 1:
        metadata["weight"] = f"{endpoint.weight:g}"
    if endpoint.tags:
        metadata["tags"] = ",".join(endpoint.tags)
    secure = endpoint.scheme == "https"
    lease = max(1, math.ceil(registration.ttl))
    name = registration.service.value
    definition: dict[str, object] = {
        "instanceId": instance_id(registration),
        "app": name.upper(),
        "hostName": endpoint.host,
        "ipAddr": endpoint.host,
        "vipAddress": name,
        "secureVipAddress": name,
        # Listed as up from the start: whoever registers is alive.
        "status": "UP",
        "port": {"$": endpoint.port, "@enabled": str(not secure).lower()},
        "securePort": {"$": endpoint.port, "@enabled": str(secure).lower()},
        "homePageUrl": f"{endpoint.url}/",
        "dataCenterInfo": _DATA_CENTER,
        "leaseInfo": {"renewalIntervalInSecs": max(1, lease // RENEWALS_PER_LEASE), "durationInSecs": lease},
        "metadata": metadata,
    }
    if registration.health:
        definition["secureHealthCheckUrl" if secure else "healthCheckUrl"] = endpoint.url + registration.health
    return {"instance": definition}
