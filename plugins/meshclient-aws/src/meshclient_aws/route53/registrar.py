"""The registrar ``route53://``: an instance as records of a hosted zone, which ``srv://`` reads.

Every change is one atomic batch, and one that says what it replaces: Route 53 deletes a record set only when it is
repeated exactly, so that "delete the old set, create the new" fails when another instance has come in between. Then the
zone is read again and the change made anew, after a random pause (Marc Brooker, "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015). Nothing else could keep one SRV record set for all instances of a service, and only such a set
hands all of them to a reader: a multivalue answer has eight at most, a weighted one a single one.

Route 53 allows five calls a second to a whole account. A renewal therefore looks at the zone once a minute only.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING

from meshclient.model.duration import format_duration
from meshclient.registration.registrar import LeaseLost
from meshclient_aws.client import AwsClient
from meshclient_aws.errors import AwsError, AwsThrottled
from meshclient_aws.route53.health import create_check, delete_check
from meshclient_aws.route53.listing import Found, Listing, instance_id
from meshclient_aws.route53.options import Route53Options, Routing
from meshclient_aws.route53.records import RecordSet
from meshclient_aws.route53.zone import Zone, find_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.discovery.resolver import Chance, ResolverUri
    from meshclient.registration.registrar import Registration

# A change takes three calls. With full jitter the windows spread a dozen writers over half a minute, which five calls a
# second serve; what is still refused then is left to the lease, which goes on trying.
ATTEMPTS = 10
PAUSE_FIRST = 0.2
PAUSE_LIMIT = 5.0
# Seconds between two questions whether a change has reached all servers.
SYNC_INTERVAL = 1.0
# Quota: sets of one name and type under a routing policy.
_MAX_SETS = "100"
# In AWS's words, somebody else has changed the zone since it was read.
_CONFLICTS = ("do not match the current values", "was not found", "already exists")

_LOG = logging.getLogger("meshclient.registration")


class Route53Registrar:
    """Lists instances in a Route 53 hosted zone.

    Attributes:
        source: the URI without secrets.
        propagation: seconds until readers no longer see an instance that was taken out: the records' TTL, and a minute
            for Route 53's servers, unless the option says otherwise.

    Args:
        uri: ``route53://<zone name or id>`` with the options that the README lists.
        rng: jitter between attempts.
        clock: seconds, for the pace of renewals.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(
        self, uri: ResolverUri, *, rng: Chance | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = Route53Options.parse(uri)
        self.source = self._options.source
        self.propagation = self._options.propagation
        self._client = AwsClient("route53", self._options.aws)
        # The module's own generator is seeded anew in a forked child.
        self._rng: Chance = rng or random
        self._clock = clock
        self._zone: Zone | None = None
        self._seen: dict[str, float] = {}
        self._checks: dict[str, str] = {}

    async def register(self, registration: Registration) -> None:
        """List the instance, in place of what the zone has under its id.

        Raises AwsError where Route 53 refuses or cannot be asked, AwsThrottled where it has been busy for all attempts,
        ConfigError where the zone is not there or ambiguous.
        """
        options, key, check = self._options, instance_id(registration), ""
        if options.health_check:
            check = await create_check(self._client, _about(registration), f"{options.zone} {key}", registration)
            self._checks[key] = check

        def enter(listing: Listing, found: Found) -> list[Mapping[str, object]]:
            return listing.enter(found, options.routing, options.ttl, check)

        found, change = await self._change(registration, enter)
        self._seen[key] = self._clock()
        if change and options.insync:
            await self._wait(registration, change)
        if options.health_check and found.srv is not None and found.srv.health_check not in ("", check):
            await delete_check(self._client, _about(registration), found.srv.health_check)

    async def renew(self, registration: Registration) -> None:
        """See that the zone still lists the instance, where that was not seen within the last `check` seconds.

        Raises LeaseLost where its records are gone or changed, AwsError where Route 53 cannot tell.
        """
        key, now = instance_id(registration), self._clock()
        if now < self._seen.get(key, -self._options.check) + self._options.check:
            return
        zone = await self._find_zone()
        listing = Listing.of(registration, zone.name, self._options.proto)
        if not listing.listed(await self._read(zone, listing, registration)):
            self._seen.pop(key, None)
            raise LeaseLost(f"zone {zone.name} ({zone.id}) no longer has the records of {_about(registration)}")
        self._seen[key] = now

    async def deregister(self, registration: Registration) -> None:
        """Take the instance's records out; a zone without them is content. Raises as `register`."""
        options, key = self._options, instance_id(registration)
        found, _ = await self._change(registration, lambda listing, found: listing.leave(found, options.routing))
        self._seen.pop(key, None)
        if options.health_check:
            checks = {self._checks.pop(key, ""), found.srv.health_check if found.srv is not None else ""} - {""}
            for check in sorted(checks):
                await delete_check(self._client, _about(registration), check)

    async def close(self) -> None:
        """Nothing is held between calls but boto3's client, which ends with this object."""

    async def _change(
        self, registration: Registration, decide: Callable[[Listing, Found], list[Mapping[str, object]]]
    ) -> tuple[Found, str]:
        """Read, decide and write until nobody comes in between; what was found last, and the change's id if any."""
        bound = PAUSE_FIRST
        for left in reversed(range(ATTEMPTS)):
            try:
                zone = await self._find_zone()
                listing = Listing.of(registration, zone.name, self._options.proto)
                found = await self._read(zone, listing, registration)
                changes = decide(listing, found)
                return found, await self._write(zone, changes, registration) if changes else ""
            except AwsError as exc:
                if exc.code == "NoSuchHostedZone":
                    self._zone = None
                if not left or not _passing(exc):
                    raise
            await asyncio.sleep(self._rng.uniform(0, bound))
            bound = min(PAUSE_LIMIT, bound * 2)
        raise AssertionError  # the last attempt returns or raises

    async def _find_zone(self) -> Zone:
        if self._zone is None:
            self._zone = await find_zone(self._client, self._options)
        return self._zone

    async def _read(self, zone: Zone, listing: Listing, registration: Registration) -> Found:
        simple = self._options.routing is Routing.SIMPLE
        about, identifier = _about(registration), "" if simple else listing.label
        rows = await self._list(zone, listing.owner, "SRV", "1" if simple else _MAX_SETS, about)
        srv = next((row for row in rows if row.kind == "SRV" and row.identifier == identifier), None)
        if listing.address is None:
            return Found(srv)
        # Sets of one name come in the order of their types: A, then AAAA.
        rows = await self._list(zone, listing.target, "A", "2", about)
        return Found(srv, tuple(row for row in rows if row.kind in ("A", "AAAA")))

    async def _list(self, zone: Zone, name: str, kind: str, limit: str, about: str) -> list[RecordSet]:
        """The sets called `name`; the answer begins there and goes on with whatever follows in the zone."""
        answer = await self._client.call(
            "list_resource_record_sets",
            about,
            HostedZoneId=zone.id,
            StartRecordName=name,
            StartRecordType=kind,
            MaxItems=limit,
        )
        rows = answer.get("ResourceRecordSets")
        if not isinstance(rows, list):
            raise AwsError(f"Route 53 sent no list of record sets for {about}: {answer!r}")
        return [row for row in map(RecordSet.decode, rows) if row.name == name]

    async def _write(self, zone: Zone, changes: list[Mapping[str, object]], registration: Registration) -> str:
        answer = await self._client.call(
            "change_resource_record_sets",
            _about(registration),
            HostedZoneId=zone.id,
            ChangeBatch={"Changes": changes, "Comment": "meshclient"},
        )
        info = answer.get("ChangeInfo")
        return str(info.get("Id", "")).rpartition("/")[2] if isinstance(info, dict) else ""

    async def _wait(self, registration: Registration, change: str) -> None:
        """Wait until all of Route 53's servers have the change; what takes too long is logged and no failure."""
        about, status = _about(registration), ""
        try:
            async with asyncio.timeout(self._options.insync):
                while status != "INSYNC":
                    if status:
                        await asyncio.sleep(SYNC_INTERVAL)
                    info = (await self._client.call("get_change", about, Id=change)).get("ChangeInfo")
                    status = str(info.get("Status")) if isinstance(info, dict) else "unknown"
        except (TimeoutError, AwsError) as exc:
            patience = format_duration(self._options.insync)
            _LOG.warning("%s: %s is listed, and not in sync after %s %s", self.source, about, patience, exc)


def _about(registration: Registration) -> str:
    return f"instance {instance_id(registration)!r} of service '{registration.service}'"


def _passing(exc: AwsError) -> bool:
    """Whether the same change may succeed after another look."""
    conflict = exc.code == "InvalidChangeBatch" and any(phrase in str(exc) for phrase in _CONFLICTS)
    return conflict or isinstance(exc, AwsThrottled)
