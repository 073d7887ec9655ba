"""Whether a server lists instances that it should have dropped.

When too many heartbeats are missing at once, a Eureka server preserves itself: it assumes that the network is at fault
and drops nobody, so that its list holds instances that are gone. No answer says so, but every record tells when its
lease was last renewed, and for how long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient_eureka.payload import number, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient_eureka.applications import Instance

# Seconds. A renewal does not reach the answers' cache until it expires (180, and 30 for the read-only copy of it), the
# eviction runs once in 60, and drops 15 % of the registry at most in one run.
SLACK = 300.0


def overdue(instances: Iterable[Instance], now: float) -> tuple[str, ...]:
    """The ids of those whose lease ended more than `SLACK` seconds before `now`, seconds of the server's clock.

    Eureka dates a renewal by the end of the lease it gives (Lease.renew; Lease.isExpired calls that a bug that stays),
    so that an instance lives on for twice the duration after its last renewal, and once after its registration.
    """
    late: list[str] = []
    for instance in instances:
        try:
            lease = table(instance.record.get("leaseInfo"), "leaseInfo")
            renewed = number(lease.get("lastRenewalTimestamp"), "lastRenewalTimestamp") / 1000
            duration = number(lease.get("durationInSecs"), "durationInSecs")
        except PayloadError:
            continue
        if renewed > 0 and now > renewed + duration + SLACK:
            late.append(instance.id)
    return tuple(late)
