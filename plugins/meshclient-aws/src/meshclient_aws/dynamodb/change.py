"""What one record of the stream means for those who watch a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshclient_aws.dynamodb import attribute
from meshclient_aws.dynamodb.item import INSTANCE, RENEWED, SERVICE, lifetime
from meshclient_aws.dynamodb.roster import Beat


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened to an item.

    Args:
        service: whose.
        instance: which.
        beat: the renewal that it was and nothing else; None where the service has to be listed again.
    """

    service: str
    instance: str
    beat: Beat | None = None


def read_change(record: Mapping[str, object]) -> Change | None:
    """The change in a record of GetRecords, or None where it does not even say which item it is about.

    Every renewal leaves a record, three for each instance and ttl, and they must not cost a query each: with both
    images there, one that changed nothing but the lifetime is told apart. Streams of another view type, which lack the
    images, only ever say "list again".
    """
    dynamodb = record.get("dynamodb")
    if not isinstance(dynamodb, Mapping):
        return None
    keys = dynamodb.get("Keys")
    if not isinstance(keys, Mapping):
        return None
    try:
        service, instance = attribute.text(keys, SERVICE), attribute.text(keys, INSTANCE)
    except ValueError:
        return None
    return Change(service, instance, _beat(dynamodb.get("OldImage"), dynamodb.get("NewImage"))) if service else None


def _beat(old: object, new: object) -> Beat | None:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)) or _lasting(old) != _lasting(new):
        return None
    try:
        beat = Beat(*lifetime(new))
        before = Beat(*lifetime(old))
    except ValueError:
        return None
    # An expiry that is set by hand leaves the heartbeat as it is, and so cannot be put in order with renewals.
    return beat if beat.heartbeat > before.heartbeat else None


def _lasting(image: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in image.items() if name not in RENEWED}
