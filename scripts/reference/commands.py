"""The reference of the command line, out of click's own description of it."""

from __future__ import annotations

import re
from collections.abc import Collection

import click
from scripts.reference.docstring import prose
from scripts.reference.markdown import code, page, table

from meshclient.cli.main import COMMANDS, LazyGroup, cli

_HEAD = """\
`meshclient --help` and `meshclient COMMAND --help` say the same. Standard output is the answer, standard error is
progress, warnings and errors; an error says what happened, why, and what to do next."""
_COMMON = """\
Before or after the name of a command that takes them:"""
_SIGNALS = (
    "A command that is ended by SIGINT or SIGTERM returns 130 or 143; `run` and `register` return the code of the "
    "command that they run."
)
_CODE = re.compile(r"(\d+) ([^,.:]+)")


def reference() -> str:
    """The page."""
    common = {parameter.name for parameter in cli.params}
    with click.Context(cli, info_name="meshclient") as context:
        parts = [_HEAD, "## Options of every command", _COMMON, _options(cli.params)]
        parts += ["## Exit codes", _codes(), _SIGNALS]
        for name in COMMANDS:
            command = cli.get_command(context, name)
            assert command is not None
            parts += _command(command, f"meshclient {name}", context, common, 2)
    return page("Command line", *parts)


def exit_codes() -> dict[int, str]:
    """Each exit code and what it says, as the help text has it."""
    return {int(number): words.strip() for number, words in _CODE.findall(cli.epilog or "")}


def _codes() -> str:
    return table(("code", "means"), [(str(number), words) for number, words in exit_codes().items()])


def _command(
    command: click.Command, name: str, parent: click.Context, common: Collection[str | None], depth: int
) -> list[str]:
    with click.Context(command, info_name=name.rpartition(" ")[2], parent=parent) as context:
        usage = " ".join(command.collect_usage_pieces(context))
        parts = [f"{'#' * depth} `{name}`", f"```text\n{name} {usage}\n```", _help(command)]
        own = [each for each in command.params if each.name not in common]
        takes = any(each.name in common for each in command.params)
        parts.append(_options(own))
        parts += ["Besides, the [options of every command](#options-of-every-command)."] if takes else []
        if isinstance(command, click.Group) and not isinstance(command, LazyGroup):
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                parts += _command(found, f"{name} {inner}", context, common, depth + 1)
    return parts


def _help(command: click.Command) -> str:
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", re.sub(r"\f.*", "", command.help or "", flags=re.DOTALL).strip()):
        lines = paragraph.splitlines()
        if lines and lines[0].strip() == "\b":
            paragraphs.append("```text\n" + "\n".join(line.rstrip() for line in lines[1:]) + "\n```")
        else:
            paragraphs.append(prose(paragraph).replace("<", "&lt;"))
    paragraphs += [prose(command.epilog).replace("<", "&lt;")] if command.epilog else []
    return "\n\n".join(paragraphs)


def _options(parameters: list[click.Parameter]) -> str:
    rows = []
    for each in parameters:
        if not isinstance(each, click.Option) or each.hidden:
            continue
        with click.Context(cli) as context:
            names, words = each.get_help_record(context) or ("", "")
        rows.append((code(names), prose(words).replace("<", "&lt;")))
    return table(("option", "meaning"), rows) if rows else ""
