"""Category ``names``: whether each service is known, and has endpoints that may be called."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshclient.cli.checks.finding import Kind, Level, Outcome, Passed, Skipped
from meshclient.cli.checks.wording import listed, plural
from meshclient.model.duration import format_duration
from meshclient.model.snapshot import Empty, Failed, Pending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.model.snapshot import Snapshot

CATEGORY = "names"


def _kind(number: int, level: Level, meaning: str, why: str, fix: str) -> Kind:
    return Kind(f"MC{number}", CATEGORY, level, meaning, why, fix)


UNKNOWN = _kind(
    401,
    Level.ERROR,
    "no registry knows the service",
    "calls fail at once with ServiceNotFound",
    "check the spelling, in which registry, namespace or datacenter it is listed, and that the token may see it",
)
EMPTY = _kind(
    402,
    Level.ERROR,
    "the service is known and has no endpoint",
    "calls fail at once with NoEndpoints",
    "start an instance; where some run, see why they are not registered or do not pass their health checks",
)
UNUSABLE = _kind(
    403,
    Level.ERROR,
    "every endpoint of the service is critical or draining",
    "calls fail at once with NoEndpoints",
    "see why its instances do not pass their health checks, or start one",
)
OMITTED = _kind(
    404,
    Level.WARNING,
    "records of the service are no endpoints and are left out",
    "those instances get no calls, and the others get theirs",
    "have the instance registered again with a port from 1 to 65535 and an address that is one",
)
NO_STORED_LIST = _kind(
    405,
    Level.WARNING,
    "the registry fails and there is no usable list in state_dir",
    "a process that starts now has no endpoint of the service until the registry answers",
    "bring the registry back; the list is written by processes that run while it answers",
)
STORED_LIST = _kind(
    406,
    Level.INFO,
    "the registry fails and the list in state_dir stands in",
    "a process that starts now calls the endpoints of that list",
    "bring the registry back",
)
KINDS = (UNKNOWN, EMPTY, UNUSABLE, OMITTED, NO_STORED_LIST, STORED_LIST)

_WRITE = 'write endpoints = ["http://host:port"] for it into the configuration, or name a resolver that lists it'


@dataclass(frozen=True, slots=True)
class Stored:
    """What is in state_dir for a service.

    Args:
        endpoints: how many.
        age: seconds.
        why: nothing can be used; empty where there is no file, or it can.
    """

    endpoints: int = 0
    age: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """One service.

    Args:
        name: its name.
        snapshot: what all registries together say of it.
        omitted: records that are no endpoints, in words.
        stored: what is on disk, or None where it was not looked at.
    """

    name: str
    snapshot: Snapshot
    omitted: tuple[str, ...] = ()
    stored: Stored | None = None


@dataclass(frozen=True, slots=True)
class NameFacts:
    """The services.

    Args:
        services: each that was asked for.
        others: names that exist, for suggestions.
        reason: why none was asked for.
        alone: whether the configuration is all that tells of services.
    """

    services: tuple[Named, ...] = ()
    others: tuple[str, ...] = ()
    reason: str = ""
    alone: bool = False


def judge(facts: NameFacts) -> Iterator[Outcome]:
    """What there is to say of names."""
    if facts.reason:
        yield Skipped(CATEGORY, "services", facts.reason)
    ready = []
    for service in facts.services:
        if any(endpoint.usable for endpoint in service.snapshot.endpoints):
            ready.append(service)
        else:
            others = [name for name in facts.others if name != service.name]
            yield _lacking(service, others, _WRITE if facts.alone else "")
        if service.omitted:
            what = f"{service.name}: {plural(len(service.omitted), 'record')} left out: {service.omitted[0]}"
            yield OMITTED.found(what, subject=service.name)
        if service.stored is not None:
            yield _stored(service.name, service.stored)
    if ready:
        counts = [f"{each.name} ({sum(e.usable for e in each.snapshot.endpoints)})" for each in ready]
        yield Passed(CATEGORY, f"usable endpoints are known of {listed(counts, 5)}")


def _lacking(service: Named, others: list[str], fix: str) -> Outcome:
    """`fix` where more is known of what to do than of every such case."""
    name, snapshot = service.name, service.snapshot
    if isinstance(snapshot, Failed | Pending):
        return Skipped(CATEGORY, f"what is known of {name}", "its registry gives no answer")
    if isinstance(snapshot, Empty) and not snapshot.exists:
        close = get_close_matches(name, others, 1)
        fix = f"did you mean {close[0]!r}? {fix or UNKNOWN.fix}" if close else fix
        return UNKNOWN.found(f"{snapshot.source} knows no service {name!r}", subject=name, fix=fix)
    if isinstance(snapshot, Empty):
        return EMPTY.found(f"{snapshot.source} knows {name!r} and lists no endpoint to call", subject=name, fix=fix)
    what = f"all {plural(len(snapshot.endpoints), 'endpoint')} of {name!r} are critical or draining"
    return UNUSABLE.found(what, subject=name)


def _stored(name: str, stored: Stored) -> Outcome:
    if stored.endpoints:
        age = format_duration(stored.age)
        return STORED_LIST.found(
            f"{name}: {plural(stored.endpoints, 'endpoint')} on disk, confirmed {age} ago", subject=name
        )
    return NO_STORED_LIST.found(f"{name}: {stored.why or 'no list is on disk'}", subject=name)
