"""``meshclient circuits``: what refuses the calls of a running process."""

from __future__ import annotations

import click

from meshclient.cli.attached import admin_options, asked, attached
from meshclient.cli.endpoints import STYLES, many
from meshclient.cli.figures import percent, span
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.render import Answer, Cell, Column, Sheet

LINE = "meshclient.circuit/v1"
_COLUMNS = (
    Column("SERVICE"),
    Column("KIND"),
    Column("STATE"),
    Column("REFUSED", right=True),
    Column("RETRY AFTER", right=True),
    Column("REASON"),
)


@click.command()
@admin_options
@config_options
@output_options
@click.pass_obj
def circuits(invocation: Invocation, admin: str | None, admin_token_file: str | None) -> None:
    """List the circuits of a running process.

    A row for each service that it has called: its circuit, or the throttle that stands in the place of one. In shadow,
    a circuit says what it would refuse, and refuses nothing.
    """
    renderer = invocation.renderer()
    process = attached(invocation, admin, admin_token_file)
    document = asked(process, "/circuits")
    found = document["circuits"]
    rows = [
        (
            each["service"],
            each["kind"],
            Cell(each["state"] + ("" if each["enforced"] else ", shadow"), STYLES.get(each["state"], "")),
            percent(each["refused_ratio"]),
            span(each["retry_after_seconds"]),
            each["reason"] or "",
        )
        for each in found
    ]
    shut = sum(each["refused_ratio"] > 0 and each["enforced"] for each in found)
    caption = f"{many(len(found), 'service')}, calls of {shut or 'none'} refused, {process}"
    renderer.show(
        Answer(
            document=document,
            sheets=[Sheet(caption, _COLUMNS, rows)],
            names=[each["service"] for each in found],
            lines=[{"schema": LINE, **each} for each in found],
        )
    )
    if not found:
        invocation.say("the process has called no service yet")
