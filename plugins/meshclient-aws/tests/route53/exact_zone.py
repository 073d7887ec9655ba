"""Serve the corrected moto with a Route 53 that is exact about changes, as AWS documents ChangeResourceRecordSets.

A batch is applied change by change to a copy of the zone, which takes the place of the zone when all have succeeded:
"delete, then create" of one name and type is allowed, and half a batch is never seen. DELETE has to repeat the set
exactly. Sets of one name and type are either one simple set or all of a routing policy. CreateHealthCheck knows its
caller's references, and refuses private addresses.

Run as a program, in place of `servers.aws_overlay`.
"""

from __future__ import annotations

import ipaddress
import re
from importlib import import_module
from typing import Any

from servers.aws_overlay import __main__ as overlay
from servers.aws_overlay import route53
from servers.aws_overlay.route53 import record_type
from servers.aws_overlay.state import LOCK

_SRV = re.compile(r"\d{1,5} \d{1,5} \d{1,5} \S+")
_SPENT: set[str] = set()


def patch() -> None:
    """Put the exact methods in place of moto's own."""
    backend = import_module("moto.route53.models").Route53Backend
    backend.change_resource_record_sets = change
    backend.create_health_check = _create_check(backend.create_health_check)
    backend.delete_health_check = _delete_check(backend.delete_health_check)


def _error(code: str, message: str) -> Exception:
    refused: type[Exception] = import_module("moto.route53.exceptions").Route53ClientError
    return refused(code, message)


def change(self: Any, zoneid: str, change_list: list[dict[str, Any]]) -> None:
    """ChangeResourceRecordSets, all or nothing."""
    make = import_module("moto.route53.models").RecordSet
    with LOCK:
        zone = self.get_hosted_zone(zoneid)
        sets = list(zone.rrsets)
        for item in change_list:
            _apply(sets, item["Action"], dict(item["ResourceRecordSet"]), make)
        zone.rrsets = sets


def _name(text: str) -> str:
    return text.lower().rstrip(".") + "."


def _values(rows: Any) -> list[str]:
    return sorted(row["Value"] if isinstance(row, dict) else row for row in rows or [])


def _apply(sets: list[Any], action: str, wanted: dict[str, Any], make: Any) -> None:
    name, kind, label = _name(wanted["Name"]), wanted["Type"], wanted.get("SetIdentifier")
    named = [each for each in sets if _name(each.name) == name and record_type(each) == kind]
    found = next((each for each in named if each.set_identifier == label), None)
    text = f"resource record set [name='{name}', type='{kind}'" + (f", set identifier='{label}'" if label else "") + "]"
    if action == "DELETE":
        if found is None:
            raise _error("InvalidChangeBatch", f"[Tried to delete {text} but it was not found]")
        given = (int(wanted.get("TTL") or 0), _values(wanted.get("ResourceRecords")), wanted.get("HealthCheckId"))
        if given != (int(found.ttl or 0), _values(found.records), found.health_check_id):
            problem = "but the values provided do not match the current values"
            raise _error("InvalidChangeBatch", f"[Tried to delete {text} {problem}]")
        sets.remove(found)
        return
    if action == "CREATE" and found is not None:
        raise _error("InvalidChangeBatch", f"[Tried to create {text} but it already exists]")
    if any((each.set_identifier is None) != (label is None) for each in named):
        problem = "cannot be created as other RRSets exist with the same name and type"
        raise _error(
            "InvalidChangeBatch", f"[RRSet with DNS name {name}, type {kind}, SetIdentifier {label} {problem}.]"
        )
    wanted |= {"Name": name, "ResourceRecords": _values(wanted.get("ResourceRecords"))}
    for value in wanted["ResourceRecords"]:
        if kind == "SRV" and not _SRV.fullmatch(value):
            raise _error("InvalidChangeBatch", f"[Invalid Resource Record: 'SRVRRDATANotFourFields' in '{value}']")
    if found is not None:
        sets.remove(found)
    sets.append(make(wanted))


def _create_check(original: Any) -> Any:
    def create_health_check(self: Any, caller_reference: str, health_check_args: dict[str, Any]) -> Any:
        with LOCK:
            if caller_reference in _SPENT:
                raise _error("HealthCheckAlreadyExists", "A health check with this reference was deleted")
            for check in self.health_checks.values():
                if check.caller_reference == caller_reference:
                    return check
            address = health_check_args.get("ip_address")
            if address and ipaddress.ip_address(address).is_private:
                raise _error("InvalidInput", f"Invalid parameter : IP address {address} is not routable")
            return original(self, caller_reference, health_check_args)

    return create_health_check


def _delete_check(original: Any) -> Any:
    def delete_health_check(self: Any, health_check_id: str) -> Any:
        with LOCK:
            if health_check_id not in self.health_checks:
                raise _error("NoSuchHealthCheck", f"A health check with id {health_check_id} does not exist.")
            _SPENT.add(self.health_checks[health_check_id].caller_reference)
            return original(self, health_check_id)

    return delete_health_check


if __name__ == "__main__":
    route53.patch = patch
    overlay.main()
