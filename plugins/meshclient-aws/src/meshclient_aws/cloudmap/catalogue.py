"""The ids behind the names of a namespace and its services: Cloud Map is written by id and read by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient_aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.model.service import ServiceName
    from meshclient_aws.client import AwsClient
    from meshclient_aws.cloudmap.options import CloudMapOptions

# Pages of 100 services; a namespace has far fewer, and a list that never ends must not be followed for ever.
_PAGES = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """A service of Cloud Map.

    Args:
        id: Cloud Map's own.
        custom_health: whether its instances' health is what somebody reports.
    """

    id: str
    custom_health: bool


class Catalogue:
    """Finds services, and remembers them until told to forget."""

    def __init__(self, client: AwsClient, options: CloudMapOptions) -> None:
        self._client = client
        self._options = options
        self._services: dict[ServiceName, Listed] = {}

    async def find(self, name: ServiceName) -> Listed | None:
        """The service of this name; None where there is none.

        Raises AwsError where there is no such namespace, or no answer.
        """
        if name not in self._services:
            found = await self._find(name, await self._namespace(name))
            if found is None:
                return None
            self._services[name] = found
        return self._services[name]

    async def obtain(self, name: ServiceName) -> Listed:
        """The service of this name, made where there is none and the options allow it. Raises AwsError."""
        found = await self.find(name)
        if found is not None:
            return found
        if not self._options.create:
            raise AwsError(
                f"Cloud Map has no service '{name}' in namespace '{self._options.namespace}': create it with a custom "
                "health check, or let the registrar do so with the option create=on",
                "ServiceNotFound",
            )
        return await self._create(name)

    def forget(self, name: ServiceName) -> None:
        """Look again at the next question."""
        self._services.pop(name, None)

    async def _create(self, name: ServiceName) -> Listed:
        namespace = await self._namespace(name)
        try:
            await self._client.call(
                "create_service",
                self._about(name),
                Name=name.value,
                NamespaceId=namespace,
                Type="HTTP",
                HealthCheckCustomConfig={"FailureThreshold": 1},
            )
        except AwsError as exc:
            if exc.code != "ServiceAlreadyExists":  # another instance was faster
                raise
        found = await self.find(name)
        if found is None:
            raise AwsError(f"Cloud Map made {self._about(name)} and does not list it yet", "ServiceNotFound")
        return found

    async def _namespace(self, name: ServiceName) -> str:
        # DiscoverInstances goes by the HTTP name, which differs from the name where that was used before.
        wanted = {"Name": "HTTP_NAME", "Values": [self._options.namespace], "Condition": "EQ"}
        async for row in self._pages("list_namespaces", "Namespaces", name, wanted):
            return str(row.get("Id", ""))
        raise AwsError(
            f"Cloud Map knows no namespace '{self._options.namespace}' in {self._options.aws.region or 'this region'} "
            f"of this account, where service '{name}' belongs: check its HTTP name, the region and the credentials",
            "NamespaceNotFound",
        )

    async def _find(self, name: ServiceName, namespace: str) -> Listed | None:
        wanted = {"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}
        async for row in self._pages("list_services", "Services", name, wanted):
            if row.get("Name") == name.value:
                return Listed(str(row.get("Id", "")), row.get("HealthCheckCustomConfig") is not None)
        return None

    async def _pages(
        self, operation: str, key: str, name: ServiceName, wanted: Mapping[str, object]
    ) -> AsyncIterator[Mapping[str, object]]:
        more: dict[str, object] = {}
        for _ in range(_PAGES):
            answer = await self._client.call(operation, self._about(name), Filters=[wanted], MaxResults=100, **more)
            rows, token = answer.get(key), answer.get("NextToken")
            if not isinstance(rows, list):
                raise AwsError(f"AWS Cloud Map's answer for {self._about(name)} is malformed: it has no {key}")
            for row in rows:
                if isinstance(row, Mapping):
                    yield row
            if not token:
                return
            more = {"NextToken": token}

    def _about(self, name: ServiceName) -> str:
        return f"service '{name}' in namespace '{self._options.namespace}'"
