"""ML6xx: rules that a service is called too rarely for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.lint.finding import Finding, Level, Rule
from meshclient.core.hedge import SAMPLES, SLICE, SLICES
from meshclient.core.outlier import RELATED
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.cli.lint.given import Given
    from meshclient.config.shape import ServiceConfig

NO_CIRCUIT = Rule("ML601", Level.WARNING, "The circuit never sees as many calls as it needs to open.")
NO_THROTTLE = Rule("ML602", Level.INFO, "The throttle never sees as many calls as it needs to refuse any.")
NO_HEDGE = Rule("ML603", Level.WARNING, "Hedging never sees as many answers as it needs to know what is late.")
NO_STREAK = Rule("ML604", Level.WARNING, "Failures at one endpoint are too far apart to be a streak.")
WIDE_FLOOR = Rule("ML605", Level.INFO, "The floor of the retry budget is what bounds retries, and not its share.")
RULES = (NO_CIRCUIT, NO_THROTTLE, NO_HEDGE, NO_STREAK, WIDE_FLOOR)

# Of the calls; a floor that lets through more than so many retries is no floor any more.
_LARGE = 0.5


def findings(config: ServiceConfig, rate: float, size: int, given: Given) -> Iterator[Finding]:
    """Of one service that a process calls `rate` times a second and that has `size` endpoints, 0 for not known."""
    circuit, throttle = config.circuit, config.throttle
    if circuit is not None and rate * circuit.window < circuit.min_calls:
        streak = "" if circuit.consecutive is None else f"; {circuit.consecutive} failures in a row still do"
        yield Finding(
            NO_CIRCUIT,
            f"the circuit never opens by its ratio{streak}",
            f"{rate:g} calls a second x {format_duration(circuit.window)} are {rate * circuit.window:.3g}, "
            f"circuit.min_calls is {circuit.min_calls}",
            f"lower circuit.min_calls below {max(1, int(rate * circuit.window))}, widen circuit.window to "
            f"{format_duration(circuit.min_calls / rate)}, or set circuit.consecutive",
            ("circuit.min_calls", "circuit.window"),
        )
    elif circuit is None and throttle is not None and rate * throttle.window < throttle.min_calls:
        yield Finding(
            NO_THROTTLE,
            "the throttle never refuses a call",
            f"{rate:g} calls a second x {format_duration(throttle.window)} are {rate * throttle.window:.3g}, "
            f"throttle.min_calls is {throttle.min_calls}",
            "nothing to do at so few calls; or lower throttle.min_calls",
            ("throttle.min_calls", "throttle.window"),
        )
    if config.hedge is not None and rate * SLICE * SLICES < SAMPLES:
        yield Finding(
            NO_HEDGE,
            "no second attempt is ever sent",
            f"{rate:g} calls a second x {SLICE * SLICES:g} s are {rate * SLICE * SLICES:.3g} answers, {SAMPLES} are "
            "needed to know which are late",
            f"write hedge = false; it begins at {SAMPLES / SLICE / SLICES:.2g} calls a second",
            ("hedge.extra",),
        )
    if config.ejection is not None and size > 1 and rate / size * RELATED < 1:
        yield Finding(
            NO_STREAK,
            f"{config.ejection.consecutive} failures in a row are never counted as such",
            f"each of {size} endpoints is called every {format_duration(size / rate)}, and failures more than "
            f"{format_duration(RELATED)} apart are not related",
            "nothing to do but to know it; health = { path = ... } finds dead endpoints without calls",
            ("ejection.consecutive",),
        )
    yield from _floor(config, rate, given)


def _floor(config: ServiceConfig, rate: float, given: Given) -> Iterator[Finding]:
    retry = config.retry
    if retry is None or retry.attempts < 2 or retry.budget_floor <= _LARGE * rate:
        return
    share = min(retry.attempts - 1.0, retry.budget + retry.budget_floor / rate)
    whole = f"; {given.clients:,} processes together {given.clients * rate * share:,.0f} a second"
    yield Finding(
        WIDE_FLOOR,
        f"an outage brings {1 + share:.3g} times the calls, and not {1 + retry.budget:.3g}",
        f"retry.budget_floor is {retry.budget_floor:g} a second from each process, which makes {rate:g} calls"
        f"{whole if given.clients else ''}",
        f"lower retry.budget_floor to {retry.budget * rate:.2g}",
        ("retry.budget_floor", "retry.budget"),
        level=Level.WARNING if given.clients > 1 else None,
    )
