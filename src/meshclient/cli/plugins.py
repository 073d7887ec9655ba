"""``meshclient plugins``: what can be named in a configuration, who brings it, and whether it loads; and new ones."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import click

from meshclient import __version__
from meshclient.cli.complaint import CommandError, Complaint
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
NEW_SCHEMA = "meshclient.plugins_new/v1"
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


@click.group(invoke_without_command=True)
@output_options
@click.pass_context
def plugins(context: click.Context) -> int | None:
    """List what is built in and what is installed.

    Each is loaded to see whether it can be; the exit code is 5 where one cannot. `plugins new` begins another.
    """
    return None if context.invoked_subcommand else _show(context.ensure_object(Invocation))


@plugins.command("list")
@output_options
@click.pass_obj
def list_plugins(invocation: Invocation) -> int:
    """List what is built in and what is installed; as `plugins` alone."""
    return _show(invocation)


@plugins.command()
@click.argument("name")
@click.option("--registrar", is_flag=True, help="Let it register instances too.")
@click.option(
    "--into",
    "parent",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="FOLDER",
    help="Where its folder is to be (default: here).",
)
@output_options
@click.pass_obj
def new(invocation: Invocation, name: str, registrar: bool, parent: Path) -> None:  # noqa: FBT001 - click's interface
    """Write the skeleton of a resolver plugin.

    Into the folder meshclient-NAME, where NAME is the scheme of its URIs. It passes the contract of resolvers as it is,
    against a registry of its own.
    """
    from meshclient.cli.skeleton import Skeleton

    skeleton = Skeleton(_scheme(name), registrar)
    folder = parent / skeleton.distribution
    renderer = invocation.renderer()
    try:
        paths = _all_written(folder, skeleton.files())
    except FileExistsError:
        what = f"{folder} exists, and nothing in it was touched"
        fix = "remove it, give another NAME, or another place with --into"
        raise CommandError(Complaint(ExitStatus.USAGE, what, "", fix)) from None
    except OSError as exc:
        what = f"{folder} cannot be written"
        raise CommandError(Complaint(ExitStatus.FAILED, what, str(exc), "choose another place with --into")) from exc
    uri = f"{skeleton.scheme}://127.0.0.1:7000"
    steps = [
        f"cd {folder}",
        "python -m pytest",
        "python -m pip install -e .",
        "meshclient plugins",
        f"meshclient resolve orders --resolver {uri}",
    ]
    document = {
        "schema": NEW_SCHEMA,
        "distribution": skeleton.distribution,
        "scheme": skeleton.scheme,
        "folder": str(folder),
        "files": [str(path.relative_to(folder)) for path in paths],
        "next": steps,
    }
    told = [
        ("its tests pass as they are",),
        ("so that meshclient finds it",),
        ("it is listed",),
        ("with a registry there",),
    ]
    rows = list(zip(steps, ["", *(words for (words,) in told)], strict=True))
    caption = f"{folder}: {len(paths)} files, which are a plugin for {skeleton.scheme}:// that works. Next:"
    renderer.show(
        Answer(
            document=document,
            sheets=[Sheet(caption, (Column("COMMAND"), Column("WHY")), rows)],
            names=[str(path) for path in paths],
        )
    )


def _scheme(name: str) -> str:
    from meshclient.cli.skeleton import NAME

    scheme = name.removeprefix("meshclient-")
    if not NAME.fullmatch(scheme):
        what = f"{name!r} is no name for a plugin"
        why = "it becomes the scheme of URIs and the name of a package"
        fix = "write small letters, digits and single hyphens, such as acme or acme-registry: 30 at most"
        raise CommandError(Complaint(ExitStatus.USAGE, what, why, fix))
    if scheme.startswith("test"):
        what = f"no plugin can be called {name!r}"
        why = "pytest takes classes whose names begin with Test for tests"
        raise CommandError(Complaint(ExitStatus.USAGE, what, why, "choose a NAME that begins otherwise"))
    own = {whose.removeprefix("meshclient-"): whose for whose in schemes.DISTRIBUTIONS.values()}
    taken = {**dict.fromkeys(schemes.BUILT_IN, "meshclient itself"), **own, **schemes.DISTRIBUTIONS}
    if scheme in taken:
        what = f"the scheme {scheme!r} is taken by {taken[scheme]}"
        why = "two distributions that claim one scheme cannot be installed together"
        raise CommandError(Complaint(ExitStatus.USAGE, what, why, "choose another NAME"))
    return scheme


def _all_written(folder: Path, texts: Iterator[tuple[str, str]]) -> list[Path]:
    """All of a new folder, or nothing. Raises FileExistsError where it is there already."""
    folder.mkdir(parents=True)
    paths = []
    try:
        for name, text in texts:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            paths.append(path)
    except OSError:
        # Half a plugin would stand in the way of the next attempt.
        rmtree(folder, ignore_errors=True)
        raise
    return paths


def _show(invocation: Invocation) -> int:
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
