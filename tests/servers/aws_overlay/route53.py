"""Route 53, exact about changes and health checks.

A batch is applied change by change to a copy of the zone, which takes the place of the zone when all have succeeded:
"delete, then create" of one name and type is allowed, and half a batch is never seen. DELETE has to repeat the set
exactly. Sets of one name and type are either one simple set or all of a routing policy. CreateHealthCheck knows its
caller's references, and refuses private addresses.
"""

from __future__ import annotations

import ipaddress
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from servers.aws_overlay.state import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SRV = re.compile(r"\d{1,5} \d{1,5} \d{1,5} \S+")
# Limits of one batch, in which an UPSERT counts twice.
_MAX_RECORDS, _MAX_CHARACTERS = 1000, 32_000


def patch() -> None:
    """Put the corrections in place of moto's own methods."""
    backend = import_module("moto.route53.models").Route53Backend
    backend.change_resource_record_sets = _change
    backend.create_health_check = _creating(backend.create_health_check)
    backend.delete_health_check = _deleting(backend.delete_health_check)


def record_type(record: Any) -> str:
    """A record set's type; moto has renamed the attribute."""
    return str(getattr(record, "type", None) or record.type_)


def _error(code: str, message: str) -> Exception:
    refused: type[Exception] = import_module("moto.route53.exceptions").Route53ClientError
    return refused(code, message)


def _invalid(message: str) -> Exception:
    return _error("InvalidChangeBatch", f"[{message}]")


def _change(self: Any, zoneid: str, change_list: Sequence[Mapping[str, Any]]) -> None:
    """ChangeResourceRecordSets, all or nothing."""
    make = import_module("moto.route53.models").RecordSet
    _bounded(change_list)
    with LOCK:
        zone = self.get_hosted_zone(zoneid)
        sets = list(zone.rrsets)
        for item in change_list:
            if not f".{_absolute(item['ResourceRecordSet']['Name'])}".endswith(f".{_absolute(zone.name)}"):
                raise _invalid(f"RRSet with DNS name {item['ResourceRecordSet']['Name']} is not permitted in this zone")
            _apply(sets, item["Action"], dict(item["ResourceRecordSet"]), make)
        zone.rrsets = sets


def _bounded(change_list: Sequence[Mapping[str, Any]]) -> None:
    records = characters = 0
    for item in change_list:
        values, times = _values(item["ResourceRecordSet"].get("ResourceRecords")), 1 + (item["Action"] == "UPSERT")
        records += times * len(values)
        characters += times * sum(map(len, values))
    if records > _MAX_RECORDS:
        raise _invalid(f"Number of records limit of {_MAX_RECORDS} exceeded.")
    if characters > _MAX_CHARACTERS:
        raise _invalid(f"Number of characters limit of {_MAX_CHARACTERS} exceeded.")


def _apply(sets: list[Any], action: str, wanted: dict[str, Any], make: Any) -> None:
    name, kind, label = _absolute(wanted["Name"]), wanted["Type"], wanted.get("SetIdentifier") or None
    named = [each for each in sets if _absolute(each.name) == name and record_type(each) == kind]
    found = next((each for each in named if (each.set_identifier or None) == label), None)
    text = f"resource record set [name='{name}', type='{kind}'" + (f", set identifier='{label}'" if label else "") + "]"
    if action == "DELETE":
        if found is None:
            raise _invalid(f"Tried to delete {text} but it was not found")
        if _contents(make(wanted)) != _contents(found):
            raise _invalid(f"Tried to delete {text} but the values provided do not match the current values")
        sets.remove(found)
        return
    if action == "CREATE" and found is not None:
        raise _invalid(f"Tried to create {text} but it already exists")
    if any((each.set_identifier is None) != (label is None) for each in named):
        others = "cannot be created as other RRSets exist with the same name and type"
        raise _invalid(f"RRSet with DNS name {name}, type {kind}, SetIdentifier {label} {others}.")
    values = _values(wanted.get("ResourceRecords"))
    for value in values:
        if kind == "SRV" and not _SRV.fullmatch(value):
            problem = "FATAL problem: SRVRRDATANotFourFields (Value is not a valid SRV record)"
            raise _invalid(f"Invalid Resource Record: '{problem}' encountered with '{value}'")
    if found is not None:
        sets.remove(found)
    sets.append(make(wanted | {"Name": name, "ResourceRecords": values}))


def _absolute(name: str) -> str:
    return name.lower().rstrip(".") + "."


def _values(rows: Any) -> list[str]:
    return sorted(row["Value"] if isinstance(row, dict) else row for row in rows or [])


def _contents(record: Any) -> tuple[object, ...]:
    """What a DELETE has to repeat."""
    weight = None if record.weight in (None, "") else int(record.weight)
    return int(record.ttl or 0), _values(record.records), record.health_check_id or None, weight


def _creating(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_health_check(self: Any, caller_reference: str, health_check_args: dict[str, Any]) -> Any:
        with LOCK:
            if caller_reference in _spent(self):
                raise _error("HealthCheckAlreadyExists", "A health check with this reference was deleted")
            for check in self.health_checks.values():
                if check.caller_reference == caller_reference:
                    return check
            address = health_check_args.get("ip_address")
            if address and ipaddress.ip_address(address).is_private:
                raise _error("InvalidInput", f"Invalid parameter : IP address {address} is not routable")
            return original(self, caller_reference, health_check_args)

    return create_health_check


def _deleting(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_health_check(self: Any, health_check_id: str) -> Any:
        with LOCK:
            if health_check_id not in self.health_checks:
                raise _error("NoSuchHealthCheck", f"A health check with id {health_check_id} does not exist.")
            _spent(self).add(self.health_checks[health_check_id].caller_reference)
            return original(self, health_check_id)

    return delete_health_check


def _spent(backend: Any) -> set[str]:
    """The references of deleted checks, kept with the state that a reset clears."""
    known: set[str] = vars(backend).setdefault("meshclient_spent", set())
    return known
