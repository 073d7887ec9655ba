"""The variants of one service as they run, and where each call goes among them.

A variant is another service, or a part of this one with a `MeshService` of its own (`meshclient.mesh.subset`), made
when it is first needed. Both come through the mesh, which is handed in with each call: a service that held its mesh
would keep alive one that nobody closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from meshclient.core.traffic.canary import Guard
from meshclient.core.traffic.mirror import Mirror
from meshclient.core.traffic.plan import Plan
from meshclient.core.traffic.split import Split
from meshclient.core.traffic.sticky import Sticky
from meshclient.core.traffic.subset import Rest
from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.mesh.subset import SubsetWatch
from meshclient.model.outcome import Mark
from meshclient.model.snapshot import Empty, Failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.config.traffic_shape import TrafficConfig
    from meshclient.core.traffic.head import Head
    from meshclient.core.traffic.plan import Choice
    from meshclient.core.traffic.subset import Selector
    from meshclient.discovery.runtime.background import Changed
    from meshclient.mesh.service import MeshService, Watch
    from meshclient.model.events import CanaryTripped, Event
    from meshclient.model.report import CallReport

    OpenWatch = Callable[[Changed, Changed, Callable[[Event], None]], Watch]

# What the guard is called where policies are put into shadow mode.
GUARD = "guard"


class Services(Protocol):
    """What a mesh does for variants."""

    def service(self, name: str) -> MeshService:
        """The running state of the service called `name`."""
        ...

    def part(self, service: MeshService, label: str, open_watch: OpenWatch) -> MeshService:
        """The running state of a part of `service`, configured like it.

        Args:
            service: the whole.
            label: the variant; empty for the rest.
            open_watch: begins to watch its list.
        """
        ...


@dataclass(frozen=True, slots=True)
class Course:
    """Where one call goes.

    Args:
        choice: what was decided.
        target: the service or subset that is called.
    """

    choice: Choice
    target: MeshService


class Branches:
    """What became of one service's traffic policy.

    Args:
        service: whose calls are steered.
        config: the policy.
        tell: told when the guard trips, beside the log.

    Attributes:
        guard: over a variant, or None.
        mirror: the budget of copies, or None.
    """

    def __init__(
        self, service: MeshService, config: TrafficConfig, tell: Callable[[CanaryTripped], None] | None = None
    ) -> None:
        self._service = service
        self._config = config
        self._tell = tell
        self._lock = fork_safe_lock()
        self._parts: dict[str, MeshService] = {}
        name = service.name
        guard, mirror = config.guard, config.mirror
        self.guard = (
            Guard(
                name,
                guard.variant,
                alpha=guard.alpha,
                tolerance=guard.tolerance,
                latency=guard.latency,
                lock=fork_safe_lock(),
            )
            if guard
            else None
        )
        self.mirror = Mirror(mirror.share, mirror.limit, fork_safe_lock()) if mirror else None
        split = Split(name, config.split) if config.split else None
        sticky = Sticky(config.sticky.source, config.sticky.name) if config.sticky else Sticky()
        self._plan = Plan(config.routes, split, sticky, self.guard, enforced=GUARD not in service.shadow)
        self._subsets: dict[str, Selector] = {
            label: variant.subset for label, variant in config.variants.items() if not variant.service
        }
        self._rest = Rest(tuple(self._subsets.values()))

    def choose(self, services: Services, head: Head, key: str | None = None) -> Course:
        """Where a call goes; a variant of the split that is known to have no endpoint is passed over.

        Args:
            services: the mesh.
            head: of the request.
            key: the call's own, for a split that is not sticky by a header or cookie.
        """
        chance = self._service.uniform()
        absent: tuple[str, ...] = ()
        while True:
            choice = self._plan.choose(head, key, chance, absent)
            target = self.target(services, choice.variant)
            if choice.variant in absent or not _nobody(target):
                return Course(choice, target)
            absent = (*absent, choice.variant)

    @property
    def parts(self) -> tuple[MeshService, ...]:
        """Those that have been called."""
        return tuple(self._parts.values())

    def target(self, services: Services, name: str) -> MeshService:
        """The running state behind a variant, or behind a service where no variant is called so."""
        variant = self._config.variants.get(name)
        if variant is not None and variant.service:
            return services.service(variant.service)
        if name in self._subsets:
            return self._part(services, name, self._subsets[name])
        return self._part(services, "", self._rest) if self._subsets else self._service

    def shadow(self, services: Services) -> MeshService:
        """Where copies go; of a policy that has a mirror."""
        assert self._config.mirror is not None  # noqa: S101 - asked for where `mirror` is there
        to = self._config.mirror.to
        return self.target(services, to) if to in self._config.variants else services.service(to)

    def ended(self, course: Course, report: CallReport | None) -> None:
        """A call is over, with or without a response; what its first attempt tells of the guarded variant."""
        if report is None or not report.attempts:
            return
        first = report.attempts[0]
        mark = first.outcome.verdict.mark
        if mark is Mark.NEUTRAL:
            return
        tripped = self._plan.ended(course.choice, failed=mark is Mark.FAILURE, latency=first.duration)
        if tripped is None:
            return
        if GUARD in self._service.shadow:
            self._service.shadow.would(GUARD, str(tripped))
            return
        if self._tell is not None:
            self._tell(tripped)

    def _part(self, services: Services, name: str, selector: Selector) -> MeshService:
        part = self._parts.get(name)
        if part is None:
            made = services.part(self._service, name, partial(_open, self._service.watch, selector))
            with self._lock:
                part = self._parts.setdefault(name, made)
        return part


def _open(whole: Watch, selector: Selector, changed: Changed, *_: object) -> SubsetWatch:
    # What happens to the whole list is told of the service already.
    return SubsetWatch(whole, selector, changed)


def _nobody(target: MeshService) -> bool:
    """Whether a call could only fail with `NoEndpoints`; a list that is kept counts while somebody on it answers."""
    snapshot = target.snapshot
    answer = snapshot.last if isinstance(snapshot, Failed) else snapshot
    return isinstance(answer, Empty) and (not answer.endpoints or target.balancer.silent)
