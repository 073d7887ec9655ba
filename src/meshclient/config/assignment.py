"""``--set key.path=value``: a configuration file of one line, on the command line."""

from __future__ import annotations

import tomllib
from typing import TypeAlias

from meshclient.config.kinds import Spelled
from meshclient.errors import ConfigError
from meshclient.model.endpoint import without_user

Nested: TypeAlias = "dict[str, Nested | Spelled]"


def parse_assignment(text: str) -> Nested:
    """The tables that ``key.path=value`` stands for.

    The key is a TOML key, so that ``services."api.example".deadline=1s`` works. The value is kept as text: of which
    kind it is depends on the key. Raises ConfigError for anything else.
    """
    key, equals, value = text.partition("=")
    path = _keys(key) if equals else []
    if not path:
        raise ConfigError(
            f"{without_user(text)!r} is not an assignment: write key.path=value, such as defaults.deadline=2s"
        )
    inner: Nested | Spelled = Spelled(value.strip())
    for name in reversed(path):
        inner = {name: inner}
    assert isinstance(inner, dict)  # noqa: S101 - `path` is not empty
    return inner


def _keys(key: str) -> list[str]:
    try:
        node: object = tomllib.loads(f"{key} = 0")
    except (ValueError, RecursionError):
        return []
    keys = []
    while isinstance(node, dict) and len(node) == 1:
        [(name, node)] = node.items()
        keys.append(name)
    return keys if node == 0 and "\n" not in key else []
