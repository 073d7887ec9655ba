"""``meshclient plugins``: what can be named in a configuration, who brings it, and whether it loads."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import click

from meshclient import __version__
from meshclient.cli.complaint import Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import Invocation, output_options
from meshclient.cli.render import Answer, Cell, Column, Sheet
from meshclient.discovery import schemes
from meshclient.errors import PluginError
from meshclient.mesh import balancers
from meshclient.mesh.circuit_store import CIRCUITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMA = "meshclient.plugins/v1"
GROUPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        balancers.BALANCERS: balancers.BUILT_IN,
        CIRCUITS: {},
        "meshclient.commands": {},
        schemes.REGISTRARS: {},
        schemes.RESOLVERS: schemes.BUILT_IN,
        "meshclient.stores": {},
    }
)
_COLUMNS = (
    Column("GROUP"),
    Column("NAME"),
    Column("DISTRIBUTION"),
    Column("VERSION"),
    Column("LOADS"),
    Column("VALUE", wide=True),
    Column("ERROR"),
)


class Plugin(NamedTuple):
    """A thing that can be named, and what happened when it was loaded."""

    group: str
    name: str
    distribution: str
    version: str | None
    value: str
    error: str | None

    def document(self) -> dict[str, object]:
        """The plugin as JSON-ready data."""
        return {**self._asdict(), "built_in": self.distribution == "meshclient", "loads": self.error is None}


@click.command()
@output_options
@click.pass_obj
def plugins(invocation: Invocation) -> int:
    """List what is built in and what is installed.

    Each is loaded to see whether it can be; the exit code is 5 where one cannot.
    """
    found = sorted(plugin for group, built_in in GROUPS.items() for plugin in _plugins(group, built_in))
    rows = [
        (
            plugin.group,
            plugin.name,
            plugin.distribution,
            plugin.version or "",
            Cell("no", "red") if plugin.error else Cell("yes", "green"),
            plugin.value,
            plugin.error or "",
        )
        for plugin in found
    ]
    invocation.renderer().show(
        Answer(
            document={"schema": SCHEMA, "plugins": [plugin.document() for plugin in found]},
            sheets=[Sheet("", _COLUMNS, rows)],
            names=[plugin.name for plugin in found],
            lines=[{"schema": SCHEMA, **plugin.document()} for plugin in found],
        )
    )
    broken = [plugin for plugin in found if plugin.error]
    for plugin in broken:
        what = f"{plugin.name!r} of {plugin.distribution} ({plugin.group}) cannot be used"
        complaint = Complaint(
            ExitStatus.UNAVAILABLE, what, plugin.error or "", f"reinstall {plugin.distribution}, or uninstall it"
        )
        click.echo(f"error: {complaint}", err=True)
    return ExitStatus.UNAVAILABLE if broken else ExitStatus.OK


def _plugins(group: str, built_in: Mapping[str, str]) -> Iterator[Plugin]:
    for name, value in built_in.items():
        yield Plugin(group, name, "meshclient", __version__, value, _error(group, name, built_in))
    for name, distribution, point in schemes.installed(group):
        version = point.dist.version if point.dist else None
        yield Plugin(group, name, distribution, version, point.value, _error(group, name, built_in))


def _error(group: str, name: str, built_in: Mapping[str, str]) -> str | None:
    try:
        schemes.load(group, name, built_in, f"{group} entry")
    except PluginError as exc:
        return str(exc)
    return None
