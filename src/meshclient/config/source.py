"""Finding and reading the configuration file; the only module here that touches the disk.

One file is read, the first that is found: the one that was asked for, the one in ``MESHCLIENT_CONFIG``, or, where a
search is wanted, the nearest one from the working directory up to the root of the checkout. The search ends there, and
outside a checkout does not leave the working directory, so that nobody configures us by a file in ``/tmp``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshclient.config.environment import CONFIG_VARIABLE
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OWN_FILE = "meshclient.toml"
PROJECT_FILE = "pyproject.toml"
# What tomllib says of it.
_NO_VALUE = "Invalid value"
_PROJECT_TABLE = ("tool", "meshclient")


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded file.

    Args:
        path: where it is; None where there is none.
        label: the same for people, relative to the working directory where it is below it.
        tables: what it says.
    """

    path: Path | None = None
    label: str = ""
    tables: Mapping[str, object] = field(default_factory=dict)


def read_source(path: Path | str | None, environ: Mapping[str, str], cwd: Path, *, search: bool) -> Document:
    """The configuration file, or an empty document where none is asked for and none is found.

    Raises ConfigError for a file that is asked for and cannot be read, and for one that is not TOML.
    """
    if path is not None:
        return _required(cwd / path, cwd, "the path that was given")
    if named := environ.get(CONFIG_VARIABLE, "").strip():
        return _required(cwd / named, cwd, CONFIG_VARIABLE)
    for folder in _folders(cwd) if search else ():
        for name in (OWN_FILE, PROJECT_FILE):
            document = _read(folder / name, cwd)
            if document is not None:
                return document
    return Document()


def _folders(cwd: Path) -> Iterator[Path]:
    chain = [cwd, *cwd.parents]
    root = next((depth for depth, folder in enumerate(chain) if _is_checkout(folder)), 0)
    yield from chain[: root + 1]


def _is_checkout(folder: Path) -> bool:
    try:
        return (folder / ".git").exists()
    except OSError:
        return False


def _required(path: Path, cwd: Path, asker: str) -> Document:
    document = _read(path, cwd)
    if document is None:
        label = _label(path, cwd)
        lack = (
            f"has no [{'.'.join(_PROJECT_TABLE)}] table"
            if path.name == PROJECT_FILE and path.exists()
            else "is not there"
        )
        raise ConfigError(f"{label} {lack}: create it, or correct {asker}")
    return document


def _read(path: Path, cwd: Path) -> Document | None:
    label = _label(path, cwd)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise ConfigError(f"{label} cannot be read: {exc.strerror or exc}") from None
    except ValueError as exc:
        raise ConfigError(f"{label} is not a text file in UTF-8: {exc}") from None
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        fault = str(exc).replace(_NO_VALUE, f"{_NO_VALUE}, such as a text without quotes")
        raise ConfigError(f"{label} is not valid TOML: {fault}") from None
    if path.name != PROJECT_FILE:
        return Document(path, label, tables)
    own = _project_table(tables)
    return None if own is None else Document(path, f"{label} [{'.'.join(_PROJECT_TABLE)}]", own)


def _project_table(tables: Mapping[str, object]) -> Mapping[str, object] | None:
    table: object = tables
    for key in _PROJECT_TABLE:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else None


def _label(path: Path, cwd: Path) -> str:
    return str(path.relative_to(cwd) if path.is_relative_to(cwd) else path)
