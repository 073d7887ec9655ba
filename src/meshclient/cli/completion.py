"""``meshclient completion``: what a shell needs to complete our command line, and what it asks then.

click finds out which word stands where. Its way to list commands would import them all, which takes longer than anybody
waits for a tabulator, so they are listed from our own table; and the names of services come from what is known here,
without a question to any registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete
from click.shell_completion import _resolve_context as context_of
from click.shell_completion import _resolve_incomplete as wanted_of

from meshclient.cli.invocation import Invocation, output_options
from meshclient.cli.render import Answer, Format

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "meshclient.completion/v1"
PROGRAM = "meshclient"
_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "fish": FishComplete, "zsh": ZshComplete}
# How click's scripts ask, and how ours do: by a command, so that nothing is asked of every other run.
_ASKS = {
    "bash": ("_MESHCLIENT_COMPLETE=bash_complete $1", "$1 completion bash --complete"),
    "fish": ("_MESHCLIENT_COMPLETE=fish_complete ", ""),
    "zsh": ("_MESHCLIENT_COMPLETE=zsh_complete meshclient", "meshclient completion zsh --complete"),
}
_PLACES = {
    "bash": "add to ~/.bashrc:  source <(meshclient completion bash)",
    "fish": "once:  meshclient completion fish > ~/.config/fish/completions/meshclient.fish",
    "zsh": "add to ~/.zshrc, below compinit:  source <(meshclient completion zsh)",
}
# What an argument is called that holds the name of a service; and of an option.
_NAMES = frozenset({"name", "names", "service", "services"})
# Where a name is not that of a service that is there.
_OTHERS = frozenset({"new", "register"})
# Where a service is called, as the begin of a URL.
_CALLED = frozenset({"call", "explain"})


@click.command()
@click.argument("shell", type=click.Choice(sorted(_SHELLS)))
@click.option("--complete", is_flag=True, hidden=True, help="Answer the shell, which says in its environment what for.")
@output_options
@click.pass_obj
def completion(invocation: Invocation, shell: str, complete: bool) -> None:  # noqa: FBT001 - click's interface
    """Write the completion of a shell.

    \b
    bash   source <(meshclient completion bash)             in ~/.bashrc
    zsh    source <(meshclient completion zsh)              in ~/.zshrc, below compinit
    fish   meshclient completion fish > ~/.config/fish/completions/meshclient.fish

    Commands, options, their values and the services that are known here are completed; no registry is asked.
    """  # noqa: D301 - click's mark for lines that are not to be filled
    if complete:
        click.echo(_completer(shell).complete())
        return
    script = f"# {_PLACES[shell]}\n{_script(shell)}"
    renderer = invocation.renderer()
    if renderer.form in (Format.JSON, Format.JSONL):
        renderer.show(Answer(document={"schema": SCHEMA, "shell": shell, "script": script}, sheets=(), names=()))
    else:
        click.echo(script, nl=False)


def _script(shell: str) -> str:
    # Not by the class's own `source`, which runs bash to see how old it is.
    text = ShellComplete.source(_completer(shell))
    theirs, ours = _ASKS[shell]
    asked = text.replace(theirs, ours)
    if shell == "fish":
        asked = asked.replace("(commandline -t) meshclient", "(commandline -t) meshclient completion fish --complete")
    if "--complete" not in asked:
        msg = f"click {click.__version__} writes another script for {shell} than is known here"
        raise RuntimeError(msg)
    return asked.strip() + "\n"


def _completer(shell: str) -> ShellComplete:
    from meshclient.cli.main import cli

    kind = _SHELLS[shell]
    made = type(kind.__name__, (_Completer, kind), {"source_template": kind.source_template})
    completer: ShellComplete = made(cli, {"obj": Invocation()}, PROGRAM, "_MESHCLIENT_COMPLETE")
    return completer


class _Completer(ShellComplete):
    """What may stand where the cursor is."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """As click has it, but for our commands, names of services, files and resolvers."""
        try:
            context = context_of(self.cli, self.ctx_args, self.prog_name, args)
        except click.ClickException:
            # What stands there already is wrong, which is no matter of completion.
            return []
        wanted, incomplete = wanted_of(context, args, incomplete)
        if wanted is self.cli:
            return _begun(incomplete, _commands(incomplete) + _options(self.cli, context, incomplete))
        if isinstance(wanted, click.Parameter) and (found := _values(wanted, context, incomplete)) is not None:
            return found
        return wanted.shell_complete(context, incomplete)


def _commands(incomplete: str) -> list[CompletionItem]:
    from meshclient.cli.main import COMMANDS, PLUGIN_COMMANDS
    from meshclient.discovery.schemes import installed

    if incomplete.startswith("-"):
        return []
    own = [CompletionItem(name, help=entry.summary) for name, entry in COMMANDS.items()]
    return own + [CompletionItem(name, help=f"Brought by {whose}.") for name, whose, _ in installed(PLUGIN_COMMANDS)]


def _options(command: click.Command, context: click.Context, incomplete: str) -> list[CompletionItem]:
    return click.Command.shell_complete(command, context, incomplete) if incomplete.startswith("-") else []


def _values(parameter: click.Parameter, context: click.Context, incomplete: str) -> list[CompletionItem] | None:
    """What a value may be; None where click knows better."""
    if isinstance(parameter.type, click.Choice):
        return None
    command = context.info_name
    metavar = str(getattr(parameter, "metavar", None) or "")
    if (parameter.name in _NAMES or "NAME" in metavar) and command not in _OTHERS:
        return _plain(incomplete, _services(context))
    if isinstance(parameter, click.Argument) and command in _CALLED:
        return _plain(incomplete, (f"{name}/" for name in _services(context)))
    if metavar == "FILE":
        return [CompletionItem(incomplete, type="file")]
    if parameter.name == "resolver":
        from meshclient.discovery.schemes import BUILT_IN, RESOLVERS, installed

        schemes = sorted({*BUILT_IN, *(name for name, _, _ in installed(RESOLVERS))})
        return _plain(incomplete, (f"{scheme}://" for scheme in schemes))
    return None


def _services(context: click.Context) -> list[str]:
    from meshclient.cli.names import known_names

    return known_names(context.ensure_object(Invocation))


def _plain(incomplete: str, values: Iterable[str]) -> list[CompletionItem]:
    return _begun(incomplete, [CompletionItem(value) for value in values])


def _begun(incomplete: str, items: Iterable[CompletionItem]) -> list[CompletionItem]:
    return [item for item in items if str(item.value).startswith(incomplete)]
