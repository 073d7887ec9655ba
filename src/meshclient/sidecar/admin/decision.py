"""What was decided, in words for a person: an event as one line of the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.model import events
from meshclient.model.duration import format_duration
from meshclient.model.snapshot import Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event

GOOD, NEUTRAL, BAD = "good", "neutral", "bad"
# Level, and words.
Line = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Decision:
    """One line.

    Args:
        time: of the day, RFC 3339 in UTC.
        service: whose; empty where it is nobody's.
        endpoint: the address it is about, or empty.
        kind: the event's name, as ``endpoint_ejected``.
        level: ``good``, ``neutral`` or ``bad``.
        words: without the service's name.
    """

    time: str
    service: str
    endpoint: str
    kind: str
    level: str
    words: str


def decision(event: Event, at: datetime | None = None) -> Decision | None:
    """The line of an event that happened at `at`, by default now; None for what is no change of state."""
    found = _LINES.get(type(event))
    if found is None:
        return None
    kind, line = found
    level, words = line(event)
    endpoint: Endpoint | None = getattr(event, "endpoint", None)
    address = "" if endpoint is None else endpoint.authority
    return Decision(timestamp(at), getattr(event, "service", ""), address, kind, level, words)


def timestamp(at: datetime | None = None) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ejected(event: events.EndpointEjected) -> Line:
    after = f" after {_many(event.failures, 'failure')}" if event.failures else " by hand"
    return BAD, f"ejected {event.endpoint.authority}{after}, probe in {format_duration(event.duration)}"


def _restored(event: events.EndpointRestored) -> Line:
    return GOOD, f"{event.endpoint.authority} is back in rotation"


def _health(event: events.HealthChanged) -> Line:
    checks = _many(event.checks, "check")
    if event.passing:
        return GOOD, f"{event.endpoint.authority} is healthy again: it passed {checks}"
    return BAD, f"took out {event.endpoint.authority}, which failed {checks}: {event.detail}"


def _circuit(event: events.CircuitChanged) -> Line:
    return GOOD if event.after == "closed" else BAD, f"circuit {event.before} to {event.after}: {event.reason}"


def _panic(event: events.PanicChanged) -> Line:
    if event.active:
        return BAD, f"only {event.usable} of {event.total} endpoints are usable, so all are used"
    return GOOD, f"{event.usable} of {event.total} endpoints are usable again, and only those are used"


def _listed(event: events.SnapshotUpdated) -> Line:
    if isinstance(event.snapshot, Ready):
        return NEUTRAL, f"{event.snapshot.source} lists {_many(len(event.snapshot.endpoints), 'endpoint')}"
    return BAD, f"{event.snapshot.source} lists no endpoint"


def _lost(event: events.RegistryLost) -> Line:
    last = event.snapshot.last
    kept = f"its last list of {len(last.endpoints)} serves on" if last else "no list is known"
    return BAD, f"{event.snapshot.source} does not answer, {kept}: {event.snapshot.cause}"


def _recovered(event: events.RegistryRecovered) -> Line:
    return GOOD, f"{event.source} answers again after {format_duration(event.outage)}"


def _empty(event: events.EmptyListHeld) -> Line:
    return BAD, f"{event.source} lists no endpoint; the {event.endpoints} known before are kept while one answers"


def _held(event: events.MassRemovalHeld) -> Line:
    return (
        BAD,
        f"{event.source} dropped {event.removed} of {event.kept} endpoints at once; they are used on for a while",
    )


def _released(event: events.MassRemovalReleased) -> Line:
    return NEUTRAL, f"of what {event.source} had dropped at once, {event.removed} are gone, {event.returned} are back"


def _stored(event: events.StoredListServed) -> Line:
    return BAD, f"{_many(event.endpoints, 'endpoint')} from disk, last confirmed {format_duration(event.age)} ago"


def _canary(event: events.CanaryTripped) -> Line:
    return BAD, f"variant {event.variant} is worse by its {event.why} and gets no more traffic"


def _shadow(event: events.ShadowDecision) -> Line:
    return NEUTRAL, f"{event.policy} in shadow mode would have {event.would}"


def _store(event: events.StoreChanged) -> Line:
    if event.trouble:
        return BAD, f"circuits are not shared through {event.source}: {event.trouble}"
    return GOOD, f"circuits are shared through {event.source} again"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


_LINES: Mapping[type, tuple[str, Callable[..., Line]]] = MappingProxyType(
    {
        events.EndpointEjected: ("endpoint_ejected", _ejected),
        events.EndpointRestored: ("endpoint_restored", _restored),
        events.HealthChanged: ("health_changed", _health),
        events.CircuitChanged: ("circuit_changed", _circuit),
        events.PanicChanged: ("panic_changed", _panic),
        events.SnapshotUpdated: ("snapshot_updated", _listed),
        events.RegistryLost: ("registry_lost", _lost),
        events.RegistryRecovered: ("registry_recovered", _recovered),
        events.EmptyListHeld: ("empty_list_held", _empty),
        events.MassRemovalHeld: ("mass_removal_held", _held),
        events.MassRemovalReleased: ("mass_removal_released", _released),
        events.StoredListServed: ("stored_list_served", _stored),
        events.CanaryTripped: ("canary_tripped", _canary),
        events.ShadowDecision: ("shadow_decision", _shadow),
        events.StoreChanged: ("store_changed", _store),
    }
)
