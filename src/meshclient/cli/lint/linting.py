"""All rules over one configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.cli.lint import amplification, quotas, rates, repeats, sizes, times
from meshclient.cli.lint.finding import Finding, Level, Rule
from meshclient.config.origin import Layer, dotted
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from meshclient.cli.lint.given import Given
    from meshclient.config.loaded import Loaded
    from meshclient.config.origin import Path
    from meshclient.config.shape import RouteConfig, ServiceConfig

CONTRADICTION = Rule("ML001", Level.WARNING, "Loading the configuration complains of it.")
DEFAULTS = "defaults"
# In the order of their numbers.
RULES: tuple[Rule, ...] = (
    CONTRADICTION,
    *times.RULES,
    *repeats.RULES,
    *amplification.RULES,
    *quotas.RULES,
    *sizes.RULES,
    *rates.RULES,
)


def linted(loaded: Loaded, given: Given) -> list[Finding]:
    """Everything that is found, the worst first."""
    config = loaded.config
    found = [*_services(loaded, given), *amplification.findings(config, given), *quotas.findings(config, given)]
    found += [each for each in _contradictions(loaded) if not any(_same(each, other) for other in found)]
    order = list(reversed(Level))
    return sorted(found, key=lambda each: (order.index(each.grade), each.subject, each.rule.id))


def _services(loaded: Loaded, given: Given) -> Iterator[Finding]:
    config = loaded.config
    said = {each.path for each in loaded.settings if each.origin.layer is not Layer.DEFAULT}
    # What a service has from the defaults is said once, of them.
    known = set()
    for finding in _of(config.defaults, said, (DEFAULTS,)):
        known.add(_sense(finding))
        yield replace(finding, subject=DEFAULTS)
    for name in dict.fromkeys((*config.services, *given.names)):
        service, place = config.service(ServiceName.parse(name)), ("services", name)
        own = [] if service is config.defaults else [f for f in _of(service, said, place) if _sense(f) not in known]
        yield from (replace(finding, subject=name) for finding in own)
        size = given.sizes.get(name, len(service.endpoints))
        yield from (replace(finding, subject=name) for finding in sizes.findings(service, size, config.zone))
        if rate := given.rates.get(name):
            yield from (replace(finding, subject=name) for finding in rates.findings(service, rate, size, given))
        told = known | {_sense(finding) for finding in own}
        for route in service.routes:
            special = _of(_routed(service, route), said, (*place, "routes", route.pattern), place)
            subject = f"{name} {route.pattern}"
            yield from (replace(f, subject=subject) for f in special if _sense(f) not in told)


def _of(config: ServiceConfig, said: Container[str], *places: Path) -> Iterator[Finding]:
    for finding in times.findings(config):
        *cut, _ = finding.keys
        if finding.rule is times.NO_END or any(
            dotted((*place, *key.split("."))) in said for place in places for key in cut
        ):
            yield finding
        elif finding.rule is not times.LONGER_ATTEMPT:
            # Nobody asked for what is cut short: a default gives way, as it should.
            yield replace(finding, level=Level.INFO)
    yield from repeats.findings(config)


def _sense(finding: Finding) -> tuple[str, str, Level]:
    return finding.rule.id, finding.why, finding.grade


def _routed(config: ServiceConfig, route: RouteConfig) -> ServiceConfig:
    return replace(
        config,
        deadline=route.deadline,
        attempt_timeout=route.attempt_timeout,
        retry=route.retry,
        cache=route.cache,
    )


def _contradictions(loaded: Loaded) -> Iterator[Finding]:
    for warning in loaded.warnings:
        what, _, fix = warning.rpartition("; ") if "; " in warning else warning.rpartition(": ")
        yield Finding(CONTRADICTION, what or warning, "said whenever the configuration is loaded", fix)


def _same(warning: Finding, found: Finding) -> bool:
    """Whether a rule of ours tells what `warning` tells: of the same values."""
    if not found.subject or not found.keys:
        return False
    name, _, pattern = found.subject.partition(" ")
    place = (DEFAULTS,) if name == DEFAULTS else ("services", name, *(("routes", pattern) if pattern else ()))
    named = [key for key in found.keys if f"{dotted(place)}.{key} " in f"{warning.what} {warning.fix} "]
    return len(named) > 1 or named == list(found.keys)
