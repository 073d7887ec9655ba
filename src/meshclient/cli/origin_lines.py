"""In which line of its file a value stands: the standard library's reader of TOML does not tell.

A line counts where it is a table's head, or begins with a key; what TOML allows beside that, such as a text of several
lines that looks like one, only costs the number of a line, never a wrong value.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from meshclient.config.origin import Layer
from meshclient.config.source import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from meshclient.config.origin import Origin
    from meshclient.config.origin import Path as KeyPath
    from meshclient.config.resolution import Setting

_HEAD = re.compile(r"\s*(\[[^\[\]]+\])\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_DEFAULTS = ("defaults",)
_PROJECT = ("tool", "meshclient")
# What the name of a project's file has behind it.
_TABLE = f" [{'.'.join(_PROJECT)}]"
_SERVICE_DEPTH, _ROUTE_DEPTH = 2, 4


class OriginLines:
    """The file of a configuration, read once more for its lines when the first one is asked for.

    Args:
        file: the file that was read, or None where there is none.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def line(self, setting: Setting) -> int | None:
        """Counted from 1; None for what is in no file, and where it cannot be told."""
        if self._file is None or setting.origin.layer is not Layer.FILE:
            return None
        tables, lines = self._read
        for path in _places(_path(setting.path)):
            if _within(tables, path):
                found = [lines[path[:depth]] for depth in range(len(path), 0, -1) if path[:depth] in lines]
                return found[0] if found else None
        return None

    def text(self, setting: Setting) -> str:
        """The origin for people, such as ``meshclient.toml:7`` or ``--set``."""
        return place(setting.origin.detail, self.line(setting)) or str(setting.origin.layer)

    @cached_property
    def _read(self) -> tuple[Mapping[str, object], dict[KeyPath, int]]:
        assert self._file is not None  # noqa: S101 - `line` asks for it where there is one
        root = _PROJECT if self._file.name == PROJECT_FILE else ()
        try:
            text = self._file.read_text("utf-8-sig")
            tables: object = tomllib.loads(text)
        except (OSError, ValueError):
            # It was read a moment ago, and may be another by now.
            return {}, {}
        for key in root:
            tables = tables.get(key, {}) if isinstance(tables, Mapping) else {}
        return tables if isinstance(tables, Mapping) else {}, dict(_lines(text.splitlines(), root))


def origin_document(origin: Origin, line: int | None) -> dict[str, object]:
    """An origin as JSON-ready data."""
    return {"layer": str(origin.layer), "detail": origin.detail or None, "line": line}


def place(detail: str, line: int | None) -> str:
    """A file and its line, as editors and terminals understand them."""
    return f"{detail.removesuffix(_TABLE)}:{line}" if line else detail


def _lines(text: Sequence[str], root: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    within: KeyPath = ()
    for number, line in enumerate(text, 1):
        if found := _HEAD.match(line):
            within = _path(found[1][1:-1])
        elif found := _KEY.match(line):
            path = (*within, *_path(found[1]))
            if path[: len(root)] == root:
                yield path[len(root) :], number


def _path(text: str) -> KeyPath:
    """The keys of a dotted one."""
    try:
        table: object = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return (text,)
    path: list[str] = []
    while isinstance(table, Mapping):
        ((key, table),) = table.items()
        path.append(str(key))
    return tuple(path)


def _places(path: KeyPath) -> Iterator[KeyPath]:
    """Where the value at `path` may be given, the nearest first."""
    yield path
    if path[0] == "services":
        if path[2:3] == ("routes",):
            yield (*path[:_SERVICE_DEPTH], *path[_ROUTE_DEPTH:])
            yield (*_DEFAULTS, *path[_ROUTE_DEPTH:])
        else:
            yield (*_DEFAULTS, *path[_SERVICE_DEPTH:])


def _within(tables: object, path: KeyPath) -> bool:
    """Whether the file speaks of `path`; a switch or a word in the place of a table speaks of all in it."""
    for key in path:
        if not isinstance(tables, Mapping):
            return True
        if key not in tables:
            return False
        tables = tables[key]
    return True
