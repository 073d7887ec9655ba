"""A hosted zone of a test's own, and a name server that serves it."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.srv import SrvResolver
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient_aws.route53.registrar import Route53Registrar
from servers.dns import DnsServer
from servers.dnszone import ORIGIN
from servers.fixtures import started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from servers.aws import Aws


@dataclass(frozen=True)
class Hosted:
    """A hosted zone of the test's own, named as the zone of the test name server."""

    server: Aws
    id: str
    name: str = ORIGIN

    def uri(self, options: str = "", url: str = "") -> str:
        return f"route53://{self.id}?endpoint_url={url or self.server.url}&ttl=1&{options}".rstrip("&")

    def registrar(self, options: str = "", url: str = "", clock: Callable[[], float] | None = None) -> Route53Registrar:
        uri = ResolverUri.parse(self.uri(options, url))
        rng = random.Random(secrets.randbits(32))
        return Route53Registrar(uri, rng=rng, clock=clock) if clock else Route53Registrar(uri, rng=rng)

    def sets(self) -> list[Mapping[str, Any]]:
        """All record sets but the zone's own."""
        answer = self.server.client("route53").list_resource_record_sets(HostedZoneId=self.id)
        return [row for row in answer["ResourceRecordSets"] if row["Type"] not in ("SOA", "NS")]

    def values(self, name: str, kind: str = "SRV") -> list[str]:
        """The records called `name` in the zone, those of all its sets."""
        rows = [row for row in self.sets() if row["Name"] == f"{name}.{self.name}." and row["Type"] == kind]
        return sorted(record["Value"] for row in rows for record in row["ResourceRecords"])

    def change(self, *changes: tuple[str, Mapping[str, Any]]) -> None:
        """What another writer does to the zone."""
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
        self.server.client("route53").change_resource_record_sets(HostedZoneId=self.id, ChangeBatch=batch)

    def clear(self) -> None:
        """Delete all records that were made in it."""
        if rows := self.sets():
            self.change(*(("DELETE", row) for row in rows))


@pytest.fixture
def hosted(aws: Aws) -> Iterator[Hosted]:
    """A private zone of the test's own, empty."""
    client = aws.client("route53")
    made = client.create_hosted_zone(
        Name=ORIGIN,
        CallerReference=secrets.token_hex(8),
        VPC={"VPCRegion": "us-east-1", "VPCId": "vpc-0a1b2c3d"},
        HostedZoneConfig={"PrivateZone": True},
    )
    zone = Hosted(aws, made["HostedZone"]["Id"].rpartition("/")[2])
    yield zone
    aws.calm()
    zone.clear()
    client.delete_hosted_zone(Id=zone.id)


class NameServer:
    """A real name server with the records of Route 53, and resolvers that ask it."""

    def __init__(self, zone: Hosted) -> None:
        self._zone = zone
        self._server = started(DnsServer(zone=zone.server.zone(zone.name), ttl=1))

    def publish(self) -> None:
        """Serve what Route 53 holds now, as its own servers do within a minute."""
        self._server.zone = self._zone.server.zone(self._zone.name)
        self._server.restart()

    def stop(self) -> None:
        self._server.stop()

    def resolver(self, options: str = "") -> SrvResolver:
        uri = f"srv://{self._zone.name}?nameserver={self._server.host}:{self._server.port}&{options}".rstrip("&")
        return SrvResolver(ResolverUri.parse(uri), rng=random.Random(1))


@pytest.fixture
def name_server(hosted: Hosted) -> Iterator[NameServer]:
    server = NameServer(hosted)
    try:
        yield server
    finally:
        server.stop()


class Make:
    """What tests reach without importing a conftest."""

    @staticmethod
    def registration(service: str, number: int, **attributes: Any) -> Registration:
        ttl, health = attributes.pop("ttl", 15.0), attributes.pop("health", "")
        values: dict[str, Any] = {"host": f"10.0.0.{number}", "port": 8000 + number, "id": f"i-{number}"} | attributes
        return Registration(ServiceName(service), Endpoint(**values), health, ttl)


@pytest.fixture
def make() -> Make:
    return Make()
