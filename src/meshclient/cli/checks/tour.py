"""One look at everything, in order: each category decides on what the ones before have found out.

Nothing is changed anywhere. Each endpoint is connected to once, at most so many at the same time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshclient.cli.checks import clock, config, endpoints, names, plugins, registry, telemetry, tls
from meshclient.cli.checks.asking import ask, names_at
from meshclient.cli.checks.finding import Finding, Known, Outcome, Skipped
from meshclient.cli.checks.names import Named, NameFacts, Stored
from meshclient.cli.checks.observing import date_of, telemetry_of
from meshclient.cli.checks.plugged import plugins_of
from meshclient.cli.checks.reached import How
from meshclient.cli.checks.reaching import Manner, reach
from meshclient.cli.checks.reading import Asker, read_config
from meshclient.cli.checks.securing import contexts_of, secured
from meshclient.discovery.supervision import describe
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Pending, Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshclient.cli.checks.finding import Check
    from meshclient.cli.checks.plugins import PluginFacts
    from meshclient.cli.checks.reached import Dated, Reached
    from meshclient.cli.checks.registry import Asked
    from meshclient.config.shape import MeshConfig
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.snapshot import Snapshot

# Most services, of those that nobody names, and endpoints that one look asks for and connects to.
MOST_NAMES = 200
MOST_ENDPOINTS = 500
_AT_ONCE = 100


@dataclass(slots=True)
class Tour:
    """One look.

    Args:
        asker: what was asked for.
        wanted: whether a category is wanted; what others need is looked at all the same.
        say: told what is being looked at.
        checks: those of plugins.
        unusable: (distribution, why) of those that cannot be had.

    Attributes:
        services: that the last look was about.
    """

    asker: Asker
    wanted: Callable[[str], bool]
    say: Callable[[str], None]
    checks: Sequence[Check] = ()
    unusable: Sequence[tuple[str, str]] = ()
    services: tuple[str, ...] = ()

    async def take(self) -> list[Outcome]:
        """Everything there is to say, by categories."""
        with _quiet():
            return await self._take()

    async def _take(self) -> list[Outcome]:
        limit = self.asker.limit
        self.say("the configuration")
        facts = read_config(self.asker)
        settings = facts.loaded.config if facts.loaded is not None and facts.usable else None
        self.say("plugins")
        plugged = plugins.PluginFacts() if settings is None else plugins_of(settings)
        sights = _Sights()
        if settings is not None and any(self.wanted(each) for each in self._needing()):
            sights = await self._sights(settings, plugged)
        self.services = tuple(sights.lists)
        self.say("telemetry")
        observed = await telemetry_of(self.asker.environ, limit) if self.wanted(telemetry.CATEGORY) else None
        brought, failed = await self._brought(Known(settings, sights.lists, limit))
        plugged = plugins.PluginFacts(plugged.parts, plugged.unused, (*self.unusable, *failed))
        reason = "" if settings is not None else "the configuration cannot be used"
        return [
            *config.judge(facts),
            *plugins.judge(plugged),
            *registry.judge(sights.registry_facts(reason)),
            *sights.judged(names.judge(sights.name_facts(reason))),
            *sights.judged(endpoints.judge(sights.endpoint_facts(reason))),
            *sights.judged(tls.judge(sights.tls_facts(reason))),
            *clock.judge(sights.clock_facts(reason)),
            *(telemetry.judge(observed) if observed is not None else ()),
            *brought,
        ]

    def _needing(self) -> list[str]:
        """The categories for which registries are asked."""
        own = [each.CATEGORY for each in (registry, names, endpoints, tls, clock)]
        return own + [check.category for check in self.checks]

    async def _sights(self, settings: MeshConfig, plugged: PluginFacts) -> _Sights:
        sights = _Sights()
        limit = self.asker.limit
        named = self.asker.names or tuple(sorted(settings.services))
        own = [name for name in named if settings.service(ServiceName(name)).endpoints]
        sights.lists = {name: Ready(settings.service(ServiceName(name)).endpoints, "the configuration") for name in own}
        elsewhere = [name for name in named if name not in sights.lists]
        if settings.resolver and plugged.usable:
            if not named:
                self.say("the services of registries")
                elsewhere = (await names_at(settings.resolver, limit))[:MOST_NAMES]
                sights.foreign = bool(elsewhere)
            self.say(f"registries ({len(elsewhere)} services)")
            if elsewhere or not named:
                answers = await ask(settings.resolver, elsewhere, limit)
                sights.asked = list(answers.asked)
                sights.lists |= answers.lists
            if any(isinstance(each, Empty) and not each.exists for each in sights.lists.values()):
                sights.others = sorted({*settings.services, *await names_at(settings.resolver, limit)})
        elif settings.resolver:
            sights.reason = "a plugin that is needed cannot be used"
        elif not any(service.endpoints for service in settings.services.values()):
            sights.reason = "none is configured"
        else:
            sights.alone, sights.others = True, sorted(settings.services)
            sights.lists |= {name: Empty(name in settings.services, source="the configuration") for name in elsewhere}
        sights.lists = dict(sorted(sights.lists.items()))
        if not sights.lists:
            sights.nameless = sights.reason or "none is named; name one, or write it into the configuration"
        sights.named = [self._named(settings, name, snapshot, sights) for name, snapshot in sights.lists.items()]
        await self._reach(settings, sights)
        if self.wanted(clock.CATEGORY):
            answering = [each.source for each in sights.asked if each.answers]
            dates = await asyncio.gather(*(date_of(source, limit) for source in answering))
            sights.dates = [each for each in dates if each is not None]
        return sights

    def _named(self, settings: MeshConfig, name: str, snapshot: Snapshot, sights: _Sights) -> Named:
        omitted = [text for asked in sights.asked if name in asked.heard for text in asked.heard[name].omitted]
        stored = None
        if settings.state_dir and isinstance(snapshot, Failed) and not snapshot.endpoints:
            stored = _stored(settings.state_dir, name, [asked.source for asked in sights.asked])
        return Named(name, snapshot, tuple(omitted), stored)

    async def _reach(self, settings: MeshConfig, sights: _Sights) -> None:
        """Connect to every endpoint that calls would go to."""
        usable = {name: [e for e in s.endpoints if e.usable] for name, s in sights.lists.items()}
        sights.listed = {name: found for name, found in usable.items() if found}
        if not any(self.wanted(each.CATEGORY) for each in (endpoints, tls, clock)):
            return
        planned: list[tuple[Manner, Endpoint]] = []
        for name, found in sights.listed.items():
            service = settings.service(ServiceName(name))
            contexts = contexts_of(name, service)
            safe = service.tls is not None or any(endpoint.scheme == "https" for endpoint in found)
            state = secured(name, service, contexts) if safe else None
            sights.secured += [state] if state is not None else []
            path = "/" if service.health is None else "" if service.health.tcp else service.health.path
            if sights.foreign:
                # Nobody says that it speaks HTTP.
                path = ""
            identity = service.tls.identity if service.tls is not None else ""
            manner = Manner(name, contexts, identity or name, path, service.http2)
            unique = {(e.scheme, e.host, e.port): e for e in reversed(found)}
            unusable = state is not None and bool(state.unusable)
            planned += [(manner, e) for e in reversed(unique.values()) if not (unusable and e.scheme == "https")]
        sights.left = len(planned[MOST_ENDPOINTS:])
        sights.reached = await self._connect(planned[:MOST_ENDPOINTS])

    async def _connect(self, planned: list[tuple[Manner, Endpoint]]) -> list[Reached]:
        turns, done = asyncio.Semaphore(_AT_ONCE), 0

        async def one(manner: Manner, endpoint: Endpoint) -> Reached:
            nonlocal done
            async with turns:
                found = await reach(manner, endpoint, self.asker.limit)
            done += 1
            self.say(f"endpoints ({done} of {len(planned)})")
            return found

        self.say(f"endpoints (0 of {len(planned)})")
        return list(await asyncio.gather(*(one(*each) for each in planned)))

    async def _brought(self, known: Known) -> tuple[list[Outcome], list[tuple[str, str]]]:
        """What the checks of plugins say, and which of them failed."""
        found: list[Outcome] = []
        failed = []
        for check in self.checks:
            if not self.wanted(check.category):
                continue
            self.say(check.category)
            try:
                async with asyncio.timeout(2 * known.limit):
                    found += await check.look(known)
            except Exception as exc:  # noqa: BLE001 - a plugin's own
                failed.append((check.category, describe(exc)))
                found.append(Skipped(check.category, "what this check looks at", "it failed itself"))
        return found, failed


@dataclass(slots=True)
class _Sights:
    """What was seen of registries and endpoints."""

    asked: list[Asked] = field(default_factory=list)
    lists: dict[str, Snapshot] = field(default_factory=dict)
    named: list[Named] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    listed: dict[str, list[Endpoint]] = field(default_factory=dict)
    reached: list[Reached] = field(default_factory=list)
    secured: list[tls.Secured] = field(default_factory=list)
    dates: list[Dated] = field(default_factory=list)
    left: int = 0
    reason: str = ""
    nameless: str = ""
    alone: bool = False
    foreign: bool = False

    def judged(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """`outcomes` of services, which may be nobody's here."""
        for each in outcomes:
            yield replace(each, foreign=self.foreign) if isinstance(each, Finding) else each

    def registry_facts(self, reason: str) -> registry.RegistryFacts:
        spared = frozenset(n for n, each in self.lists.items() if not isinstance(each, Failed | Pending))
        return registry.RegistryFacts(tuple(self.asked), reason or self.reason, spared)

    def name_facts(self, reason: str) -> NameFacts:
        return NameFacts(tuple(self.named), tuple(self.others), reason or self.nameless, self.alone)

    def endpoint_facts(self, reason: str) -> endpoints.EndpointFacts:
        reason = reason or ("" if self.listed else "no endpoint is known")
        return endpoints.EndpointFacts(self.listed, tuple(self.reached), self.left, reason)

    def tls_facts(self, reason: str) -> tls.TlsFacts:
        over = tuple(e for e in self.reached if e.endpoint.scheme == "https" and e.how is not How.UNREACHED)
        reason = reason or ("" if self.listed else "no endpoint is known")
        return tls.TlsFacts(tuple(self.secured), over, time.time(), reason)

    def clock_facts(self, reason: str) -> clock.ClockFacts:
        seen = tuple(each.dated for each in self.reached if each.dated is not None)
        return clock.ClockFacts(tuple(self.dates), seen, reason)


def _stored(state_dir: str, name: str, sources: list[str]) -> Stored:
    from meshclient.discovery.state_folder import StateFolder

    why = ""
    for source in sources:
        found = StateFolder.at(state_dir).file(source, name).read()
        if found.endpoints:
            return Stored(len(found.endpoints), found.age)
        why = why or found.why
    return Stored(why=why)


@contextmanager
def _quiet() -> Iterator[None]:
    """What is logged meanwhile is what is looked for, and said in the answer."""
    logger = logging.getLogger("meshclient")
    silent = logging.NullHandler()
    logger.addHandler(silent)
    try:
        yield
    finally:
        logger.removeHandler(silent)
