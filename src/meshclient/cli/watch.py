"""``meshclient watch``: a service's list, each time it changes."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.following import Following
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.listing import service_called
from meshclient.cli.place import is_resolver, without_resolver
from meshclient.cli.render import Format
from meshclient.cli.seconds import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence


class _WithCommand(click.Command):
    """Keeps what stands behind ``--`` apart, so that a second name is not taken for a program."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the command away before click looks at the rest."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[__name__] = args[at + 1 :]
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """With the command."""
        return [*super().collect_usage_pieces(ctx), "[-- CMD...]"]


@click.command(cls=_WithCommand)
@click.argument("words", metavar="[URI] NAME", nargs=-1, required=True)
@click.option("--diff", is_flag=True, help="Tell what was added, removed and changed, instead of the whole list.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many changes; the first answer is one.")
@click.option("--for", "period", metavar="DURATION", callback=seconds, help="End after this time.")
@click.option("--fail", is_flag=True, help="End when CMD fails, with code 1.")
@config_options
@output_options
@click.pass_context
def watch(
    context: click.Context, words: tuple[str, ...], count: int | None, period: float | None, *, diff: bool, fail: bool
) -> int:
    """Follow where a service is.

    Draws a table in place on a terminal; elsewhere, or with -o jsonl or json, writes one JSON line for each change.
    With -o table or wide, elsewhere than on a terminal, writes a table for each change. With --diff a table is lines
    in words.

    CMD is run for each change, with the JSON line on its standard input, and in its environment MESHCLIENT_SERVICE,
    MESHCLIENT_STATE, MESHCLIENT_VERSION and MESHCLIENT_ENDPOINTS (addresses with spaces between; absent where they are
    more than 128 kB); standard output is its own. It never runs twice at once: of what changes meanwhile it gets the
    newest when it has ended. Signals are handed on to it, and it ends with the watch.

    \b
        meshclient watch consul://127.0.0.1:8500 orders --diff
        meshclient watch orders -- sh -c 'jq .endpoints > orders.json'

    Ends with an interrupt, after --count changes or after --for; an error only where there was no answer at all.
    """  # noqa: D301 - click's mark of lines that stay as they are
    invocation = context.ensure_object(Invocation)
    command: Sequence[str] = context.meta[__name__]
    renderer = invocation.renderer(default=Format.TABLE if sys.stdout.isatty() else Format.JSONL)
    if renderer.form is Format.NAME:
        msg = "names alone do not tell where a change ends; use -o jsonl, or -o table"
        raise click.UsageError(msg)
    if fail and not command:
        msg = "--fail is about a command: write it behind --"
        raise click.UsageError(msg)
    name = _name(invocation, words)
    with invocation.mesh("background") as mesh:
        following = Following(mesh, service_called(mesh, name), count, period, diff=diff)
        if command:
            from meshclient.cli.handler import Handler

            return asyncio.run(following.hand_to(Handler(command, invocation.say, strict=fail)))
        asyncio.run(following.show(renderer, invocation.color))
    return ExitStatus.OK


def _name(invocation: Invocation, words: Sequence[str]) -> str:
    names = without_resolver(invocation, words)
    if len(names) == 1:
        if is_resolver(words[0]) and invocation.loaded().config.names(names[0]):
            # A registry that is named here is asked whatever the configuration lists.
            invocation.sets.append(f'services."{names[0]}".endpoints=[]')
        return names[0]
    if not names:
        raise CommandError(Complaint(ExitStatus.USAGE, "which service?", "none is named", "name it behind the URI"))
    what = f"{len(names)} services, and one is watched at a time"
    fix = f"watch each by itself; a command stands behind --: meshclient watch {names[0]} -- {' '.join(names[1:])}"
    raise CommandError(Complaint(ExitStatus.USAGE, what, f"{', '.join(names)} are named", fix))
