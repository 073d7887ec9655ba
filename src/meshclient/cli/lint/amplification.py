"""ML3xx: what one call from outside may become along a graph of calls.

Without budgets the worst case is the product of all attempts (three layers of three: 27). A budget of 20 % bounds what
a layer adds over time to a fifth, so that three layers come to 1.2 ** 3, and in an outage, where repeats do not help
and cost ten times as much, to 1.02 ** 3 (`meshclient.core.retry_budget`). A single call may still be unlucky: what it
then comes to where every service hands on that it serves a repeat (`meshclient.integrations`) is one attempt more for
each that a layer may repeat, added up instead of multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from meshclient.cli.lint.finding import Finding, Level, Rule
from meshclient.core.retry_budget import DEAREST, RetryBudget
from meshclient.model.duration import format_duration
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meshclient.cli.lint.given import Given
    from meshclient.config.shape import MeshConfig, ServiceConfig

AMPLIFIED = Rule("ML301", Level.INFO, "What one call from outside may become at a service.")
CIRCLE = Rule("ML302", Level.ERROR, "Services call each other in a circle.")
OUTLIVED = Rule("ML303", Level.INFO, "An inner call may go on after its caller gave up.")
RULES = (AMPLIFIED, CIRCLE, OUTLIVED)

# Load that a service has to bear beside its own from which on it is worth a word, and from which on it falls.
NOTABLE, RUINOUS = 1.5, 3.0


@dataclass(frozen=True, slots=True)
class Factors:
    """By what calls are multiplied, on one edge or from outside to a service.

    Args:
        calls: where nothing fails.
        worst: where every attempt fails and nothing bounds it.
        budgeted: where budgets bound it.
        outage: the same once repeats have not helped.
        single: what one call may come to where repeats are marked, and marked ones are not repeated.
    """

    calls: float = 1.0
    worst: float = 1.0
    budgeted: float = 1.0
    outage: float = 1.0
    single: float = 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """What comes to a service.

    Args:
        service: its name.
        path: the longest way from outside to it.
        factors: in relation to one call from outside.
    """

    service: str
    path: tuple[str, ...]
    factors: Factors


def edge(config: ServiceConfig, rate: float = 0.0) -> Factors:
    """What the caller's policies make of one call to a service; `rate` a second, 0 where nobody says."""
    retry, hedge = config.retry, config.hedge
    most = max(retry.attempts if retry else 1, 2 if hedge else 1)
    if most == 1:
        return Factors()
    budget = RetryBudget().each / 1e6 if retry is None else retry.budget
    floor = retry.budget_floor if retry is not None else 0.0
    share = hedge.extra if retry is None and hedge is not None else budget
    bounded = min(most - 1, share + (floor / rate if rate else 0.0))
    return Factors(1.0, most, 1 + bounded, 1 + bounded / DEAREST, most)


def graph(calls: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Callers by service, in the order in which they were named."""
    callers: dict[str, list[str]] = {}
    for chain in calls:
        for name in chain:
            callers.setdefault(name, [])
        for caller, called in pairwise(chain):
            if caller not in callers[called]:
                callers[called].append(caller)
    return callers


def circle(callers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A circle in the graph, its first name once more at the end; empty where there is none."""
    done: set[str] = set()

    def search(name: str, way: tuple[str, ...]) -> tuple[str, ...]:
        if name in way:
            return (*way[way.index(name) :], name)[::-1]
        if name in done:
            return ()
        for caller in callers[name]:
            if found := search(caller, (*way, name)):
                return found
        done.add(name)
        return ()

    return next((found for name in callers if (found := search(name, ()))), ())


def loads(config: MeshConfig, given: Given) -> tuple[Load, ...]:
    """What comes to each service that is called, callers first; nothing where there is a circle."""
    callers = graph(given.calls)
    if circle(callers):
        return ()
    found: dict[str, Load] = {}

    def load(name: str) -> Load:
        if name not in found:
            inner = [load(caller) for caller in callers[name]]
            factors = edge(_config(config, name), given.rates.get(name, 0.0))
            path = max((each.path for each in inner), key=len, default=())
            found[name] = Load(name, (*path, name), _joined([each.factors for each in inner], factors))
        return found[name]

    for name in callers:
        load(name)
    return tuple(each for each in found.values() if callers[each.service])


def findings(config: MeshConfig, given: Given) -> Iterator[Finding]:
    """Of the graph."""
    callers = graph(given.calls)
    if round_trip := circle(callers):
        yield Finding(
            CIRCLE,
            " -> ".join(round_trip),
            "a call that goes round multiplies with each round, and every one of them waits for itself",
            "break the circle, or correct --calls",
        )
        return
    for each in loads(config, given):
        yield _amplified(each)
    for chain in dict.fromkeys(pair for name in callers for pair in _pairs(callers, name)):
        yield from _outlived(config, *chain)


def _amplified(load: Load) -> Finding:
    bare, bounded = load.factors.worst / load.factors.calls, load.factors.budgeted / load.factors.calls
    level = Level.ERROR if bounded >= RUINOUS else Level.WARNING if bounded >= NOTABLE else Level.INFO
    fix = "nothing to do" if level is Level.INFO else "lower retry.budget, or retry in one layer only (retry = false)"
    return Finding(
        AMPLIFIED,
        f"{' -> '.join(load.path)}: {bounded:.3g} times the load at {load.service} while retries are spent",
        f"{bare:.3g} times without budgets, {bounded:.3g} with them, {load.factors.outage / load.factors.calls:.3g} "
        f"once they have not helped; a single call comes to {load.factors.single:.3g} attempts at most where each "
        "service hands on what is a repeat",
        fix,
        ("retry.attempts", "retry.budget", "retry.budget_floor", "hedge.extra"),
        load.service,
        level,
    )


def _pairs(callers: Mapping[str, Sequence[str]], called: str) -> Iterator[tuple[str, str]]:
    for caller in callers[called]:
        if callers[caller]:
            yield caller, called


def _outlived(config: MeshConfig, caller: str, called: str) -> Iterator[Finding]:
    outer, inner = _config(config, caller), _config(config, called)
    times = [each for each in (outer.attempt_timeout, outer.deadline) if each is not None]
    has = min(times, default=None)
    if has is None or (inner.deadline is not None and inner.deadline <= has):
        return
    takes = "for ever" if inner.deadline is None else format_duration(inner.deadline)
    yield Finding(
        OUTLIVED,
        f"{caller} may wait for {called} longer than anybody waits for {caller}",
        f"a call of {called} may take {takes}, an attempt at {caller} {format_duration(has)}; work for nobody, unless "
        f"{caller} takes over the deadline of its caller",
        f"let {caller} use the middleware of meshclient.integrations, or lower the deadline of {called}",
        ("deadline",),
        called,
    )


def _joined(inner: Sequence[Factors], own: Factors) -> Factors:
    if not inner:
        # It calls, and nobody calls it: one call from outside.
        return Factors()
    return Factors(
        sum(each.calls for each in inner),
        sum(each.worst for each in inner) * own.worst,
        sum(each.budgeted for each in inner) * own.budgeted,
        sum(each.outage for each in inner) * own.outage,
        sum(each.single + own.single - 1 for each in inner),
    )


def _config(config: MeshConfig, name: str) -> ServiceConfig:
    return config.service(ServiceName.parse(name))
