"""A part of a service's endpoints, told by what their registry says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.model.endpoint import Endpoint


class Selector(Protocol):
    """Says which endpoints belong."""

    def holds(self, endpoint: Endpoint) -> bool:
        """Whether `endpoint` belongs."""
        ...


@dataclass(frozen=True, slots=True)
class Subset:
    """The endpoints that have all these labels.

    Args:
        tags: each has to be among the endpoint's.
        metadata: each key has to have this value.
    """

    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def holds(self, endpoint: Endpoint) -> bool:
        """As `Selector.holds`."""
        return all(tag in endpoint.tags for tag in self.tags) and all(
            endpoint.metadata.get(key) == value for key, value in self.metadata.items()
        )


@dataclass(frozen=True, slots=True)
class Rest:
    """The endpoints that none of `others` holds: what has no label of a new version is the old one."""

    others: tuple[Selector, ...]

    def holds(self, endpoint: Endpoint) -> bool:
        """As `Selector.holds`."""
        return not any(other.holds(endpoint) for other in self.others)
