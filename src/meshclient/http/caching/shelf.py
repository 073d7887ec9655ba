"""What a mesh keeps of one service's responses: shared by all clients, transports and channels on it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.caching.message import combined
from meshclient.core.caching.policy import Policy
from meshclient.core.caching.reuse import PARTICULAR
from meshclient.http.caching.changes import Changes
from meshclient.http.caching.hit import Hit, Known
from meshclient.http.caching.lookups import Lookups
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.question import key_of
from meshclient.http.caching.room import Room
from meshclient.http.caching.shared import open_shared
from meshclient.http.caching.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.config.cache_shape import CacheConfig
    from meshclient.config.shape import ServiceConfig
    from meshclient.http.caching.shared import SharedStore
    from meshclient.http.caching.variants import Variants
    from meshclient.http.plain.call import PlainCall

# Bytes of heads of requests for which it is remembered what answered them, or that nothing did: beside what is kept,
# and never more than half of the largest body that is.
_REMEMBERED = 2 * 2**20
# The longest of them; with a token, say, that is another each time, it would be remembered in vain.
_LONGEST = 4096
# Beside the head and the key, about.
_KNOWN_COST = 512


@dataclass(frozen=True, slots=True)
class Rule:
    """How responses of a service, or of one of its routes, are kept.

    Args:
        policy: what may be served when.
        coalesce: whether equal requests that wait for one response are sent once.
    """

    policy: Policy
    coalesce: bool = True

    @classmethod
    def of(cls, config: CacheConfig, *, coalesce: bool, routed_by: tuple[str, ...] = ()) -> Rule:
        """The rule that is configured."""
        return cls(
            Policy(
                shared=config.kind == "shared",
                ttl=config.ttl,
                stale_while_revalidate=config.stale_while_revalidate or 0.0,
                stale_if_error=config.stale_if_error or 0.0,
                stale_if_unreachable=config.serve_stale,
                targeted=config.targeted,
                identity=config.identity,
                routed_by=routed_by,
            ),
            coalesce,
        )


class Shelf:
    """The responses of one service.

    Args:
        service: its name.
        rule: what holds for a path (percent-decoded, without the query); None where nothing is kept.
        store: where they are: `MemoryStore`, or one that processes share.
        clock: epoch seconds.
        unkept: name of a cookie that is set beside the service's own, and not kept; empty for none.
        room: bytes of bodies that may be on their way into the store at a time.

    Attributes:
        lookups: how look-ups have ended.
        changes: made through this process.
        users: the caches over it.
        room: what is left for bodies on their way.
    """

    def __init__(
        self,
        service: str,
        rule: Callable[[str], Rule | None],
        store: MemoryStore | SharedStore,
        clock: Callable[[], float] = time.time,
        *,
        unkept: str = "",
        room: int = 64 * 2**20,
    ) -> None:
        self.service = service
        self.unkept = unkept
        self.rule = rule
        self.store = store
        self.clock = clock
        self.lookups = Lookups()
        self.changes = Changes()
        self.users = Users()
        self.room = Room(room)
        self._memory = store if isinstance(store, MemoryStore) else None
        self._known: dict[tuple[str, bytes], Known] = {}
        self._known_bytes = 0

    @classmethod
    def configured(cls, name: str, config: ServiceConfig) -> Shelf | None:
        """As the configuration says; None where nothing of the service is to be kept.

        Raises ConfigError and PluginError for a store that cannot be used.
        """
        routes = {route: route.cache for route in config.routes}
        own = config.cache
        first = own or next(filter(None, routes.values()), None)
        if first is None:
            return None
        told = _routed_by(config)
        rules = {
            given: Rule.of(given, coalesce=first.coalesce, routed_by=told) for given in (own, *routes.values()) if given
        }

        def rule(path: str) -> Rule | None:
            route = config.route(path) if routes else None
            given = own if route is None else routes[route]
            return None if given is None else rules[given]

        store = open_shared(first.store) if first.store else MemoryStore(first.max_bytes)
        unkept = config.session.cookie if config.session else ""
        return cls(name, rule, store, unkept=unkept, room=first.max_bytes)

    def fresh(self, call: PlainCall) -> Hit | None:
        """The answer to a plain call, where it is in memory and nothing has to be asked or decided; counted then.

        None says nothing: the call goes on as if there were no cache on this road, and `AsyncCache.send` finds out.
        A head that was answered within the last second costs a third of a microsecond, and at most one look into the
        store a second, which tells that it is in use.
        """
        memory = self._memory
        if memory is None:
            return None
        known = self._known.get((call.scheme, call.head))
        if known is None:
            return self._first(call, memory)
        if known.version == memory.version:
            if known.hit is None:
                return None
            if self.clock() < known.until and (hit := known.hit()) is not None:
                self.lookups.hit += 1
                return hit
        return self._looked_up(call, memory, known.key, _fields(call))

    def _first(self, call: PlainCall, memory: MemoryStore) -> Hit | None:
        if call.method != "GET" or call.content:
            return None
        fields = _fields(call)
        if not PARTICULAR.isdisjoint(fields) or self.rule(call.path) is None:
            return None
        target = call.head.split(b" ", 2)[1].decode("latin-1")
        key = key_of(self.service, call.scheme, fields.get("host", ""), target)
        return self._looked_up(call, memory, key, fields)

    def _looked_up(self, call: PlainCall, memory: MemoryStore, key: str, fields: Mapping[str, str]) -> Hit | None:
        """Find out which variant answers, and remember it for as long as nothing changes."""
        # Read first: what changes meanwhile is looked up again.
        version, now = memory.version, self.clock()
        hit = self._found(memory.get(key, fields), now)
        until = 0.0 if hit is None else hit.at(now)
        self._remember(call, Known(key, hit, version, until), min(_REMEMBERED, memory.max_body // 2))
        if hit is not None:
            self.lookups.hit += 1
        return hit

    def _remember(self, call: PlainCall, known: Known, room: int) -> None:
        name = call.scheme, call.head
        if name not in self._known:
            size = len(call.head) + len(known.key) + _KNOWN_COST
            if size > min(_LONGEST, room):
                return
            self._known_bytes += size
            if self._known_bytes > room:
                self._known.clear()
                self._known_bytes = size
        self._known[name] = known

    def _found(self, variants: Variants, now: float) -> Hit | None:
        variant = next(iter(variants.each), None)
        if variant is None or now >= variant.entry.until or variant.body is None:
            return None
        if not variant.hits:
            variant.hits.append(Hit(self.service, variant.entry, variant.body))
        return variant.hits[0]


def _routed_by(config: ServiceConfig) -> tuple[str, ...]:
    """Request fields that rules of `traffic` look at: nobody whom they send to another version gets this one's."""
    rules = config.traffic.routes if config.traffic else ()
    names = {name.lower() for rule in rules for name in rule.headers}
    return tuple(sorted(names.union("cookie" for rule in rules if rule.cookies)))


def _fields(call: PlainCall) -> dict[str, str]:
    return combined((name.decode("latin-1"), value.decode("latin-1")) for name, value in call.headers)
