"""What is right value by value, and cannot work together.

Each of these still runs: the shorter time wins, the smaller budget ends it. But whoever wrote both values meant
something else, so it is said when the configuration is loaded, with the values and who gave them, once and where it
arises: a service that merely inherits both is not told again. What cannot run at all is refused by the policies' own
shapes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshclient.config.origin import dotted
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.config.layers import Leaf
    from meshclient.config.origin import Path
    from meshclient.config.resolution import Setting
    from meshclient.config.shape import MeshConfig, RouteConfig, ServiceConfig

_KEYLESS = frozenset({"p2c", "round_robin", "weighted_random", "least_request"})
# The one policy that stands in a table of its own.
GUARD = "guard"
# What only the connections of our own engine keep.
OWN_ENGINE: tuple[Path, ...] = (("connections", "per_endpoint"), ("connections", "warm"))
# What a cache has once, whatever its routes say.
ONE_STORE = ("max_bytes", "store", "coalesce")
_DEFAULTS: Path = ("defaults",)
# Fleets that the arithmetic of ejection and panic is tried on.
_LARGEST = 100


def contradictions(
    config: MeshConfig, leaves: Mapping[Path, Leaf], settings: Mapping[Path, Setting]
) -> tuple[str, ...]:
    """A line for each.

    Args:
        config: the whole configuration.
        leaves: what all sources say together.
        settings: the effective values.
    """
    found = _Search(leaves, settings)
    found.passthrough(config)
    found.service(("defaults",), config.defaults)
    for name, service in config.services.items():
        place = ("services", name)
        found.service(place, service)
        for route in service.routes:
            found.times((*place, "routes", route.pattern), route)
    return tuple(found.lines)


@dataclass(slots=True)
class _Search:
    leaves: Mapping[Path, Leaf]
    settings: Mapping[Path, Setting]
    lines: list[str] = field(default_factory=list)

    def service(self, place: Path, service: ServiceConfig) -> None:
        self.times(place, service)
        # An inner time that is longer than the default around it is what the documentation allows.
        attempt = service.attempt_timeout
        if attempt is not None and service.connect_timeout > attempt:
            self._both(place, "connect_timeout", "attempt_timeout", "a connection gets no more time than its attempt")
        self._hedge(place, service)
        self._ejection(place, service)
        self._key(place, service)
        self._shadow(place, service)
        self._engine(place, service)
        self._verified(place, service)
        self._room(place, service)
        self._kept(place, service)

    def passthrough(self, config: MeshConfig) -> None:
        if config.propagate_passthrough and not config.defaults.propagators:
            said, forms = self._said((), "propagate_passthrough"), self._said(_DEFAULTS, "propagators")
            self.lines.append(
                f"{said} hands nothing on with {forms}: name forms there, or leave propagate_passthrough out"
            )

    def times(self, place: Path, config: ServiceConfig | RouteConfig) -> None:
        if config.deadline is None:
            return
        if config.attempt_timeout is not None and config.attempt_timeout > config.deadline:
            self._both(place, "attempt_timeout", "deadline", "an attempt ends with its call")
        retry = config.retry
        if retry is None or retry.wait is not None or retry.stop is not None:
            return
        backoff = retry.backoff
        # Half of each bound, as full jitter gives it.
        pauses = sum(min(backoff.limit, backoff.first * 2.0**n) / 2 for n in range(retry.attempts - 1))
        rule = (("retry", "attempts"), ("retry", "backoff"))
        if pauses >= config.deadline and any((*place, *key) in self.leaves for key in rule):
            self.lines.append(
                f"{self._said(place, *rule[0])} with {self._said(place, *rule[1])} pause for {format_duration(pauses)} "
                f"on average, {self._said(place, 'deadline')}: the last attempts are never made; lower either, or "
                "raise the deadline"
            )

    def _both(self, place: Path, inner: str, outer: str, why: str) -> None:
        if (*place, inner) in self.leaves and (*place, outer) in self.leaves:
            said = f"{self._said(place, inner)} is longer than {self._said(place, outer)}"
            self.lines.append(f"{said}: {why}; lower {inner} or raise {outer}")

    def _hedge(self, place: Path, service: ServiceConfig) -> None:
        if service.hedge is None or not self._speaks(place, "hedge", "retry"):
            return
        if not service.hedge.extra:
            self.lines.append(f"{self._said(place, 'hedge', 'extra')} allows no second attempt: write hedge = false")
        elif service.retry is not None and not service.retry.budget and not service.retry.budget_floor:
            said = f"{self._said(place, 'retry', 'budget')} and {self._said(place, 'retry', 'budget_floor')}"
            self.lines.append(
                f"{dotted((*place, 'hedge'))} has nothing to spend with {said}: raise one of them, or write "
                "hedge = false"
            )

    def _ejection(self, place: Path, service: ServiceConfig) -> None:
        ejection = service.ejection
        if ejection is None or not self._speaks(place, "ejection"):
            return
        # Only where somebody has set it: it is imported at every start of a program otherwise.
        from meshclient.core.outlier import Outlier

        cap = Outlier(max_ejected=ejection.max_ejected).cap
        for count in range(2, _LARGEST + 1):
            if (count - cap(count)) / count < ejection.panic:
                share, panic = self._said(place, "ejection", "max_ejected"), self._said(place, "ejection", "panic")
                self.lines.append(
                    f"{share} lets {cap(count)} of {count} endpoints be ejected, with {panic} all are used again from "
                    "then on: lower either"
                )
                return

    def _key(self, place: Path, service: ServiceConfig) -> None:
        given = (*place, "hash_key") in self.leaves or (*place, "balancer") in self.leaves
        if given and service.hash_key is not None and service.balancer in _KEYLESS:
            said = f"{self._said(place, 'hash_key')} means nothing to {self._said(place, 'balancer')}"
            self.lines.append(f"{said}: write balancer = 'ring_hash' or 'maglev'")

    def _shadow(self, place: Path, service: ServiceConfig) -> None:
        if (*place, "shadow") not in self.leaves:
            return
        for policy in service.shadow:
            if policy == GUARD and place == ("defaults",):
                # It has no place there; those of services are meant.
                continue
            off = _off(service, policy)
            if off or (policy == "throttle" and service.circuit is not None):
                why = "is off" if off else "gives way to the circuit"
                self.lines.append(f"{self._said(place, 'shadow')} names {policy}, which {why}: there is nothing to see")

    def _engine(self, place: Path, service: ServiceConfig) -> None:
        chosen: Path = ("engine",) if service.engine == "httpx" else ("http2",)
        if service.engine == "builtin" and not service.http2:
            return
        for key in OWN_ENGINE:
            if (*place, *key) in self.leaves and self.settings[*place, *key].value:
                self.lines.append(
                    f"{self._said(place, *key)} means nothing with {self._said(place, *chosen)}, whose connections are "
                    "those of httpx's transport: leave one of them out"
                )

    def _verified(self, place: Path, service: ServiceConfig) -> None:
        if service.tls is not None and not service.tls.verify and service.tls.ca and self._speaks(place, "tls"):
            said = f"{self._said(place, 'tls', 'ca')} is trusted for nothing with {self._said(place, 'tls', 'verify')}"
            self.lines.append(f"{said}: leave verify out, and certificates are checked by that authority")

    def _room(self, place: Path, service: ServiceConfig) -> None:
        limit, connections = service.limit, service.connections
        if limit is None or not self._speaks(place, "limit", "connections"):
            return
        for calls, most, key, room in (
            (limit.concurrency, connections.total, "concurrency", "total"),
            (limit.endpoint, connections.per_endpoint, "endpoint", "per_endpoint"),
        ):
            if calls > most > 0:
                said = f"{self._said(place, 'limit', key)} is more than {self._said(place, 'connections', room)}"
                self.lines.append(f"{said}: calls that are let in wait for a connection; lower {key} or raise {room}")

    def _kept(self, place: Path, service: ServiceConfig) -> None:
        # As `Shelf.configured` has it: the service's own cache, or that of the most specific route that has one.
        caches = {(*place, "routes", route.pattern, "cache"): route.cache for route in service.routes if route.cache}
        holding, held = next(iter(caches.items()), ((), None))
        if service.cache is not None:
            holding, held = (*place, "cache"), service.cache
        for own, cache in caches.items():
            for key in ONE_STORE:
                if own != holding and getattr(cache, key) != getattr(held, key) and (*own, key) in self.leaves:
                    # Without the values: a store's address may hold a password.
                    said = f"{dotted((*own, key))} ({self.settings[*own, key].origin}) means nothing"
                    self.lines.append(
                        f"{said}: a service and its routes keep responses in one store, that of {dotted(holding)}; "
                        "say it there"
                    )

    def _speaks(self, place: Path, *tables: str) -> bool:
        """Whether anything of these tables is said at this very place."""
        depth = len(place)
        return any(path[:depth] == place and path[depth : depth + 1] in {(t,) for t in tables} for path in self.leaves)

    def _said(self, place: Path, *key: str) -> str:
        setting = self.settings[*place, *key]
        return f"{setting.path} {setting.value} ({setting.origin})"


def _off(service: ServiceConfig, policy: str) -> bool:
    if policy == GUARD:
        return service.traffic is None or service.traffic.guard is None
    return getattr(service, policy) is None
