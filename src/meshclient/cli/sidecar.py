"""``meshclient sidecar``: discovery, balancing and retries for any program, through plain HTTP on loopback."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import CommandError, no_resolver
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.render import Format
from meshclient.cli.sidecar_options import arguments_of, sidecar_options
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from meshclient.config.loaded import Loaded
    from meshclient.sidecar.arrangement import Arrangement

SCHEMA = "meshclient.sidecar/v1"
_UPSTREAM = "`--service orders --upstream http://127.0.0.1:8080`"


@click.command()
@sidecar_options
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that share the work (default: 1).")
@click.option(
    "--take-over", is_flag=True, help="Take the place of a sidecar that runs at the same address; no request is lost."
)
@config_options
@output_options
@click.pass_obj
def sidecar(
    invocation: Invocation,
    *,
    listen: str | None,
    inbound: str | None,
    app: str | None,
    app_port: int | None,
    admin: str | None,
    service: str | None,
    upstreams: tuple[str, ...],
    data_plane: str | None,
    workers: int | None,
    take_over: bool,
) -> int:
    """Stand beside a program and send its requests to services.

    Programs ask http://127.0.0.1:7140 with the service as Host, or use it as their HTTP_PROXY. Where it listens is said
    on standard error, or with -o json as a line on standard output.

    SIGTERM and SIGINT end it in order: not ready, out of the registry, until callers have noticed, then requests under
    way get their time; a second one ends it at once. SIGHUP, or a change of the file, loads the configuration again.
    """
    if sys.platform == "win32":
        raise click.UsageError("the sidecar needs the signals of a Unix system")
    from meshclient.sidecar.running import run_sidecar

    table = arguments_of(listen, inbound, app, app_port, admin, service, upstreams, data_plane)
    if workers is not None:
        table["workers"] = workers
    form = invocation.renderer().form
    listen_to_logs(invocation)

    def checked(loaded: Loaded) -> None:
        if (app or app_port) and not loaded.config.sidecar.inbound:
            raise ConfigError(
                "--app says what stands behind the inbound listener, and there is none: add --inbound 0.0.0.0:7143"
            )
        warn(invocation, loaded)

    def announce(addresses: dict[str, str], url: str, unmapped: list[str]) -> None:
        for line in unmapped:
            invocation.say(f"warning: not done by Envoy: {line}")
        for name, address in addresses.items():
            invocation.say(f"{name} listens at {address}")
        if form in (Format.JSON, Format.JSONL):
            said = {"schema": SCHEMA, "pid": os.getpid(), "url": url or None, "listening": addresses}
            click.echo(json.dumps({**said, "unmapped": unmapped}))

    return run_sidecar(arrangement(invocation, table), checked, announce, take_over=take_over)


def arrangement(invocation: Invocation, table: dict[str, object]) -> Arrangement:
    """Where the configuration of a sidecar comes from."""
    from meshclient.sidecar.arrangement import Arrangement

    arguments: dict[str, object] = {"resolver": invocation.resolver, "sidecar": table}
    return Arrangement(invocation.config, arguments, tuple(invocation.sets))


def warn(invocation: Invocation, loaded: Loaded) -> None:
    """Say what is odd about the configuration. Raises CommandError where nothing can come of it."""
    for warning in loaded.warnings:
        invocation.say(f"warning: {warning}")
    config = loaded.config
    if config.sidecar.outbound and not config.resolver and not config.services:
        raise _nobody_to_ask(config.sidecar.service)


def _nobody_to_ask(service: str) -> CommandError:
    complaint = no_resolver(service or "any service").complaint
    return CommandError(replace(complaint, fix=f"name an endpoint with {_UPSTREAM}, or {complaint.fix}"))


def listen_to_logs(invocation: Invocation) -> None:
    """Have what happens written to standard error, a line each."""
    from meshclient.sidecar.log_lines import log_to_stderr

    level = logging.DEBUG if invocation.verbose else logging.ERROR if invocation.quiet else logging.WARNING
    log_to_stderr(level, logging.INFO if level == logging.WARNING else level)
