"""Route 53's record sets as values, and how its API writes them.

Only what the registrar creates is spelt out. A set that was read keeps all that AWS said of it, because AWS deletes a
set only when it is repeated in full: that is what makes "delete the old, create the new" a compare and set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class RecordSet:
    """The records of one name and type or, where a routing policy has several such sets, one of them.

    Args:
        name: absolute, in lower case, with the final dot.
        kind: ``SRV``, ``A`` or ``AAAA``.
        ttl: in seconds.
        values: the records in zone-file form.
        identifier: tells the sets of a routing policy apart; empty for a simple set.
        weight: of a weighted set, 0 to 255; None for other policies.
        multivalue: whether up to eight healthy sets of the name answer together.
        health_check: the id of the health check, or empty.
        raw: the set as AWS gave it; None for one that is to be created.
    """

    name: str
    kind: str
    ttl: int
    values: tuple[str, ...]
    identifier: str = ""
    weight: int | None = None
    multivalue: bool = False
    health_check: str = ""
    raw: Mapping[str, object] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def decode(cls, record: Mapping[str, object]) -> RecordSet:
        """A set out of the answer to ListResourceRecordSets. An alias has no values and a TTL of 0."""
        rows = record.get("ResourceRecords")
        values = tuple(str(row["Value"]) for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else ()
        weight = record.get("Weight")
        ttl = record.get("TTL")
        return cls(
            name=absolute(str(record.get("Name", ""))),
            kind=str(record.get("Type", "")),
            ttl=ttl if isinstance(ttl, int) else 0,
            values=values,
            identifier=str(record.get("SetIdentifier") or ""),
            weight=weight if isinstance(weight, int) else None,
            multivalue=record.get("MultiValueAnswer") is True,
            health_check=str(record.get("HealthCheckId") or ""),
            raw=record,
        )

    def encode(self) -> Mapping[str, object]:
        """The set as ChangeResourceRecordSets takes it."""
        if self.raw is not None:
            return self.raw
        record: dict[str, object] = {
            "Name": self.name,
            "Type": self.kind,
            "TTL": self.ttl,
            "ResourceRecords": [{"Value": value} for value in self.values],
        }
        if self.identifier:
            record["SetIdentifier"] = self.identifier
        if self.weight is not None:
            record["Weight"] = self.weight
        if self.multivalue:
            record["MultiValueAnswer"] = True
        if self.health_check:
            record["HealthCheckId"] = self.health_check
        return record


def absolute(name: str) -> str:
    """The name in lower case with its final dot."""
    return name.lower().removesuffix(".") + "."


def replacing(old: RecordSet | None, new: RecordSet | None) -> list[Mapping[str, object]]:
    """The changes from `old` to `new`, none where they agree; they fail when `old` is no longer what the zone has."""
    if old is not None and new is not None and _agree(old, new):
        return []
    changes: Sequence[tuple[str, RecordSet | None]] = (("DELETE", old), ("CREATE", new))
    return [{"Action": action, "ResourceRecordSet": each.encode()} for action, each in changes if each is not None]


def _agree(old: RecordSet, new: RecordSet) -> bool:
    def shape(record: RecordSet) -> tuple[object, ...]:
        known = (record.name, record.kind, record.identifier, record.weight, record.multivalue, record.health_check)
        return (*known, record.ttl, sorted(record.values))

    return shape(old) == shape(new)
