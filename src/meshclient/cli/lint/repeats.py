"""ML2xx: whether retries, hedges and circuits can do what they are configured for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.lint.finding import Finding, Level, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.config.policy_shape import CircuitConfig, HedgeConfig
    from meshclient.config.shape import ServiceConfig

NO_BUDGET = Rule("ML201", Level.WARNING, "Retries have no budget to spend.")
NO_EXTRA = Rule("ML202", Level.WARNING, "Hedging may send nothing.")
BROKE_HEDGE = Rule("ML203", Level.WARNING, "Hedges have no budget to spend.")
MANY_LATE = Rule("ML204", Level.WARNING, "More calls are late than may be hedged.")
GREEDY_HEDGE = Rule("ML205", Level.WARNING, "Hedges may spend all that retries need.")
VOID_STREAK = Rule("ML206", Level.WARNING, "The circuit's ratio always opens it before its streak does.")
RULES = (NO_BUDGET, NO_EXTRA, BROKE_HEDGE, MANY_LATE, GREEDY_HEDGE, VOID_STREAK)


def findings(config: ServiceConfig) -> Iterator[Finding]:
    """Of one service."""
    retry = config.retry
    broke = retry is not None and not retry.budget and not retry.budget_floor
    if retry is not None and retry.attempts > 1 and broke:
        yield Finding(
            NO_BUDGET,
            f"retry.attempts is {retry.attempts}, and nothing is ever repeated",
            "retry.budget and retry.budget_floor are 0: every repeat is refused",
            "raise retry.budget, such as to 0.2, or write retry = false",
            ("retry.attempts", "retry.budget", "retry.budget_floor"),
        )
    if config.hedge is not None:
        yield from _hedge(config, config.hedge, broke=broke)
    if config.circuit is not None:
        yield from _circuit(config.circuit)


def _hedge(config: ServiceConfig, hedge: HedgeConfig, *, broke: bool) -> Iterator[Finding]:
    if not hedge.extra:
        yield Finding(
            NO_EXTRA,
            "no second attempt is ever sent",
            "hedge.extra is 0: the budget of hedges is empty",
            "raise hedge.extra, such as to 0.02, or write hedge = false",
            ("hedge.extra",),
        )
        return
    if broke:
        yield Finding(
            BROKE_HEDGE,
            "no second attempt is ever sent",
            "hedges spend the budget of retries as well, and retry.budget and retry.budget_floor are 0",
            "raise retry.budget to at least hedge.extra, or write hedge = false",
            ("hedge.extra", "retry.budget", "retry.budget_floor"),
        )
    late = 0.0 if hedge.quantile is None else 1 - hedge.quantile
    if late > hedge.extra * 1.001:
        yield Finding(
            MANY_LATE,
            f"only one in {late / hedge.extra:.3g} of the calls that are late is hedged",
            f"hedge.quantile {hedge.quantile:g} makes {late:.3g} of all calls late, hedge.extra lets "
            f"{hedge.extra:g} of them have a second attempt",
            f"leave hedge.quantile out (it is then {1 - hedge.extra:g}), or raise hedge.extra to {late:.3g}",
            ("hedge.quantile", "hedge.extra"),
        )
    retry = config.retry
    if retry is not None and not broke and hedge.extra > retry.budget:
        yield Finding(
            GREEDY_HEDGE,
            "hedges may take all of the budget, and leave retries none",
            f"hedge.extra is {hedge.extra:g} and retry.budget {retry.budget:g} of the calls, and both spend that",
            "lower hedge.extra to a tenth of retry.budget, or raise retry.budget",
            ("hedge.extra", "retry.budget"),
        )


def _circuit(circuit: CircuitConfig) -> Iterator[Finding]:
    streak = circuit.consecutive
    if streak is not None and circuit.ratio and streak >= circuit.min_calls:
        yield Finding(
            VOID_STREAK,
            f"circuit.consecutive = {streak} never opens the circuit within {circuit.window:g} s",
            f"{streak} failures in a row are at least circuit.min_calls = {circuit.min_calls} calls, all failed: "
            f"circuit.ratio {circuit.ratio:g} has opened it by then",
            f"lower circuit.consecutive below {circuit.min_calls}, or leave it out",
            ("circuit.consecutive", "circuit.min_calls", "circuit.ratio"),
        )
