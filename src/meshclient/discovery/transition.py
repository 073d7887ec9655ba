"""From one snapshot to the next: what is carried over, and what observers are told. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.model.snapshot import Empty, Failed, Pending, Ready

if TYPE_CHECKING:
    from meshclient.model.events import Event
    from meshclient.model.snapshot import Snapshot


def advance(before: Snapshot, answer: Ready | Empty | Failed) -> Ready | Empty | Failed:
    """`answer` as the successor of `before`: with a version, and with the list from before where it needs one.

    The version grows when the endpoints change; a confirmation only moves `at`, and a failure after a failure not even
    that, since the outage goes on.
    """
    known = before.last if isinstance(before, Failed) else None if isinstance(before, Pending) else before
    if isinstance(answer, Failed):
        last = known
        if isinstance(answer.last, Ready) and not _same(known, answer.last):
            # Part of a union failed while another part changed.
            last = replace(answer.last, version=before.version + 1)
        began = before.at if isinstance(before, Failed) else answer.at
        return replace(answer, last=last, at=began, version=last.version if last else before.version)
    if isinstance(answer, Empty):
        held = known if isinstance(known, Ready) else known.last if isinstance(known, Empty) else None
        same = isinstance(known, Empty) and known.exists == answer.exists
        return replace(answer, last=held, version=before.version + (not same))
    return replace(answer, version=before.version + (not _same(known, answer)))


def events(service: str, before: Snapshot, after: Ready | Empty | Failed) -> list[Event]:
    """What an observer is told about the step from `before` to `after`."""
    # Imported where it is told: a command that asks once tells nobody.
    from meshclient.model.events import EmptyListHeld, RegistryLost, RegistryRecovered, SnapshotUpdated

    told: list[Event] = []
    if isinstance(after, Failed):
        if not isinstance(before, Failed):
            told.append(RegistryLost(service, after))
        if after.last is not None and after.version != before.version:
            told.append(SnapshotUpdated(service, after.last))
        return told
    if isinstance(before, Failed):
        told.append(RegistryRecovered(service, after.source, after.at - before.at))
    if after.version != before.version:
        told.append(SnapshotUpdated(service, after))
        if isinstance(after, Empty) and after.endpoints:
            told.append(EmptyListHeld(service, after.source, len(after.endpoints)))
    return told


def _same(known: Ready | Empty | None, answer: Ready) -> bool:
    return isinstance(known, Ready) and known.endpoints == answer.endpoints
