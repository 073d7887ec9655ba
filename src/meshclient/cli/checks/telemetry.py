"""Category ``telemetry``: whether what is measured gets to where somebody looks."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshclient.cli.checks.finding import Kind, Level, Outcome, Passed, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

CATEGORY = "telemetry"


def _kind(number: int, level: Level, meaning: str, why: str, fix: str) -> Kind:
    return Kind(f"MC{number}", CATEGORY, level, meaning, why, fix)


UNREACHABLE = _kind(
    801,
    Level.WARNING,
    "the collector that OTEL_EXPORTER_OTLP_ENDPOINT names cannot be reached",
    "spans and metrics are lost; calls are not affected",
    "start the collector, or correct the variable: port 4317 takes gRPC, 4318 takes HTTP",
)
NO_SDK = _kind(
    802,
    Level.WARNING,
    "OTEL_... variables are set and OpenTelemetry's SDK is not installed",
    "nothing reads them: no span and no metric is recorded",
    "pip install 'meshclient[otel]', or unset the variables",
)
PROPAGATOR = _kind(
    803,
    Level.ERROR,
    "OTEL_PROPAGATORS names a propagator that is not installed",
    "OpenTelemetry raises when it is imported, and the program ends or records nothing",
    "correct the name, or install its distribution; without the variable tracecontext and baggage are used",
)
NO_EXPORTER = _kind(
    804,
    Level.WARNING,
    "an OTLP endpoint is configured and no OTLP exporter is installed",
    "nothing sends there: spans and metrics are recorded and dropped",
    "pip install 'meshclient[otel]' for OTLP over HTTP, or unset the variable",
)
KINDS = (UNREACHABLE, NO_SDK, PROPAGATOR, NO_EXPORTER)


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans or metrics are sent.

    Args:
        variable: which says so.
        address: host and port, without path, user and password; empty where the variable names none.
        trouble: why nothing listens there; empty where something does.
        proxied: whether only a proxy knows.
    """

    variable: str
    address: str
    trouble: str = ""
    proxied: bool = False


@dataclass(frozen=True, slots=True)
class TelemetryFacts:
    """What is known of telemetry.

    Args:
        set: the OTEL_... variables that ask for something to be sent.
        disabled: whether OTEL_SDK_DISABLED is set.
        sdk: whether the SDK is installed.
        otlp: whether an exporter for OTLP is installed.
        collectors: where to.
        propagators: those that OTEL_PROPAGATORS names.
        installed: propagators that there are.
    """

    set: tuple[str, ...] = ()
    disabled: bool = False
    sdk: bool = True
    otlp: bool = True
    collectors: tuple[Collector, ...] = ()
    propagators: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()


def judge(facts: TelemetryFacts) -> Iterator[Outcome]:
    """What there is to say of telemetry."""
    yield from _propagators(facts)
    if facts.disabled:
        yield Skipped(CATEGORY, "where spans and metrics go", "OTEL_SDK_DISABLED is set")
        return
    if not facts.set:
        yield Passed(CATEGORY, "no exporter is asked for by OTEL_... variables")
        return
    variables = ", ".join(facts.set)
    if not facts.sdk:
        yield NO_SDK.found(f"the SDK is not installed, and these are set: {variables}", subject=facts.set[0])
        return
    yield Passed(CATEGORY, "OpenTelemetry's SDK is installed")
    if facts.collectors and not facts.otlp:
        named = facts.collectors[0].variable
        yield NO_EXPORTER.found(f"{named} is set, and nothing here exports OTLP", subject=named)
    for collector in facts.collectors:
        if not collector.address:
            yield Skipped(CATEGORY, f"{collector.variable} leads to a collector", "it names no host and port")
        elif collector.proxied:
            yield Skipped(CATEGORY, f"a collector listens at {collector.address}", "exporters reach it through a proxy")
        elif collector.trouble:
            what = f"{collector.variable}: {collector.address}: {collector.trouble}"
            yield UNREACHABLE.found(what, subject=collector.variable)
        else:
            yield Passed(CATEGORY, f"a collector listens at {collector.address}")


def _propagators(facts: TelemetryFacts) -> Iterator[Outcome]:
    # "none" stands for none at all, wherever in the list.
    # And where there is no OpenTelemetry, which brings two, nobody reads the variable.
    if not facts.propagators or not facts.installed or "none" in map(str.lower, facts.propagators):
        return
    unknown = [name for name in facts.propagators if name not in facts.installed]
    for name in unknown:
        close = get_close_matches(name, facts.installed, 1)
        fix = f"did you mean {close[0]!r}? {PROPAGATOR.fix}" if close else ""
        yield PROPAGATOR.found(
            f"OTEL_PROPAGATORS names {name!r}, which nothing here brings", subject="OTEL_PROPAGATORS", fix=fix
        )
    if not unknown:
        yield Passed(CATEGORY, f"the propagators {', '.join(facts.propagators)} are installed")
