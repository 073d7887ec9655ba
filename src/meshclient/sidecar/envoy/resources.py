"""All documents of a picture, each made anew only when what it is made of is another.

The text of each is kept, since a change of one service's endpoints is to cost no more with three hundred services than
with three.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.sidecar.envoy import cluster
from meshclient.sidecar.envoy.assignment import assignment
from meshclient.sidecar.envoy.listener import listener
from meshclient.sidecar.envoy.route import routes
from meshclient.sidecar.envoy.vocabulary import LEARNER, OUTBOUND, TUNNELS, Document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.sidecar.envoy.served import Picture, Served
    from meshclient.sidecar.envoy.sources import Sources

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Resources:
    """JSON texts by name, for each kind.

    Args:
        listeners: one.
        routes: one.
        clusters: one for each service, and those that are ours.
        assignments: endpoints that are apart from their clusters, by the name of the list.
    """

    listeners: Mapping[str, str] = field(default_factory=lambda: _NONE)
    routes: Mapping[str, str] = field(default_factory=lambda: _NONE)
    clusters: Mapping[str, str] = field(default_factory=lambda: _NONE)
    assignments: Mapping[str, str] = field(default_factory=lambda: _NONE)


class Press:
    """Makes `Resources` of pictures.

    Args:
        sources: where Envoy is to find what is made.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._kept: dict[tuple[str, str], tuple[object, str]] = {}

    def resources(self, picture: Picture) -> Resources:
        """Those of `picture`."""
        count = len(picture.services)
        clusters, assignments = {}, {}
        for name, served in sorted(picture.services.items()):
            apart = None if served.named else self._sources.assignment(served.listing, count)
            clusters[name] = self._cluster(picture, served, apart)
            if apart is not None:
                assignments[served.listing] = self._assignment(picture, served)
        if picture.learner:
            made = cluster.learner(picture.learner)
            clusters[LEARNER] = self._text("cluster", LEARNER, picture.learner, lambda: made)
        if picture.settings.connect:
            clusters[TUNNELS] = self._text("cluster", TUNNELS, None, cluster.tunnels)
        settings, source = picture.settings, self._sources.routes
        rules = tuple((name, picture.services[name].config) for name in sorted(picture.services))
        table = (settings, rules, picture.domains, picture.resolves, picture.learner)
        return Resources(
            listeners={OUTBOUND: self._text("listener", OUTBOUND, settings, lambda: listener(settings, source))},
            routes={OUTBOUND: self._text("routes", OUTBOUND, table, lambda: routes(picture))},
            clusters=clusters,
            assignments=assignments,
        )

    def _cluster(self, picture: Picture, served: Served, apart: Document | None) -> str:
        # Endpoints belong to the cluster only where they are within it.
        content = served.schemes if apart is not None else served.endpoints
        settings = (served.config, served.throttled, served.certificates)
        key = (settings, picture.zone, picture.trusted, apart is not None, content)
        return self._text(
            "cluster",
            served.name,
            key,
            lambda: cluster.cluster(served, zone=picture.zone, source=apart, trusted=picture.trusted),
        )

    def _assignment(self, picture: Picture, served: Served) -> str:
        zone = picture.zone if served.config.zone_aware else ""
        key = (served.endpoints, zone)
        return self._text("assignment", served.name, key, lambda: assignment(served, zone))

    def _text(self, kind: str, name: str, key: object, make: Callable[[], Document]) -> str:
        kept = self._kept.get((kind, name))
        if kept is not None and kept[0] == key:
            return kept[1]
        text = json.dumps(make(), separators=(",", ":"))
        self._kept[kind, name] = (key, text)
        return text
