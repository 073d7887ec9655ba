"""From the JSON of ``/apps`` and ``/apps/delta`` to instances.

Only what keeping a copy of the registry needs is read here: id, status and action. The rest of a record is read when
somebody looks the service up, so that a registry of thousands costs little in a process that calls three services.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshclient.discovery.http_registry.fields import EXCERPT, PayloadError, kind, parsed
from meshclient_eureka.payload import Table, items, table, text

UP = "UP"
# InstanceInfo.InstanceStatus; anything else counts as UNKNOWN, as in InstanceStatus.toEnum.
STATUSES = frozenset({UP, "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"})


@dataclass(frozen=True, slots=True)
class Instance:
    """One record.

    Args:
        app: the application's name, in capitals.
        id: unique within the application.
        status: one of `STATUSES`.
        action: in a delta, ADDED, MODIFIED or DELETED.
        record: the whole record.
    """

    app: str
    id: str
    status: str
    action: str
    record: Table


@dataclass(frozen=True, slots=True)
class Applications:
    """What one answer holds.

    Args:
        instances: in the answer's order.
        hash_code: Eureka's own count of statuses over its whole registry, or None where it sends none.
        malformed: one text for each record that is no instance.
    """

    instances: tuple[Instance, ...]
    hash_code: str | None
    malformed: tuple[str, ...]


def decode_applications(body: bytes) -> Applications:
    """The instances in the body of ``/apps`` or ``/apps/delta``. Raises PayloadError for anything else."""
    document = parsed(body)
    if not isinstance(document, dict) or not isinstance(document.get("applications"), dict):
        raise PayloadError(f"it is {kind(document)} without 'applications'; it begins {body[:EXCERPT]!r}")
    root: Table = document["applications"]
    hash_code = None if root.get("apps__hashcode") is None else text(root["apps__hashcode"], "apps__hashcode")
    if "application" not in root and hash_code is None:
        raise PayloadError(f"its 'applications' hold neither a list nor a hash code; it begins {body[:EXCERPT]!r}")
    instances: list[Instance] = []
    malformed: list[str] = []
    for position, application in enumerate(items(root.get("application"))):
        try:
            owner = table(application, "it")
            name = text(owner.get("name"), "its name")
        except PayloadError as exc:
            malformed.append(f"application {position}: {exc}")
            continue
        for number, record in enumerate(items(owner.get("instance"))):
            try:
                instances.append(_instance(name, table(record, "the record")))
            except PayloadError as exc:
                malformed.append(f"{name} record {number}: {exc}")
    return Applications(tuple(instances), hash_code, tuple(malformed))


def _instance(app: str, record: Table) -> Instance:
    name = (app or text(record.get("app"), "its app")).upper()
    status = text(record.get("status"), "its status").upper()
    identity = _id(record)
    if not name or not identity:
        raise PayloadError("it has neither instanceId nor hostName" if name else "it belongs to no application")
    action = text(record.get("actionType"), "its actionType")
    return Instance(name, identity, status if status in STATUSES else "UNKNOWN", action, record)


def _id(record: Table) -> str:
    """The id by which Eureka keeps the record (InstanceInfo.getId): older clients send none of their own."""
    if given := text(record.get("instanceId"), "its instanceId"):
        return given
    return text(data_center(record).get("instance-id"), "its instance-id") or text(record.get("hostName"), "its host")


def data_center(record: Table) -> Table:
    """What AWS knows of the instance; empty elsewhere."""
    info = table(record.get("dataCenterInfo"), "dataCenterInfo", optional=True)
    return table(info.get("metadata"), "dataCenterInfo.metadata", optional=True)
