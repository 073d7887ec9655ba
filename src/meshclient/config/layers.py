"""What one source says, read by the schema: from nested tables to checked leaves.

A leaf is a value under its full path. Tables that may be switched off and tables with the owner's names leave a leaf of
their own, ``True`` or ``False``, so that merging two sources is a union of leaves and nothing more: ``retry = {attempts
= 5}`` says that retry is on and that attempts is 5, and leaves the budget to the weaker source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from meshclient.config.kinds import Kind, Spelled, shown, switch_or_value, toml_or_text
from meshclient.config.origin import Origin, Path, dotted
from meshclient.config.schema import HOMES, ROOT, Named, Node, Table

_LIKE, _ALL_BUT_THE_SAME = 0.6, 0.9


@dataclass(frozen=True, slots=True)
class Leaf:
    """A checked value and who gave it."""

    value: object
    origin: Origin


@dataclass(slots=True)
class Reading:
    """One source as it is read.

    Attributes:
        leaves: what it says, by path.
        problems: what is wrong with it, a line each; the values concerned are missing in `leaves`.
    """

    leaves: dict[Path, Leaf] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def take(self, document: object, origin: Origin) -> None:
        """Read nested tables. A leaf that was taken before is replaced."""
        self._table(ROOT, (), document, origin)

    def reject(self, path: Path, origin: Origin, reason: object) -> None:
        """Note a problem."""
        place = f"{dotted(path)} ({origin})" if path else f"configuration ({origin})"
        self.problems.append(f"{place}: {reason}")

    def _node(self, node: Node, path: Path, value: object, origin: Origin) -> None:
        if isinstance(node, Table):
            self._table(node, path, value, origin)
        elif isinstance(node, Named):
            self._named(node, path, value, origin)
        else:
            self._value(node, path, value, origin)

    def _value(self, kind: Kind, path: Path, value: object, origin: Origin) -> None:
        given = kind.spelled(value) if isinstance(value, Spelled) else value
        try:
            self.leaves[path] = Leaf(kind.read(given), origin)
        except (ValueError, RecursionError) as exc:
            self.reject(path, origin, exc)

    def _table(self, table: Table, path: Path, value: object, origin: Origin) -> None:
        given = switch_or_value(value) if isinstance(value, Spelled) else value
        if table.switch and (given is None or isinstance(given, bool)):
            self.leaves[path] = Leaf(bool(given), origin)
            return
        if table.word and isinstance(given, str):
            given = {table.word: given}
        if not isinstance(given, Mapping):
            word = f"a word for its '{table.word}', " if table.word else ""
            remedy = f"write {word}a table, or false for off" if table.switch else "write a table of named values"
            if "endpoints" in table.keys:  # addresses where their service stands
                remedy += f", as {dotted((*path, 'endpoints'))} = ['http://10.0.0.1:8080']"
            self.reject(path, origin, f"{shown(given)} is not a table: {remedy}")
            return
        if table.switch:
            self.leaves.setdefault(path, Leaf(True, origin))
        for key, inner in given.items():
            if not isinstance(key, str) or key not in table.keys:
                self.reject((*path, str(key)), origin, _unknown(str(key), table))
            elif path or inner is not None:  # a top-level None is an argument that was not given
                self._node(table.keys[key], (*path, key), inner, origin)

    def _named(self, named: Named, path: Path, value: object, origin: Origin) -> None:
        given = toml_or_text(value) if isinstance(value, Spelled) else value
        if not isinstance(given, Mapping):
            example = dotted((*path, named.example))
            self.reject(path, origin, f"{shown(given)} is not a table: write one for each, such as [{example}]")
            return
        spelling: dict[str, str] = {}
        for key, inner in given.items():
            try:
                name = named.name(str(key))
            except ValueError as exc:
                self.reject((*path, str(key)), origin, exc)
                continue
            if name in spelling:
                self.reject(path, origin, f"{spelling[name]!r} and {key!r} are one name: keep one of them")
            spelling[name] = str(key)
            self.leaves.setdefault((*path, name), Leaf(True, origin))
            self._table(named.table, (*path, name), inner, origin)


def names(leaves: Mapping[Path, Leaf], parent: Path) -> list[str]:
    """The owner's names that stand under `parent`, sorted."""
    return sorted(path[-1] for path in leaves if path[:-1] == parent)


def _unknown(key: str, table: Table) -> str:
    # A key that belongs elsewhere, unless one that belongs here is all but the same.
    close = get_close_matches(key, table.keys, 1, _ALL_BUT_THE_SAME if key in HOMES else _LIKE) or [HOMES.get(key, "")]
    hint = f" Did you mean '{close[0]}'?" if close[0] else ""
    return f"unknown key.{hint} Known here: {', '.join(table.keys)}"
