"""Where Envoy is told to find each part of its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from meshclient.sidecar.envoy.bootstrap import aggregated

if TYPE_CHECKING:
    from meshclient.sidecar.envoy.vocabulary import Document


class Sources(Protocol):
    """One way of serving it."""

    @property
    def routes(self) -> Document:
        """Of the listener's routes."""
        ...

    def assignment(self, listing: str, count: int) -> Document | None:
        """Of a list of endpoints, where there are `count` services; None for within the cluster."""
        ...


class Aggregated:
    """All on one stream."""

    @property
    def routes(self) -> Document:
        """As in `Sources`."""
        return aggregated()

    def assignment(self, listing: str, count: int) -> Document | None:  # noqa: ARG002 - the protocol's
        """As in `Sources`."""
        return aggregated()
