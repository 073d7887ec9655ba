"""``meshclient top``: a running process on a live screen."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import click

from meshclient.cli.attached import admin_options, asked, attached
from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import Invocation, config_options, output_options


@click.command()
@admin_options
@config_options
@output_options
@click.pass_obj
def top(invocation: Invocation, admin: str | None, admin_token_file: str | None) -> None:
    """Watch a running process on a live screen.

    Services with their rates, the endpoints of the chosen one, and the last decisions in words. Keys: arrows and enter
    to choose, s sorts, / filters, e ejects the chosen endpoint and r lets it back in (both ask first), q ends. When the
    process is restarted, its next life is shown.
    """
    if find_spec("textual") is None:
        what = "the live screen needs textual, which is not installed"
        fix = "pip install 'meshclient[tui]'; without it, see `meshclient stats` and `meshclient tap`"
        raise CommandError(Complaint(ExitStatus.USAGE, what, fix=fix))
    process, spare = (attached(invocation, admin, admin_token_file) for _ in range(2))
    # Before the screen is taken: an address that is wrong now is not a process that is being restarted.
    asked(process, "/stats")
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        what = "the live screen needs a terminal"
        fix = "see `meshclient stats` for the numbers, and `meshclient tap` for decisions as they are made"
        raise CommandError(Complaint(ExitStatus.USAGE, what, fix=fix))
    if invocation.color == "never":
        # What textual goes by.
        os.environ["NO_COLOR"] = "1"
    from meshclient.cli.tui.app import Top

    Top(process, spare).run()
