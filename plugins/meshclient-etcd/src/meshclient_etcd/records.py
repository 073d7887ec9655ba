"""What stands below a service's key, folded from a list and the changes that follow it.

A value, without a clock or a socket: `listed` begins it, `after` makes the next one. Only what has changed is decoded,
so that one change among thousands of instances costs one record.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import EXCERPT, PayloadError
from meshclient_etcd.errors import OutOfDate
from meshclient_etcd.record import decode_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshclient.model.endpoint import Endpoint
    from meshclient_etcd.wire import Found, News, Pair


@dataclass(frozen=True, slots=True)
class Entry:
    """One key: its endpoint, None where that is not to be used, or what is wrong with the record."""

    endpoint: Endpoint | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """Every record of a service.

    Args:
        revision: the store's revision when they were listed.
        scheme: given to every endpoint; empty to take the records' own.
        entries: by key.
        starts: the prefixes to watch, each with the revision at which to begin.
    """

    revision: int = 0
    scheme: str = ""
    entries: Mapping[bytes, Entry] = field(default_factory=dict)
    starts: tuple[tuple[bytes, int], ...] = ()

    def listed(self, prefix: bytes, found: Found) -> Records:
        """With what etcd holds below `prefix`, which ends with a slash."""
        return replace(
            self,
            revision=max(self.revision, found.revision),
            entries=self._with(found.pairs, (*self.starts, (prefix, 0))),
            starts=(*self.starts, (prefix, found.revision + 1)),
        )

    def after(self, news: News) -> Records:
        """With the changes of one line of the watch.

        Raises OutOfDate where the watch cannot tell what has happened since the list: its revision has been
        compacted away, or the store stands before it, which means that it was restored or lost its data.
        """
        if news.compacted:
            raise OutOfDate(f"revision {self.revision} has been compacted away; the oldest is {news.compacted}")
        if news.created and news.revision < self.revision:
            raise OutOfDate(f"the store has gone back from revision {self.revision} to {news.revision}")
        return replace(self, entries=self._with(news.changes, self.starts)) if news.changes else self

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The usable ones. Raises PayloadError where there are records and not one is well-formed."""
        malformed = self.malformed
        if malformed and len(malformed) == len(self.entries):
            raise PayloadError(f"none of its {len(malformed)} records is an endpoint; the first is {malformed[0]}")
        return tuple(entry.endpoint for entry in self.entries.values() if entry.endpoint is not None)

    @property
    def malformed(self) -> tuple[str, ...]:
        """One text for each record that cannot be an endpoint."""
        return tuple(entry.problem for entry in self.entries.values() if entry.problem)

    def _with(self, pairs: Iterable[Pair], starts: tuple[tuple[bytes, int], ...]) -> Mapping[bytes, Entry]:
        entries = dict(self.entries)
        for pair in pairs:
            prefix = next((prefix for prefix, _ in starts if pair.key.startswith(prefix)), None)
            if prefix is None:
                raise PayloadError(f"the key {pair.key[:EXCERPT]!r} was not asked for")
            if pair.value is None:
                entries.pop(pair.key, None)
            else:
                entries[pair.key] = _entry(pair.key.removeprefix(prefix), pair.value, self.scheme)
        return entries


def _entry(instance: bytes, value: bytes, scheme: str) -> Entry:
    name = instance.decode("utf-8", "backslashreplace")
    try:
        if not name:
            raise PayloadError("its key names no instance")
        return Entry(decode_record(value, name, scheme))
    except ValueError as exc:
        return Entry(problem=f"{name[:EXCERPT]!r}: {exc}")
