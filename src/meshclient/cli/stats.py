"""``meshclient stats``: a running process in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from meshclient.cli.attached import admin_options, asked, attached
from meshclient.cli.endpoints import STYLES
from meshclient.cli.figures import count, latency, percent, rate, span
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.render import Answer, Cell, Column, Sheet

if TYPE_CHECKING:
    from meshclient.cli.attached import Document

# What a sidecar tells of itself, and a library process has not.
_OF_SIDECARS = ("worker", "ready", "draining", "listening", "reload", "proxies", "envoy", "application")
_COLUMNS = (
    Column("SERVICE"),
    Column("LIST"),
    Column("ENDPOINTS", right=True),
    Column("RPS", right=True),
    Column("SUCCESS", right=True),
    Column("P50", right=True),
    Column("P99", right=True),
    Column("CALLS", right=True),
    Column("ERRORS", right=True),
    Column("RETRIES", right=True),
    Column("CIRCUIT"),
    Column("HEDGES", wide=True, right=True),
    Column("IN FLIGHT", wide=True, right=True),
    Column("LIMIT", wide=True, right=True),
    Column("RETRY BUDGET", wide=True, right=True),
    Column("BALANCER", wide=True),
    Column("VERSION", wide=True, right=True),
    Column("AGE", wide=True, right=True),
    Column("SOURCE", wide=True),
)
_LISTENERS = (
    Column("LISTENER"),
    Column("ADDRESS"),
    Column("OPEN", right=True),
    Column("ACTIVE", right=True),
    Column("REQUESTS", right=True),
    Column("2XX", right=True),
    Column("4XX", right=True),
    Column("5XX", right=True),
    Column("REFUSED"),
)
_LISTS = {"ready": "green", "empty": "red", "failed": "red", "pending": "yellow"}


@click.command()
@admin_options
@config_options
@output_options
@click.pass_obj
def stats(invocation: Invocation, admin: str | None, admin_token_file: str | None) -> None:
    """Show what a running process has counted.

    Calls, errors and retries are since a service was first called; rates and success are over the last 5 to 10
    seconds, latencies over the last 30. Of a sidecar, its listeners too.
    """
    renderer = invocation.renderer()
    process = attached(invocation, admin, admin_token_file)
    document = asked(process, "/stats")
    document = {**document, **{name: document.get(name) for name in _OF_SIDECARS}}
    services = document["services"]
    worker = "" if document["worker"] is None else f", worker {document['worker']} of its sidecar alone"
    caption = (
        f"process {document['pid']}{worker}, meshclient {document['version']}, "
        f"up {span(document['uptime_seconds'])}, {process}"
    )
    sheets = [Sheet(caption, _COLUMNS, [_row(each) for each in services])]
    if document["proxies"]:
        sheets.append(Sheet("", _LISTENERS, _listeners(document)))
    renderer.show(Answer(document=document, sheets=sheets, names=[each["service"] for each in services]))
    if document["envoy"]:
        invocation.say("Envoy carries the calls of this sidecar, and counts them in statistics of its own")
    elif not services:
        invocation.say("the process has called no service yet")


def _row(service: Document) -> tuple[str | Cell, ...]:
    errors, circuit = service["error_ratio"], service["circuit"]["state"]
    return (
        service["service"],
        Cell(service["state"], _LISTS.get(service["state"], "")),
        Cell(f"{service['available']}/{service['endpoints']}", "red" if service["panic"] else ""),
        rate(service["rps"]),
        percent(None if errors is None else 1 - errors),
        latency(service["p50_seconds"]),
        latency(service["p99_seconds"]),
        count(service["calls"]),
        count(service["errors"]),
        count(service["retries"]),
        Cell(circuit, STYLES.get(circuit, "")),
        count(service["hedges"]),
        count(service["in_flight"]),
        count(service["limit"]),
        f"{service['retry_budget']:.0f}",
        service["balancer"],
        count(service["version"]),
        span(service["age_seconds"]),
        service["source"] + (f": {service['cause']}" if service["cause"] else ""),
    )


def _listeners(document: Document) -> list[tuple[str, ...]]:
    return [
        (
            name,
            (document["listening"] or {}).get(name, ""),
            *(count(proxy[what]) for what in ("open", "active", "requests")),
            *(count(proxy["statuses"][kind]) for kind in ("2xx", "4xx", "5xx")),
            ", ".join(f"{word} {number}" for word, number in sorted(proxy["refused"].items())),
        )
        for name, proxy in sorted(document["proxies"].items())
    ]
