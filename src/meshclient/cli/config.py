"""``meshclient config``: every setting, its value, and who said so."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.origin_lines import OriginLines, origin_document, place
from meshclient.cli.render import Answer, Column, Sheet
from meshclient.discovery.resolver import SECRETS

if TYPE_CHECKING:
    from meshclient.config.loaded import Loaded

SCHEMA, LINE = "meshclient.config_show/v1", "meshclient.config_setting/v1"
# What `ResolverUri` leaves out as well, and the user part of an address.
_SECRET = re.compile(rf"(?i)([?&][^=&\s]*(?:{'|'.join(SECRETS)})[^=&\s]*=)[^&\s]+|(?<=//)[^/@\s]+(?=@)")


@click.group()
@config_options
@output_options
def config() -> None:
    """Show the configuration and its origins."""


@config.command()
@click.option("--origin", is_flag=True, help="Show where each value comes from (always in JSON).")
@click.option(
    "--admin", metavar="ADDRESS", help="Of a process that runs: unix:run/mesh.sock, 127.0.0.1:7190 or http://..."
)
@click.option("--admin-token-file", metavar="FILE", help="Holds the token of its administration.")
@config_options
@output_options
@click.pass_obj
def show(invocation: Invocation, *, origin: bool, admin: str | None, admin_token_file: str | None) -> None:
    """Show every setting with its value, as it would be written into meshclient.toml.

    Secrets in addresses are masked. No plugin is loaded and no registry asked. With --admin it is the configuration
    of a process that runs.
    """
    renderer = invocation.renderer()
    if admin:
        from meshclient.cli.attached import configuration

        document = configuration(invocation, admin, admin_token_file)
    else:
        document = _document(invocation.loaded())
        for warning in document["warnings"]:
            invocation.say(f"warning: {warning}")
    settings: list[dict[str, Any]] = [_whole(setting) for setting in document["settings"]]
    columns = (Column("SETTING"), Column("VALUE"), Column("ORIGIN", wide=not origin))
    rows = [(each["path"], toml(each["value"]), _origin(each["origin"])) for each in settings]
    renderer.show(
        Answer(
            document={**document, "schema": SCHEMA, "settings": settings},
            sheets=[Sheet(f"file: {document['file'] or 'none found'}", columns, rows)],
            names=[each["path"] for each in settings],
            lines=[{"schema": LINE, **each} for each in settings],
        )
    )


def _document(loaded: Loaded) -> dict[str, Any]:
    lines = OriginLines(loaded.file)
    return {
        "schema": SCHEMA,
        "file": str(loaded.file) if loaded.file else None,
        "settings": [
            {
                "path": setting.path,
                "value": masked(setting.value),
                "origin": origin_document(setting.origin, lines.line(setting)),
            }
            for setting in loaded.settings
        ],
        "warnings": list(loaded.warnings),
    }


def _whole(setting: Mapping[str, Any]) -> dict[str, Any]:
    """With a line, which a process that runs does not tell."""
    return {**setting, "origin": {**setting["origin"], "line": setting["origin"].get("line")}}


def _origin(origin: Mapping[str, Any]) -> str:
    return f"{origin['layer']} {place(origin['detail'] or '', origin['line'])}".rstrip()


def masked(value: object) -> object:
    """`value` without the secrets that addresses in it may hold."""
    if isinstance(value, str):
        return _SECRET.sub(lambda found: f"{found[1] or ''}***", value)
    if isinstance(value, Mapping):
        return {key: masked(inner) for key, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, tuple | list) else value


def toml(value: object) -> str:
    """`value` in TOML's spelling, which for texts, numbers and switches is JSON's."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
