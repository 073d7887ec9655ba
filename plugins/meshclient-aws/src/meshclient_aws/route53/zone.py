"""Finding the hosted zone that a URI names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient_aws.errors import AwsError
from meshclient_aws.route53.records import absolute

if TYPE_CHECKING:
    from meshclient_aws.client import AwsClient
    from meshclient_aws.route53.options import Route53Options


@dataclass(frozen=True, slots=True)
class Zone:
    """A hosted zone: its id without ``/hostedzone/``, and its name without the final dot."""

    id: str
    name: str
    private: bool = True

    @classmethod
    def decode(cls, record: object) -> Zone:
        """A zone out of an answer. Raises AwsError for anything else."""
        if not isinstance(record, Mapping) or not record.get("Id") or not record.get("Name"):
            raise AwsError(f"Route 53 sent a hosted zone without id or name: {record!r}")
        config = record.get("Config")
        private = isinstance(config, Mapping) and config.get("PrivateZone") is True
        return cls(str(record["Id"]).rpartition("/")[2], absolute(str(record["Name"])).removesuffix("."), private)


async def find_zone(client: AwsClient, options: Route53Options) -> Zone:
    """The zone that the options name.

    A private zone goes before a public one of the same name, since VPCs that have the private one see no other. Raises
    ConfigError where no zone or several would do, AwsError where Route 53 cannot tell.
    """
    about = f"hosted zone {options.zone!r}"
    if options.by_id:
        answer = await client.call("get_hosted_zone", about, Id=options.zone)
        return Zone.decode(answer.get("HostedZone"))
    answer = await client.call("list_hosted_zones_by_name", about, DNSName=options.zone, MaxItems="100")
    rows = answer.get("HostedZones")
    zones = [Zone.decode(row) for row in rows] if isinstance(rows, list) else []
    # The list begins at the name and goes on with those that follow it.
    named = [zone for zone in zones if zone.name == options.zone]
    return choose([zone for zone in named if zone.private] or named, options)


def choose(zones: list[Zone], options: Route53Options) -> Zone:
    """The only one of `zones`. Raises ConfigError for none and for several."""
    if len(zones) == 1:
        return zones[0]
    if not zones:
        raise ConfigError(
            f"{options.source}: there is no hosted zone {options.zone!r} in this account: create it first"
        )
    ids = ", ".join(sorted(zone.id for zone in zones))
    raise ConfigError(
        f"{options.source}: {len(zones)} hosted zones are called {options.zone!r}: name one by its id ({ids})"
    )
