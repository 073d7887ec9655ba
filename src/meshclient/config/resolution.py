"""From the merged leaves to the complete configuration.

Each value is looked for in the places that may give it, the nearest first: a route's, its service's, the defaults', and
at last the field's own default. "Nearest" comes before "strongest": a service's own deadline in a file holds against an
environment variable for all services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from meshclient.config.kinds import Kind, Written
from meshclient.config.layers import Leaf, names
from meshclient.config.origin import DEFAULT, Origin, Path, dotted
from meshclient.config.schema import ROOT, ROUTE, SERVICE, Table
from meshclient.config.shape import MeshConfig, RouteConfig, ServiceConfig

_DEFAULTS: Path = ("defaults",)


@dataclass(frozen=True, slots=True)
class Setting:
    """An effective value.

    Args:
        path: the TOML key under which it stands.
        value: as it is written into a file; reading it gives the same value again.
        origin: who gave it.
    """

    path: str
    # A resolver's address may hold a token.
    value: Written = field(repr=False)
    origin: Origin


@dataclass(slots=True)
class Resolution:
    """The work of completing `leaves`.

    Attributes:
        leaves: what all sources say together.
        settings: the effective values found so far, by path.
        problems: what is wrong with values that are right one by one.
    """

    leaves: Mapping[Path, Leaf]
    settings: dict[Path, Setting] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def mesh(self, unspelled: frozenset[str]) -> MeshConfig:
        """The whole configuration."""
        services = {name: self._service(name) for name in names(self.leaves, ("services",))}
        config = MeshConfig(**self._values(ROOT, ((),)), services=MappingProxyType(services), unspelled=unspelled)
        if config.mode == "on-demand":
            for place, service in ((_DEFAULTS, config.defaults), *((("services", n), s) for n, s in services.items())):
                self._unfollowed(place, service)
        return config

    def _unfollowed(self, place: Path, service: ServiceConfig) -> None:
        """Complain of a circuit's store, which is followed on a thread between calls."""
        store, inherited = (*place, "circuit", "store"), (*_DEFAULTS, "circuit", "store")
        told = store not in self.leaves and store != inherited and inherited in self.settings
        if service.circuit is not None and service.circuit.store and not told:
            self.problems.append(
                f"{dotted(store)} ({self.settings[store].origin}): circuits cannot be shared where mode is 'on-demand' "
                f"({self.settings['mode',].origin}), since nothing runs between calls: leave store out, or write "
                "mode = 'background'"
            )

    def _service(self, name: str) -> ServiceConfig:
        place = ("services", name)
        # The longest pattern is the most specific one; a path without a star comes before one with it.
        patterns = sorted(names(self.leaves, (*place, "routes")), key=lambda p: ("*" in p, -len(p), p))
        routes = tuple(
            RouteConfig(p, **self._values(ROUTE, ((*place, "routes", p), place, _DEFAULTS))) for p in patterns
        )
        return ServiceConfig(**self._values(SERVICE, (place, _DEFAULTS)), routes=routes)

    def _values(self, table: Table, places: tuple[Path, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, node in table.keys.items():
            inner = tuple((*place, key) for place in places)
            if isinstance(node, Kind):
                found[key] = self._value(node, inner, getattr(table.shape(), key))
            elif isinstance(node, Table):
                found[key] = self._table(node, inner)
        return found

    def _value(self, kind: Kind, places: tuple[Path, ...], default: object) -> object:
        leaf = self._nearest(places) or Leaf(default, DEFAULT)
        self.settings[places[0]] = Setting(dotted(places[0]), kind.write(leaf.value), leaf.origin)
        return leaf.value

    def _table(self, table: Table, places: tuple[Path, ...]) -> object | None:
        path = places[0]
        switch = self._nearest(places)
        if switch is None and table.off and not self._speaks(table, places):
            switch = Leaf(False, DEFAULT)
        if switch is not None and not switch.value:
            self.settings[path] = Setting(dotted(path), False, switch.origin)
            return None
        values = self._values(table, places)
        try:
            return table.shape(**values)
        except ValueError as exc:
            # A contradiction is told where it arises, and not again for everyone who inherits it.
            if any((*path, key) in self.leaves for key in values):
                # A table within this one has no origin of its own while it is on.
                told = [self.settings[*path, key] for key in values if (*path, key) in self.settings]
                origins = dict.fromkeys(str(setting.origin) for setting in told)
                self.problems.append(f"{dotted(path)} ({', '.join(origins)}): {exc}")
            return None

    def _speaks(self, table: Table, places: tuple[Path, ...]) -> bool:
        """Whether anybody gives a value of the table, and so wants it."""
        return any((*place, key) in self.leaves for place in places for key in table.keys)

    def _nearest(self, places: tuple[Path, ...]) -> Leaf | None:
        return next((self.leaves[place] for place in places if place in self.leaves), None)
