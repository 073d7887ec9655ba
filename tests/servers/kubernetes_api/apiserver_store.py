"""The objects of the scripted API server (apiserver.py) with their history, kept over a restart."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Object = dict[str, Any]
Place = tuple[str, str, str]  # kind, namespace, name


@dataclass(frozen=True)
class Change:
    version: int
    place: Place
    old: Object | None
    new: Object | None


class Store:
    """Objects with their history; `changed` is its lock."""

    def __init__(self, journal: Path) -> None:
        self.changed = threading.Condition()
        self.journal = journal
        self.reset()
        for line in journal.read_text().splitlines() if journal.exists() else ():
            place, item = json.loads(line)
            self._put(tuple(place), item)
        self.compacted = self.version  # what a restarted server remembers is the present alone

    def reset(self) -> None:
        self.version, self.compacted = 100, 100
        self.objects: dict[Place, Object] = {}
        self.history: list[Change] = []

    def put(self, place: Place, item: Object | None) -> Object:
        with self.changed:
            written = self._put(place, item)
            with self.journal.open("a") as file:
                file.write(json.dumps([place, item]) + "\n")
            self.changed.notify_all()
        return written

    def _put(self, place: Place, item: Object | None) -> Object:
        self.version += 1
        old = self.objects.pop(place, None)
        written: Object = json.loads(json.dumps(item if item is not None else old))
        written["metadata"] |= {"namespace": place[1], "name": place[2], "resourceVersion": str(self.version)}
        if item is not None:
            self.objects[place] = written
        self.history.append(Change(self.version, place, old, written if item is not None else None))
        return written

    def at(self, version: int) -> dict[Place, Object]:
        """The objects as they were."""
        objects = dict(self.objects)
        for change in reversed(self.history):
            if change.version > version:
                objects.pop(change.place, None)
                if change.old is not None:
                    objects[change.place] = change.old
        return objects
