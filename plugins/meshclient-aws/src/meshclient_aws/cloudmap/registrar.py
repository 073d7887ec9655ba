"""The registrar ``cloudmap://``: an instance of a Cloud Map service.

Cloud Map keeps an instance until somebody takes it out: a lease there is a habit of this side. Where the service has a
custom health check, renewing reports the instance as healthy; elsewhere it sees that the instance is still listed. What
is written takes effect some time later, so that registering waits for the operation to succeed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import JITTER
from meshclient.model.duration import format_duration
from meshclient.registration.registrar import LeaseLost
from meshclient_aws.client import AwsClient
from meshclient_aws.cloudmap.catalogue import Catalogue
from meshclient_aws.cloudmap.definition import instance_attributes, instance_id
from meshclient_aws.cloudmap.options import CloudMapOptions
from meshclient_aws.errors import AwsError, AwsThrottled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.registration.registrar import Registration
    from meshclient_aws.cloudmap.catalogue import Listed

# Seconds between two looks at an operation, of which most are quick; the quota of GetOperation is the whole account's.
_LOOK_FIRST, _LOOK_LIMIT = 0.2, 2.0
# The farewell is cut short after three seconds; the operation goes on without anybody looking.
_LEAVE = 2.0
# AWS gives no bound for the time until DiscoverInstances shows a change: an estimate.
_DATA_PLANE = 2.0
_GONE = frozenset({"InstanceNotFound", "ServiceNotFound"})


class CloudMapRegistrar:
    """Lists instances in Cloud Map.

    Args:
        uri: the same URI as the resolver's; ``create`` and ``settle`` matter here.

    Attributes:
        propagation: seconds until readers that poll like the URI no longer see an instance that was taken out. Readers
            of the namespace's DNS records take the records' TTL longer.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(self, uri: ResolverUri) -> None:
        self._options = CloudMapOptions.parse(uri)
        self.source = self._options.source
        self.propagation = self._options.interval * (1 + JITTER) + _DATA_PLANE
        self._client = AwsClient("servicediscovery", self._options.aws)
        self._catalogue = Catalogue(self._client, self._options)

    async def register(self, registration: Registration) -> None:
        """List the instance in place of what has its id; returns when Cloud Map has done so.

        Raises AwsDenied where the credentials may not, and AwsError where there is no such service, where the
        operation fails, or where it takes longer than the option `settle` says.
        """
        service = await self._catalogue.obtain(registration.service)
        try:
            answer = await self._write(
                "register_instance",
                registration,
                service,
                Attributes=instance_attributes(registration, self._options.weight),
            )
        except AwsError as exc:
            if exc.code != "ServiceNotFound":
                raise
            self._catalogue.forget(registration.service)
            raise AwsError(f"{exc}; it was deleted, and is looked up again", exc.code) from None
        limit = self._options.settle
        try:
            async with asyncio.timeout(limit):
                await self._settled(str(answer.get("OperationId", "")), registration)
        except TimeoutError:
            what = f"registering {_about(registration)} at {self.source}"
            raise AwsError(f"{what} was not done after {format_duration(limit)}; Cloud Map may still do it") from None

    async def renew(self, registration: Registration) -> None:
        """Report the instance as healthy, or see that it is listed.

        Raises LeaseLost where Cloud Map does not know it, AwsError for every other failure.
        """
        service = await self._catalogue.find(registration.service)
        if service is None:
            raise LeaseLost(f"{self.source} has no service '{registration.service}' any more")
        try:
            if service.custom_health:
                try:
                    await self._write("update_instance_custom_health_status", registration, service, Status="HEALTHY")
                except AwsError as exc:
                    if exc.code != "CustomHealthNotFound":
                        raise
                    self._catalogue.forget(registration.service)  # its check was taken away: look again
                else:
                    return
            await self._write("get_instance", registration, service)
        except AwsError as exc:
            if exc.code not in _GONE:
                raise
            self._catalogue.forget(registration.service)
            raise LeaseLost(str(exc)) from None

    async def deregister(self, registration: Registration) -> None:
        """Take the instance out; Cloud Map is content where it does not know it.

        Returns when it is out, or after two seconds, when it is on its way out. Raises AwsError.
        """
        service = await self._catalogue.find(registration.service)
        if service is None:
            return
        try:
            answer = await self._write("deregister_instance", registration, service)
        except AwsError as exc:
            if exc.code not in _GONE:
                raise
            self._catalogue.forget(registration.service)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE):
                await self._settled(str(answer.get("OperationId", "")), registration)

    async def close(self) -> None:
        """Nothing is held between calls but boto3's connections, which end with it."""

    async def _write(
        self, operation: str, registration: Registration, service: Listed, **parameters: object
    ) -> Mapping[str, object]:
        return await self._client.call(
            operation,
            _about(registration),
            ServiceId=service.id,
            InstanceId=instance_id(registration),
            **parameters,
        )

    async def _settled(self, operation: str, registration: Registration) -> None:
        """Wait until an operation has succeeded. Raises AwsError where it has failed."""
        pause = _LOOK_FIRST
        while True:
            with contextlib.suppress(AwsThrottled):
                answer = await self._client.call("get_operation", _about(registration), OperationId=operation)
                found = answer.get("Operation")
                fields: Mapping[str, object] = found if isinstance(found, dict) else {}
                if fields.get("Status") == "SUCCESS":
                    return
                if fields.get("Status") == "FAIL":
                    said = f"{fields.get('ErrorCode', '')}: {fields.get('ErrorMessage', '')}"
                    raise AwsError(
                        f"Cloud Map could not do what was asked for {_about(registration)} ({said})",
                        str(fields.get("ErrorCode", "")),
                    )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LOOK_LIMIT)


def _about(registration: Registration) -> str:
    return f"instance {instance_id(registration)!r} of service '{registration.service}'"
