"""From a snapshot to an endpoint, or to the reason why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.commands import Wait
from meshclient.errors import DeadlineExceeded, NoEndpoints, Overloaded, ResolverUnavailable, ServiceNotFound
from meshclient.model.duration import format_duration
from meshclient.model.snapshot import Empty, Failed

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshclient.core.balance.node import Key
    from meshclient.core.balance.pick import Pick
    from meshclient.core.call import Call, Service
    from meshclient.core.commands import Command, Signal
    from meshclient.model.snapshot import Snapshot

# Seconds after which a call that found every endpoint full may be worth another try.
SOON = 1.0


def next_pick(call: Call, service: Service, tried: list[Key]) -> Generator[Command, Signal | None, Pick]:
    """An endpoint for the next attempt, waiting for a list as long as the call has time.

    Raises ServiceNotFound, NoEndpoints, ResolverUnavailable or DeadlineExceeded.
    """
    while (pick := pick_from(call, service, snapshot := service.snapshot, tried)) is None:
        # Pending, or an outage before the first answer: both may end while there is time.
        yield Wait(call.deadline.remaining(service.clock()), stale=snapshot)
    return pick


def pick_from(call: Call, service: Service, snapshot: Snapshot, tried: list[Key]) -> Pick | None:
    """An endpoint, or None while nobody can tell and there is time to wait."""
    now = service.clock()
    answer = snapshot.last if isinstance(snapshot, Failed) else snapshot
    if snapshot.endpoints and not (isinstance(answer, Empty) and service.balancer.silent):
        if call.deadline.expired(now):
            # Sent now it could only fail, and would count against an endpoint that had no time to answer.
            raise DeadlineExceeded(f"no time is left for attempt {len(tried) + 1} at {service.name!r}")
        stuck = None if call.stuck is None else call.stuck()
        if pick := service.balancer.pick(now, tried, repeatable=call.idempotent, key=call.key, stuck=stuck):
            return pick
        if not service.balancer.room:
            # To wait for one is what the service's own limit and its queue are for.
            raise Overloaded(f"every endpoint of {service.name!r} has as many attempts in flight as it may", SOON)
        raise NoEndpoints(f"every endpoint of {service.name!r} is draining, says {snapshot.source}")
    if isinstance(answer, Empty):
        raise _nothing_there(service, answer)
    if call.deadline.expired(now):
        raise _no_answer(service, snapshot, now - call.started, now)
    return None


def _nothing_there(service: Service, answer: Empty) -> NoEndpoints | ServiceNotFound:
    if answer.endpoints:
        return NoEndpoints(
            f"{answer.source} lists no endpoint of {service.name!r} any more, and none of the "
            f"{len(answer.endpoints)} it listed before answers"
        )
    if not answer.exists:
        return ServiceNotFound(f"{answer.source} knows no service {service.name!r}")
    return NoEndpoints(f"{answer.source} lists no usable endpoint of {service.name!r}")


def _no_answer(service: Service, snapshot: Snapshot, waited: float, now: float) -> ResolverUnavailable:
    since = f"for {format_duration(now - snapshot.at)}"
    if isinstance(snapshot, Failed):
        what = f"{snapshot.source} has been unavailable {since}: {snapshot.cause}"
    else:
        what = f"{snapshot.source} has been asked {since} and has not answered"
    return ResolverUnavailable(f"cannot resolve {service.name!r}: {what} (the call waited {format_duration(waited)})")
