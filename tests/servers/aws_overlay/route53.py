"""Route 53: changes that AWS refuses."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SRV = re.compile(r"\d{1,5} \d{1,5} \d{1,5} \S+")
_NO_SRV = "Invalid Resource Record: 'FATAL problem: SRVRRDATANotFourFields (Value is not a valid SRV record)'"


def patch() -> None:
    """Put the corrections in place of moto's own methods."""
    backend = import_module("moto.route53.models").Route53Backend
    backend.change_resource_record_sets = _checked(backend.change_resource_record_sets)


def record_type(record: Any) -> str:
    """A record set's type; moto has renamed the attribute."""
    return str(getattr(record, "type", None) or record.type_)


def _invalid(message: str) -> Exception:
    refused: type[Exception] = import_module("moto.route53.exceptions").Route53ClientError
    return refused("InvalidChangeBatch", f"[{message}]")


def _checked(original: Callable[..., Any]) -> Callable[..., Any]:
    def change_resource_record_sets(self: Any, zoneid: str, change_list: Sequence[Mapping[str, Any]]) -> Any:
        zone = self.get_hosted_zone(zoneid)
        for item in change_list:
            _check(zone, item["Action"], item["ResourceRecordSet"])
        return original(self, zoneid, change_list)

    return change_resource_record_sets


def _check(zone: Any, action: str, wanted: Mapping[str, Any]) -> None:
    name, kind = wanted["Name"].rstrip(".").lower() + ".", wanted["Type"]
    found = [
        record
        for record in zone.rrsets
        if record.name.rstrip(".").lower() + "." == name
        and record_type(record) == kind
        and (record.set_identifier or None) == wanted.get("SetIdentifier")
    ]
    text = f"resource record set [name='{name}', type='{kind}']"
    if action == "CREATE" and found:
        raise _invalid(f"Tried to create {text} but it already exists")
    if action == "DELETE" and not found:
        raise _invalid(f"Tried to delete {text} but it was not found")
    if kind == "SRV" and action != "DELETE":
        for record in wanted.get("ResourceRecords") or []:
            value = record["Value"] if isinstance(record, dict) else record
            if not _SRV.fullmatch(value):
                raise _invalid(f"{_NO_SRV} encountered with '{value}'")
