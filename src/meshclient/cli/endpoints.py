"""``meshclient endpoints``: what a running process knows of endpoints, and what it makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from meshclient.cli.attached import admin_options, asked, attached
from meshclient.cli.figures import count, latency, percent, rate, span
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.render import Answer, Cell, Column, Sheet

if TYPE_CHECKING:
    from meshclient.cli.attached import Document

LINE = "meshclient.endpoint/v1"
COLUMNS = (
    Column("SERVICE"),
    Column("ENDPOINT"),
    Column("ZONE"),
    Column("STATE"),
    Column("SHARE", right=True),
    Column("RPS", right=True),
    Column("P50", right=True),
    Column("P99", right=True),
    Column("IN FLIGHT", right=True),
    Column("CIRCUIT"),
    Column("ATTEMPTS", wide=True, right=True),
    Column("FAILURES", wide=True, right=True),
    Column("EXPECTED", wide=True, right=True),
    Column("HEALTH", wide=True),
    Column("WEIGHT", wide=True, right=True),
    Column("PRIORITY", wide=True, right=True),
    Column("AGE", wide=True, right=True),
    Column("ID", wide=True),
    Column("TAGS", wide=True),
)
STYLES = {
    "in_rotation": "green",
    "avoided": "yellow",
    "standby": "",
    "probing": "yellow",
    "ejected": "red",
    "excluded": "yellow",
    "closed": "green",
    "throttling": "yellow",
    "half-open": "yellow",
    "open": "red",
    "isolated": "red",
}


@click.command()
@click.argument("service", required=False)
@admin_options
@config_options
@output_options
@click.pass_obj
def endpoints(invocation: Invocation, service: str | None, admin: str | None, admin_token_file: str | None) -> None:
    """List the endpoints a running process knows.

    Of SERVICE alone, or of all services that the process has called. Shares and rates are over the last 5 to 10
    seconds, latencies over the last 30. Looking changes nothing.
    """
    renderer = invocation.renderer()
    process = attached(invocation, admin, admin_token_file)
    document = asked(process, "/endpoints", **({"service": service} if service else {}))
    found = document["endpoints"]
    renderer.show(
        Answer(
            document=document,
            sheets=[Sheet(_caption(found, str(process)), COLUMNS, [_row(each) for each in found])],
            names=[each["url"] for each in found],
            lines=[{"schema": LINE, **each} for each in found],
        )
    )
    if not found:
        invocation.say("the process has called no service yet" if service is None else f"{service} has no endpoint")
    elif any(each["attempts"] for each in found) and all(each["p50_seconds"] is None for each in found):
        invocation.say("latencies are remembered from now on, for a minute: ask again to see them")


def state(endpoint: Document) -> Cell:
    """What becomes of an endpoint, with the time until its probe."""
    word, left = endpoint["state"], endpoint["returns_in_seconds"]
    text = word.replace("_", " ") + (f", {span(left)}" if left is not None else "")
    return Cell(text, STYLES.get(word, ""))


def address(endpoint: Document) -> str:
    """Of TCP host and port, of a Unix socket its URL."""
    url = str(endpoint["url"])
    return url.partition("://")[2] or url


def _row(endpoint: Document) -> tuple[str | Cell, ...]:
    return (
        endpoint["service"],
        address(endpoint),
        endpoint["zone"] or "",
        state(endpoint),
        percent(endpoint["share"]),
        rate(endpoint["rps"]),
        latency(endpoint["p50_seconds"]),
        latency(endpoint["p99_seconds"]),
        count(endpoint["in_flight"]),
        Cell(endpoint["circuit"], STYLES.get(endpoint["circuit"], "")),
        count(endpoint["attempts"]),
        count(endpoint["failures"]),
        latency(endpoint["expected_latency_seconds"]),
        endpoint["health"],
        f"{endpoint['weight']:g}",
        count(endpoint["priority"]),
        span(endpoint["age_seconds"]),
        endpoint["id"] or "",
        ",".join(endpoint["tags"]),
    )


def _caption(found: list[Document], process: str) -> str:
    services = len({each["service"] for each in found})
    return f"{many(len(found), 'endpoint')} of {many(services, 'service')}, {process}"


def many(number: int, what: str) -> str:
    """``1 endpoint``, ``2 endpoints``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
