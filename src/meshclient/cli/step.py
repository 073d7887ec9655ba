"""From one list of a service to the next: who came, who went, and what changed of whom. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from meshclient.cli.difference import Difference, differences
from meshclient.cli.listing import endpoint_document
from meshclient.model.endpoint import Health

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshclient.model.endpoint import Endpoint


class Changed(NamedTuple):
    """An endpoint that is still there, and in what it is another."""

    endpoint: Endpoint
    fields: Sequence[Difference]


class Step(NamedTuple):
    """What differs; an endpoint is the same one as long as its address and its id are."""

    added: Sequence[Endpoint]
    removed: Sequence[Endpoint]
    changed: Sequence[Changed]

    @classmethod
    def between(cls, before: Sequence[Endpoint], after: Sequence[Endpoint]) -> Self:
        """The step from one list to another."""
        old, new = {each.key: each for each in before}, {each.key: each for each in after}
        return cls(
            [each for key, each in new.items() if key not in old],
            [each for key, each in old.items() if key not in new],
            [Changed(each, differences(old[key], each)) for key, each in new.items() if old.get(key, each) != each],
        )

    def urls(self) -> dict[str, object]:
        """By address alone, JSON-ready."""
        return {
            "added": [str(each) for each in self.added],
            "removed": [str(each) for each in self.removed],
            "changed": [str(each.endpoint) for each in self.changed],
        }

    def document(self) -> dict[str, object]:
        """In full, JSON-ready."""
        return {
            "added": [endpoint_document(each) for each in self.added],
            "removed": [endpoint_document(each) for each in self.removed],
            "changed": [
                {"endpoint": endpoint_document(each.endpoint), "fields": [field.document() for field in each.fields]}
                for each in self.changed
            ],
        }

    def words(self) -> Iterator[tuple[str, str, str]]:
        """``+``, ``-`` or ``~``, the endpoint, and what there is to say of it."""
        for each in self.added:
            yield "+", each.url, _described(each)
        for each in self.removed:
            yield "-", each.url, ""
        for endpoint, fields in self.changed:
            yield "~", endpoint.url, "; ".join(map(str, fields)) or "order of its tags"


def _described(endpoint: Endpoint) -> str:
    zone = [f"zone {endpoint.zone}"] if endpoint.zone else []
    tags = [f"tags {','.join(endpoint.tags)}"] if endpoint.tags else []
    health = [] if endpoint.health is Health.UNKNOWN else [str(endpoint.health)]
    return ", ".join([*zone, f"weight {endpoint.weight:g}", *health, *tags])
