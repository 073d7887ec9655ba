"""What one process tells the others of its host: the list of one service, as text with a checksum.

Instances are written as Cloud Map returned them, so that a reader of another version still decides for itself what
they mean.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from meshclient_aws.cloudmap.instances import PayloadError, read_answer
from meshclient_aws.cloudmap.poll import Sight

_FORMAT = 1
_DIGEST = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Record:
    """One entry.

    Args:
        sight: what is known.
        at: when it was last confirmed, in seconds since the epoch.
        stands: seconds for which the writer expects to be silent at the most.
    """

    sight: Sight
    at: float
    stands: float

    def fresh(self, now: float) -> bool:
        """Whether its writer still seems to be at work; an entry from the future is not believed."""
        return self.at - self.stands <= now <= self.at + self.stands


def write_record(record: Record) -> bytes:
    """The text: a line with the checksum of the rest, and a line of JSON."""
    found = record.sight.found
    answer = None
    if found is not None:
        rows = [{"InstanceId": i.id, "HealthStatus": i.health, "Attributes": i.attributes} for i in found.instances]
        answer = {"Instances": rows, "InstancesRevision": found.revision}
    fields = {"format": _FORMAT, "at": record.at, "stands": record.stands}
    body = json.dumps({**fields, "throttled": record.sight.throttled, "answer": answer}).encode()
    return f"{_DIGEST(body).hexdigest()}\n".encode() + body


def read_record(text: bytes) -> Record | None:
    """The entry, or None where the text is not whole or not understood."""
    digest, _, body = text.partition(b"\n")
    if digest != _DIGEST(body).hexdigest().encode():
        return None
    try:
        fields = json.loads(body)
        if fields["format"] != _FORMAT:
            return None
        answer = fields["answer"]
        found = None if answer is None else read_answer(answer)
        return Record(Sight(found, str(fields["throttled"])), float(fields["at"]), float(fields["stands"]))
    except (PayloadError, KeyError, TypeError, ValueError):
        return None
