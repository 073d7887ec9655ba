"""What observers are told: one frozen class for each thing that can happen to a service.

Every event names the service and carries plain data only, so that a handler needs no lock and can keep it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.outcome import Outcome
    from meshclient.model.snapshot import Empty, Failed, Ready


@dataclass(frozen=True, slots=True)
class SnapshotUpdated:
    """A registry's answer changed: endpoints came, went or changed their attributes."""

    service: str
    snapshot: Ready | Empty


@dataclass(frozen=True, slots=True)
class RegistryLost:
    """A registry stopped answering; calls go on with `snapshot.last` if there is one."""

    service: str
    snapshot: Failed


@dataclass(frozen=True, slots=True)
class RegistryRecovered:
    """A registry answers again after `outage` seconds."""

    service: str
    source: str
    outage: float


@dataclass(frozen=True, slots=True)
class EmptyListHeld:
    """A registry said "no endpoints", and the list before is kept while one of its endpoints still answers."""

    service: str
    source: str
    endpoints: int


@dataclass(frozen=True, slots=True)
class MassRemovalHeld:
    """A registry dropped most of a list at once, and what it dropped is used on for a while.

    Ends with `MassRemovalReleased`, or with `EmptyListHeld` where the registry then drops the rest as well.

    Args:
        service: whose list it is.
        source: the registry.
        kept: how many endpoints calls go on to, the removed ones among them.
        removed: how many of those the registry lists no more.
        until: seconds on the runtime's monotonic clock after which the registry is believed if it still says so; an
            outage meanwhile puts it off by as long.
    """

    service: str
    source: str
    kept: int
    removed: int
    until: float


@dataclass(frozen=True, slots=True)
class MassRemovalReleased:
    """A mass removal is held no more: `removed` endpoints are gone by now, `returned` are listed again."""

    service: str
    source: str
    removed: int
    returned: int


@dataclass(frozen=True, slots=True)
class StoredListServed:
    """No registry answered, so `endpoints` were read from disk; the list was last confirmed `age` seconds ago."""

    service: str
    source: str
    endpoints: int
    age: float


@dataclass(frozen=True, slots=True)
class MigrationDiffers:
    """Of two registries between which a service moves, each lists endpoints that the other does not."""

    service: str
    only_in_a: tuple[Endpoint, ...]
    only_in_b: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class MigrationAgrees:
    """Two registries between which a service moves list the same `endpoints` addresses."""

    service: str
    endpoints: int


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """One attempt ended after `duration` seconds (to the response head)."""

    service: str
    endpoint: Endpoint
    number: int
    outcome: Outcome
    duration: float


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """Another attempt follows after `delay` seconds."""

    service: str
    number: int
    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class RetryRefused:
    """A failed attempt was not repeated, and why."""

    service: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class HedgeStarted:
    """Attempt `number` was sent beside one that has been under way for `delay` seconds."""

    service: str
    number: int
    endpoint: Endpoint
    delay: float


@dataclass(frozen=True, slots=True)
class CallRejected:
    """A call was refused before anything was sent.

    Args:
        service: what was called.
        policy: which policy refused it: ``circuit_open`` or ``overloaded``.
        reason: in words.
    """

    service: str
    policy: str
    reason: str


@dataclass(frozen=True, slots=True)
class ShadowDecision:
    """What a policy in shadow mode would have done.

    Args:
        service: whose policy it is.
        policy: ``ejection``, ``retry``, ``hedge``, ``circuit`` or ``limit``.
        would: what it would have done, in words.
        endpoint: to which endpoint, if to one.
    """

    service: str
    policy: str
    would: str
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class CircuitChanged:
    """A service's circuit changed, and why.

    Args:
        service: whose circuit.
        before: ``closed``, ``open``, ``half-open`` or ``isolated``.
        after: likewise.
        reason: words for a person.
    """

    service: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """A store cannot keep circuits in step any more, and why, or can again where `trouble` is empty.

    While it cannot, each process goes by its own circuits as it would without a store.

    Args:
        source: the store, as a URI without secrets.
        trouble: words for a person.
    """

    source: str
    trouble: str


@dataclass(frozen=True, slots=True)
class EndpointEjected:
    """An endpoint is out of rotation for `duration` seconds after `failures` failures in a row, or a failed probe."""

    service: str
    endpoint: Endpoint
    failures: int
    duration: float


@dataclass(frozen=True, slots=True)
class EndpointRestored:
    """An ejected endpoint's probe succeeded: it is in rotation again."""

    service: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """Active health checks took an endpoint out of rotation (`passing` is False), or let it back in.

    Args:
        service: whose endpoint it is.
        endpoint: which.
        passing: what holds from now on.
        checks: how many in a row said so.
        detail: how the latest failed, in words; empty where it passed.
    """

    service: str
    endpoint: Endpoint
    passing: bool
    checks: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PanicChanged:
    """The balancer fails open (`active`), or stopped doing so: `usable` of `total` endpoints are in rotation."""

    service: str
    active: bool
    usable: int
    total: int


@dataclass(frozen=True, slots=True)
class CanaryTripped:
    """A variant was worse than the rest of its service, and gets no more of the split.

    Args:
        service: whose traffic it is.
        variant: which one.
        why: ``failures`` or ``latency``.
        evidence: the odds against the variant being no worse; at least ``1 / alpha``.
        calls: of the variant that were compared.
        failures: of those.
        other_calls: of the rest.
        other_failures: of those.
    """

    service: str
    variant: str
    why: str
    evidence: float
    calls: int
    failures: int
    other_calls: int
    other_failures: int

    def __str__(self) -> str:
        return (
            f"{self.service}: {self.variant} is worse than the rest by its {self.why}, and gets no more traffic: "
            f"{self.failures} of its {self.calls} calls failed, {self.other_failures} of {self.other_calls} elsewhere "
            f"(odds of {self.evidence:.0f} to 1)"
        )


Event = (
    SnapshotUpdated
    | RegistryLost
    | RegistryRecovered
    | EmptyListHeld
    | MassRemovalHeld
    | MassRemovalReleased
    | StoredListServed
    | MigrationDiffers
    | MigrationAgrees
    | AttemptFinished
    | RetryScheduled
    | RetryRefused
    | HedgeStarted
    | CallRejected
    | ShadowDecision
    | CircuitChanged
    | CanaryTripped
    | StoreChanged
    | EndpointEjected
    | EndpointRestored
    | HealthChanged
    | PanicChanged
)

if TYPE_CHECKING:
    Observer = Callable[[Event], None]
