"""Services that are asked for once, without what calls need of a mesh: that is most of what there is to import.

What is asked, and how its answers are read, is what a mesh on demand asks: the same watch on the same configuration.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.cli.listing import named
from meshclient.discovery.runtime.on_demand import OnDemandWatch
from meshclient.discovery.schemes import open_resolver
from meshclient.discovery.static import StaticResolver
from meshclient.discovery.upkeep import NO_UPKEEP, Upkeep
from meshclient.model.duration import format_duration
from meshclient.model.snapshot import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.config.shape import MeshConfig
    from meshclient.discovery.confluence import Confluence
    from meshclient.discovery.resolver import Resolver
    from meshclient.discovery.state_folder import StateFolder
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Ready, Snapshot

# Services asked for at once; a registry is asked as gently as by a process that calls many.
_AT_ONCE = 16
# Seconds between two looks at whether there is something to say meanwhile.
_TELLING = 0.25


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered of a service.

    Args:
        service: its name.
        snapshot: the answer.
        course: the same with its past.
        now: seconds on the clock of the snapshot, when it was taken.
        took: seconds to the answer.
        late: why there is none yet, or nothing.
    """

    service: str
    snapshot: Snapshot
    course: Confluence
    now: float
    took: float
    late: str = ""


class Inquiry:
    """Asks for services.

    Args:
        config: the configuration.
        resolver: asked in place of the configured one, and of endpoints that the configuration lists.
        quiet: whether nothing is said of a registry that takes its time.

    Raises ConfigError and PluginError for a resolver or a balancer that cannot be used.
    """

    def __init__(self, config: MeshConfig, resolver: str = "", *, quiet: bool = False) -> None:
        self.config = config
        self._quiet = quiet
        text = resolver or config.resolver
        self._given = bool(resolver)
        self._resolver: Resolver | None = open_resolver(text) if text else None
        self._folder = _folder(config.state_dir)
        _rehearse(config)

    @property
    def source(self) -> str:
        """Who is asked, without secrets."""
        return self._resolver.source if self._resolver is not None else "configuration"

    def ask(self, names: Sequence[str], timeout: float) -> list[Reply]:
        """The answers for `names` in their order, none later than `timeout` seconds after its question.

        Raises ConfigError for what is no name, and the complaint where nobody can be asked, before anybody is.
        """
        services = [named(self.config, name, resolved=self._resolver is not None) for name in names]
        return asyncio.run(self._ask_all(services, timeout))

    async def _ask_all(self, services: Sequence[ServiceName], timeout: float) -> list[Reply]:
        free = asyncio.Semaphore(_AT_ONCE)

        async def one(service: ServiceName) -> Reply:
            async with free:
                return await self._ask(service, timeout)

        asked = [asyncio.create_task(one(service)) for service in services]
        await self._tell(asked)
        return await asyncio.gather(*asked)

    async def _tell(self, asked: Sequence[asyncio.Task[Reply]]) -> None:
        """Until all have been answered, say to whoever sits there what takes so long."""
        if self._quiet or not sys.stderr.isatty():
            return
        from meshclient.cli.progress import Progress

        with Progress() as progress:
            while left := sum(not each.done() for each in asked):
                await asyncio.wait(asked, timeout=_TELLING)
                count = f" for {left} of {len(asked)} services" if len(asked) > 1 else ""
                progress.tell(lambda count=count: f"waiting for {self.source}{count}")  # type: ignore[misc]

    async def _ask(self, service: ServiceName, timeout: float) -> Reply:
        watch = self._watch(service)
        began = time.monotonic()
        end = began + timeout
        while (snapshot := watch.snapshot).state == "pending":
            if not await watch.wait_async(snapshot, max(0.0, end - time.monotonic())):
                break
        now = time.monotonic()
        late = _waited_for(watch, timeout) if snapshot.state == "pending" else ""
        course = watch.course
        await watch.aclose()
        return Reply(service.value, snapshot, course, now, now - began, late)

    def _watch(self, service: ServiceName) -> OnDemandWatch:
        endpoints = () if self._given else self.config.service(service).endpoints
        resolver, upkeep = self._resolver, NO_UPKEEP
        if endpoints or resolver is None:
            resolver = StaticResolver.of({service.value: endpoints}, source="configuration")
        else:
            upkeep = Upkeep(hold=self.config.discovery.hold, folder=self._folder)
        return OnDemandWatch(resolver, service, _unheard, time.monotonic, random, announce=_unheard, upkeep=upkeep)


def _folder(path: str) -> StateFolder | None:
    if not path:
        return None
    from meshclient.discovery.state_folder import StateFolder

    return StateFolder.at(path)


def _rehearse(config: MeshConfig) -> None:
    """A balancer that does not exist is told here as well, although nothing is balanced."""
    for balancer in sorted({each.balancer for each in (config.defaults, *config.services.values())} - {"p2c"}):
        from meshclient.mesh.balancers import find_balancer

        find_balancer(balancer)


def _waited_for(watch: OnDemandWatch, timeout: float) -> str:
    """Who has said nothing, and who cannot tell."""
    told = [f"{source}: {answer.cause}" for source, answer in watch.heard if isinstance(answer, Failed)]
    silent = " and ".join(source for source, answer in watch.heard if answer is None)
    return "; ".join([f"waited {format_duration(timeout)} for {silent}, which did not answer", *told])


def _unheard(_before: Snapshot, _after: Ready | Empty | Failed) -> None:
    """Nobody else follows this list."""
