"""``meshclient config``: every setting, its value, and who said so."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import click

from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.render import Answer, Column, Sheet
from meshclient.discovery.resolver import SECRETS

SCHEMA = "meshclient.config_show/v1"
# What `ResolverUri` leaves out as well, and the user part of an address.
_SECRET = re.compile(rf"(?i)([?&][^=&\s]*(?:{'|'.join(SECRETS)})[^=&\s]*=)[^&\s]+|(?<=//)[^/@\s]+(?=@)")


@click.group()
@config_options
@output_options
def config() -> None:
    """Show the configuration and its origins."""


@config.command()
@click.option("--origin", is_flag=True, help="Show where each value comes from (always in JSON).")
@config_options
@output_options
@click.pass_obj
def show(invocation: Invocation, *, origin: bool) -> None:
    """Show every setting with its value, as it would be written into meshclient.toml.

    Secrets in addresses are masked. No plugin is loaded and no registry asked.
    """
    renderer = invocation.renderer()
    loaded = invocation.loaded()
    for warning in loaded.warnings:
        invocation.say(f"warning: {warning}")
    settings = [
        {
            "path": setting.path,
            "value": _masked(setting.value),
            "origin": {"layer": str(setting.origin.layer), "detail": setting.origin.detail or None},
        }
        for setting in loaded.settings
    ]
    columns = (Column("SETTING"), Column("VALUE"), Column("ORIGIN", wide=not origin))
    rows = [(setting.path, toml(_masked(setting.value)), str(setting.origin)) for setting in loaded.settings]
    document = {
        "schema": SCHEMA,
        "file": str(loaded.file) if loaded.file else None,
        "settings": settings,
        "warnings": list(loaded.warnings),
    }
    renderer.show(
        Answer(
            document=document,
            sheets=[Sheet(f"file: {loaded.file or 'none found'}", columns, rows)],
            names=[setting.path for setting in loaded.settings],
            lines=[{"schema": SCHEMA, **setting} for setting in settings],
        )
    )


def _masked(value: object) -> object:
    if isinstance(value, str):
        return _SECRET.sub(lambda found: f"{found[1] or ''}***", value)
    if isinstance(value, Mapping):
        return {key: _masked(inner) for key, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, tuple | list) else value


def toml(value: object) -> str:
    """`value` in TOML's spelling, which for texts, numbers and switches is JSON's."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
