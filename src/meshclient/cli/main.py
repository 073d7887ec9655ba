"""The entry point: which commands there are, and how each of them may end.

A command is imported when it is run; help texts are kept here, so that ``meshclient --help`` imports none. Whatever a
command raises becomes an exit code and a few lines on standard error at this one place.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, cast

import click

from meshclient import __version__
from meshclient.cli.complaint import complaint_of
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.render import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

_SIGNALLED = 128


class Entry(NamedTuple):
    """Where a command is, as ``module:attribute``, and what it does in a line."""

    place: str
    summary: str


COMMANDS: Mapping[str, Entry] = MappingProxyType(
    {
        "demo": Entry("meshclient.cli.demo.command:demo", "Lose and slow down real instances under load, and watch."),
        "resolve": Entry("meshclient.cli.resolve:resolve", "Ask once where services are."),
        "watch": Entry("meshclient.cli.watch:watch", "Follow where a service is."),
        "compare": Entry("meshclient.cli.compare:compare", "Tell how the lists of two registries differ."),
        "explain": Entry("meshclient.cli.explain:explain", "Tell where a call would go, and why; send nothing."),
        "call": Entry("meshclient.cli.call:call", "Send a request to a service."),
        "check": Entry("meshclient.cli.check:check", "Look for what is wrong, and say how to mend it."),
        "lint": Entry("meshclient.cli.lint:lint", "Do the arithmetic of a configuration."),
        "simulate": Entry("meshclient.cli.simulate:simulate", "See in virtual time what a configuration does."),
        "register": Entry("meshclient.cli.register:register", "Keep an instance in a registry while a command runs."),
        "sidecar": Entry("meshclient.cli.sidecar:sidecar", "Stand beside a program and send its requests to services."),
        "run": Entry("meshclient.cli.run:run", "Run a command with a sidecar beside it."),
        "xds": Entry("meshclient.cli.xds:xds", "Serve the configuration of a fleet of Envoys."),
        "top": Entry("meshclient.cli.top:top", "Watch a running process on a live screen."),
        "endpoints": Entry("meshclient.cli.endpoints:endpoints", "List the endpoints a running process knows."),
        "circuits": Entry("meshclient.cli.circuits:circuits", "List the circuits of a running process."),
        "stats": Entry("meshclient.cli.stats:stats", "Show what a running process has counted."),
        "tap": Entry("meshclient.cli.tap:tap", "Follow the decisions of a running process."),
        "config": Entry("meshclient.cli.config:config", "Show the configuration and its origins."),
        "plugins": Entry("meshclient.cli.plugins:plugins", "List what is built in and what is installed."),
        "completion": Entry("meshclient.cli.completion:completion", "Write the completion of a shell."),
    }
)


# The entry points under which a plugin brings commands of its own, such as `meshclient aws`.
PLUGIN_COMMANDS = "meshclient.commands"


class LazyGroup(click.Group):
    """Commands that are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """In the order of the help text, those of plugins last."""
        return [*COMMANDS, *_plugin_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's interface
        """Import the command."""
        if cmd_name not in COMMANDS:
            from meshclient.discovery.schemes import load

            known = cmd_name in _plugin_commands()
            return cast("click.Command", load(PLUGIN_COMMANDS, cmd_name, {}, "command")) if known else None
        module, _, attribute = COMMANDS[cmd_name].place.partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest one."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and args[0] not in _plugin_commands():
            known = self.list_commands(ctx)
            close = get_close_matches(args[0], known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            ctx.fail(f"no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's interface
        """The list of commands, none of them imported."""
        with formatter.section("Commands"):
            own = [(name, entry.summary) for name, entry in COMMANDS.items()]
            brought = [(name, f"Brought by {distribution}.") for name, distribution in _plugin_commands().items()]
            formatter.write_dl(own + brought)


def _plugin_commands() -> dict[str, str]:
    """By name, the distribution that brings it; none of them imported."""
    from meshclient.discovery.schemes import installed

    return {name: distribution for name, distribution, _ in installed(PLUGIN_COMMANDS)}


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 service not found, 4 no usable endpoint, "
    "5 registry or plugin unavailable, 6 out of time, 7 rejected, 8 bad status (--check-status), 9 network.",
)
@config_options
@output_options
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name="meshclient")
def cli() -> None:
    """A name becomes a resilient HTTP call: resolve, watch and call services, and see why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; `arguments` are those of the process by default."""
    kept = Invocation()
    ended = _Ending()
    # Metadata may hold what the terminal's encoding cannot show; a question mark is better than no answer.
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Whoever closed it wants to see nothing.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for the whole process
        else:
            stream.reconfigure(errors="replace")
    try:
        # Not by `cli.main`, which has ways of its own with interrupts and broken pipes.
        words = list(sys.argv[1:] if arguments is None else arguments)
        with cli.make_context("meshclient", words, obj=kept) as context:
            code = cli.invoke(context)
        sys.stdout.flush()
        return int(code or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _SIGNALLED + ended.signal
    except BrokenPipeError:
        # Whoever read our output has gone, and needs no traceback of it; nor does the flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _SIGNALLED + signal.SIGPIPE
    except Exception as error:  # noqa: BLE001 - the last place to say what went wrong
        if kept.verbose:
            traceback.print_exception(error)
        complaint = complaint_of(error)
        color = {"always": True, "never": False}.get(kept.color, False if os.environ.get("NO_COLOR") else None)
        click.secho("error: ", fg="red", bold=True, err=True, nl=False, color=color)
        click.echo("\n".join(printable(line) for line in str(complaint).split("\n")), err=True)
        return complaint.status


class _Ending:
    """SIGTERM ends a command the way SIGINT does, cleaning up; only the exit code tells them apart."""

    def __init__(self) -> None:
        self.signal = signal.SIGINT
        signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, _number: int, frame: FrameType | None) -> None:
        self.signal = signal.SIGTERM
        # Under asyncio.run() that is a handler which cancels the main task.
        handler = signal.getsignal(signal.SIGINT)
        (handler if callable(handler) else signal.default_int_handler)(signal.SIGINT, frame)
