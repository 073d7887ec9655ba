"""A namespace for each test, filled past the code under test."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.discovery import supervision
from meshclient.discovery.resolver import ResolverUri
from meshclient_aws import CloudMapRegistrar, CloudMapResolver

if TYPE_CHECKING:
    from pathlib import Path

    from servers.aws import Aws


class Space:
    """One namespace of Cloud Map."""

    def __init__(self, client: Any, url: str) -> None:
        self.client = client
        self.url = url
        self.name = f"space-{secrets.token_hex(4)}"
        self._services: dict[str, str] = {}
        self.create()

    def create(self) -> None:
        """Make the namespace, again after AWS has lost it."""
        operation = self.client.create_http_namespace(Name=self.name)["OperationId"]
        self.id = self.client.get_operation(OperationId=operation)["Operation"]["Targets"]["NAMESPACE"]
        self._services.clear()

    def service(self, name: str, *, checked: bool = True) -> str:
        """The service's id; made where it is not there, with a custom health check if `checked`."""
        if name not in self._services:
            check = {"HealthCheckCustomConfig": {"FailureThreshold": 1}} if checked else {}
            made = self.client.create_service(Name=name, NamespaceId=self.id, **check)
            self._services[name] = made["Service"]["Id"]
        return self._services[name]

    def put(self, service: str, instance: str, host: str = "127.0.0.1", port: int = 8001, **attributes: str) -> None:
        """Register one instance; `attributes` replace and complete its address."""
        given = {"AWS_INSTANCE_IPV4": host, "AWS_INSTANCE_PORT": str(port), **attributes}
        kept = {key: value for key, value in given.items() if value}
        self.client.register_instance(ServiceId=self.service(service), InstanceId=instance, Attributes=kept)

    def remove(self, service: str, instance: str) -> None:
        self.client.deregister_instance(ServiceId=self.service(service), InstanceId=instance)

    def drop(self, service: str) -> None:
        """Delete the service, which has no instances."""
        self.client.delete_service(Id=self._services.pop(service))

    def health(self, service: str, instance: str, status: str) -> None:
        self.client.update_instance_custom_health_status(
            ServiceId=self.service(service), InstanceId=instance, Status=status
        )

    def listed(self, service: str) -> dict[str, dict[str, str]]:
        """The attributes of every instance, by id."""
        answer = self.client.discover_instances(
            NamespaceName=self.name, ServiceName=service, MaxResults=1000, HealthStatus="ALL"
        )
        return {row["InstanceId"]: row["Attributes"] for row in answer["Instances"]}

    def uri(self, options: str = "interval=100ms", *, url: str = "") -> ResolverUri:
        return ResolverUri.parse(
            f"cloudmap://{self.name}?region=us-east-1&endpoint_url={url or self.url}"
            + (f"&{options}" if options else "")
        )

    def shared(self, folder: Path) -> str:
        """The URI of processes that meet in this folder; whoever asks may be silent for a minute."""
        options = f"interval=300ms&health_interval=10m&timeout=20s&share=on&share_dir={folder}"
        return f"cloudmap://{self.name}?region=us-east-1&endpoint_url={self.url}&{options}"

    def resolver(self, options: str = "interval=100ms", *, url: str = "") -> CloudMapResolver:
        return CloudMapResolver(self.uri(options, url=url))

    def registrar(self, options: str = "interval=100ms", *, url: str = "") -> CloudMapRegistrar:
        return CloudMapRegistrar(self.uri(options, url=url))


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that has failed starts again a little sooner: a good third of these tests wait for that."""
    monkeypatch.setattr(supervision, "BACKOFF_FIRST", 0.02)


@pytest.fixture(scope="session")
def cloudmap_client(aws: Aws) -> Any:
    return aws.client("servicediscovery")


@pytest.fixture
def space(aws: Aws, cloudmap_client: Any) -> Space:
    return Space(cloudmap_client, aws.url)
