"""ML5xx: rules that mean nothing, or something else, at the size that a service has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.lint.finding import Finding, Level, Rule
from meshclient.core.balance.locality import SMALLEST_SERVICE
from meshclient.core.outlier import Outlier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.config.shape import ServiceConfig

ALONE = Rule("ML501", Level.INFO, "There is one endpoint: nothing is balanced, ejected or tried elsewhere.")
HEDGE_ALONE = Rule("ML502", Level.WARNING, "Hedging needs a second endpoint.")
ROUNDED_CAP = Rule("ML503", Level.INFO, "max_ejected rounds down to none, and one is ejected all the same.")
OWN_PANIC = Rule("ML504", Level.WARNING, "Ejections alone bring about a panic, in which nobody is ejected.")
NO_SUBSET = Rule("ML505", Level.WARNING, "A subset never begins.")
WHOLE_SUBSET = Rule("ML506", Level.WARNING, "A subset is as large as the whole.")
NO_ZONE = Rule("ML507", Level.INFO, "The service is too small for zones to count.")
SAME_AGAIN = Rule("ML508", Level.INFO, "A call has more attempts than there are endpoints.")
WIDE_LIMIT = Rule("ML509", Level.WARNING, "A limit is never reached, since a smaller one comes first.")
RULES = (ALONE, HEDGE_ALONE, ROUNDED_CAP, OWN_PANIC, NO_SUBSET, WHOLE_SUBSET, NO_ZONE, SAME_AGAIN, WIDE_LIMIT)


def findings(config: ServiceConfig, size: int, zone: str) -> Iterator[Finding]:
    """Of one service that has `size` endpoints, called from `zone`."""
    if not size:
        return
    if size == 1:
        yield from _alone(config)
    else:
        yield from _ejection(config, size)
        retry = config.retry
        if retry is not None and retry.attempts > size and retry.stop is None:
            yield Finding(
                SAME_AGAIN,
                f"attempt {size + 1} of {retry.attempts} goes to an endpoint that has just failed",
                f"there are {size} endpoints",
                f"lower retry.attempts to {size}",
                ("retry.attempts",),
            )
        if zone and config.zone_aware and size < SMALLEST_SERVICE:
            yield Finding(
                NO_ZONE,
                f"calls are spread over all zones, though this process is in {zone!r}",
                f"{size} endpoints, zones count from {SMALLEST_SERVICE} on",
                f"nothing to do; the zone counts once there are {SMALLEST_SERVICE}",
                ("zone_aware",),
            )
    yield from _subset(config, size)
    yield from _limit(config, size)


def _alone(config: ServiceConfig) -> Iterator[Finding]:
    yield Finding(
        ALONE,
        f"{config.balancer} has nothing to choose from, and ejection takes out nobody",
        "there is 1 endpoint: it is never ejected, and every repeat goes to it again",
        "run a second instance",
        ("balancer", "ejection"),
    )
    if config.hedge is not None:
        yield Finding(
            HEDGE_ALONE,
            "no second attempt is ever sent",
            "a hedge goes to another endpoint, and there is 1",
            "run a second instance, or write hedge = false",
            ("hedge.extra",),
        )


def _ejection(config: ServiceConfig, size: int) -> Iterator[Finding]:
    ejection = config.ejection
    if ejection is None:
        return
    cap = Outlier(max_ejected=ejection.max_ejected).cap(size)
    if int(ejection.max_ejected * size) < 1:
        yield Finding(
            ROUNDED_CAP,
            f"1 of {size} endpoints may be ejected, {1 / size:.0%} and not {ejection.max_ejected:.0%}",
            f"{ejection.max_ejected:g} x {size} is less than one, and one may always be out",
            "nothing to do, or write ejection = false for none",
            ("ejection.max_ejected",),
        )
    left = (size - cap) / size
    if left < ejection.panic:
        yield Finding(
            OWN_PANIC,
            f"once {cap} of {size} endpoints are ejected all of them are called again",
            f"{size - cap} of {size} are {left:.0%}, ejection.panic is {ejection.panic:.0%}",
            f"lower ejection.panic to {left:.2g}, or ejection.max_ejected",
            ("ejection.max_ejected", "ejection.panic"),
        )


def _subset(config: ServiceConfig, size: int) -> Iterator[Finding]:
    subset = config.subset
    if subset is None:
        return
    if size < subset.fleet:
        yield Finding(
            NO_SUBSET,
            "all endpoints are used, and not a subset",
            f"there are {size}, subset.fleet is {subset.fleet}",
            f"lower subset.fleet to {size} at most, or write subset = false",
            ("subset.fleet",),
        )
    elif subset.size >= size:
        yield Finding(
            WHOLE_SUBSET,
            "the subset holds every endpoint",
            f"subset.size is {subset.size}, and there are {size}",
            f"lower subset.size below {size}, or write subset = false",
            ("subset.size",),
        )


def _limit(config: ServiceConfig, size: int) -> Iterator[Finding]:
    limit, each = config.limit, config.connections.per_endpoint
    if limit is None:
        return
    for key, most in (("limit.endpoint", limit.endpoint), ("connections.per_endpoint", each)):
        if most and most * size < limit.concurrency:
            yield Finding(
                WIDE_LIMIT,
                f"limit.concurrency {limit.concurrency} is never reached",
                f"{key} {most} x {size} endpoints are {most * size}",
                f"lower limit.concurrency to {most * size}, or raise {key}",
                ("limit.concurrency", key),
            )
