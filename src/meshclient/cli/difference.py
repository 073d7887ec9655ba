"""How two endpoints differ, field by field, for documents and in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshclient.cli.listing import endpoint_document

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from meshclient.model.endpoint import Endpoint

# In the order in which they are told. The id is what a registry calls an instance, and says nothing about it.
FIELDS = ("scheme", "host", "port", "zone", "weight", "priority", "health", "tags", "metadata")
# Not "-", which is lost beside an arrow.
_NONE = "none"


class Difference(NamedTuple):
    """A field that differs.

    Args:
        field: one of `FIELDS`, or ``metadata.<key>``.
        before: its value in the first of two endpoints, JSON-ready; None where it has none.
        after: in the second.
    """

    field: str
    before: object
    after: object

    def document(self) -> dict[str, object]:
        """JSON-ready data."""
        return self._asdict()

    def __str__(self) -> str:
        return f"{self.field} {_words(self.before)} -> {_words(self.after)}"


def differences(before: Endpoint, after: Endpoint, ignored: Collection[str] = ()) -> list[Difference]:
    """The fields in which two endpoints differ, but for those that are `ignored`; tags in any order are the same.

    Of metadata each key counts for itself, and can be ignored as ``metadata.<key>``.
    """
    old, new = endpoint_document(before), endpoint_document(after)
    found = []
    for field in FIELDS:
        if field in ignored or old[field] == new[field]:
            continue
        if field == "metadata":
            found += _of_metadata(before.metadata, after.metadata, ignored)
        elif field != "tags" or set(before.tags) != set(after.tags):
            found.append(Difference(field, old[field], new[field]))
    return found


def _of_metadata(before: Mapping[str, str], after: Mapping[str, str], ignored: Collection[str]) -> list[Difference]:
    return [
        Difference(f"metadata.{key}", before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key) and f"metadata.{key}" not in ignored
    ]


def _words(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or _NONE
    if isinstance(value, float):
        return f"{value:g}"
    return _NONE if value is None or value == "" else str(value)
