"""Route 53's own health checks, one for an instance.

They come from the public internet, so that Route 53 takes no private address for one. CreateHealthCheck answers a
repeated caller's reference with the check that it has made before: a reference derived from the check's settings makes
the call repeatable. A reference is spent for good once its check is deleted; then a random one does.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshclient_aws.errors import AwsError

if TYPE_CHECKING:
    from meshclient.registration.registrar import Registration
    from meshclient_aws.client import AwsClient

INTERVAL = 30  # seconds; the shorter 10 costs extra
FAILURES = 3  # in a row, Route 53's own default

_SPENT = "HealthCheckAlreadyExists"
_GONE = "NoSuchHealthCheck"


def settings(registration: Registration) -> Mapping[str, object]:
    """The check of an instance: of its health path over HTTP, or whether its port accepts connections."""
    endpoint = registration.endpoint
    check: dict[str, object] = {"Port": endpoint.port, "RequestInterval": INTERVAL, "FailureThreshold": FAILURES}
    try:
        check["IPAddress"] = str(ipaddress.ip_address(endpoint.host))
    except ValueError:
        check["FullyQualifiedDomainName"] = endpoint.host
    if not registration.health:
        return check | {"Type": "TCP"}
    return check | {"Type": endpoint.scheme.upper(), "ResourcePath": registration.health}


async def create_check(client: AwsClient, about: str, place: str, registration: Registration) -> str:
    """The id of the health check of this instance, which exists from now on.

    Args:
        client: of Route 53.
        about: the instance, for errors.
        place: what the check belongs to: zone and instance.
        registration: what is to be checked.

    Raises AwsError where Route 53 refuses, as it does for a private address.
    """
    config = settings(registration)
    text = json.dumps([place, config], sort_keys=True)
    reference = f"meshclient-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    try:
        answer = await client.call("create_health_check", about, CallerReference=reference, HealthCheckConfig=config)
    except AwsError as exc:
        if exc.code != _SPENT:
            raise
        reference = f"meshclient-{uuid.uuid4().hex}"
        answer = await client.call("create_health_check", about, CallerReference=reference, HealthCheckConfig=config)
    made = answer.get("HealthCheck")
    if not isinstance(made, Mapping) or not made.get("Id"):
        raise AwsError(f"Route 53 made a health check for {about} and gave no id: {answer!r}")
    return str(made["Id"])


async def delete_check(client: AwsClient, about: str, check: str) -> None:
    """Delete a health check; one that is gone is as good."""
    try:
        await client.call("delete_health_check", about, HealthCheckId=check)
    except AwsError as exc:
        if exc.code != _GONE:
            raise
