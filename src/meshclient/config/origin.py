"""Where a value stands in the configuration, and who put it there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Path: TypeAlias = tuple[str, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Layer(StrEnum):
    """The sources of a value; of two, the later one here is the stronger."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    ARGUMENT = "argument"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said so.

    Args:
        layer: the kind of source.
        detail: the file, the variable, or ``--set``; empty where there is nothing more to tell.
    """

    layer: Layer
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.layer} {self.detail}" if self.detail else str(self.layer)


DEFAULT = Origin(Layer.DEFAULT)


def dotted(path: Path) -> str:
    """`path` as a TOML key: ``services."api.example".deadline``."""
    return ".".join(key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False) for key in path)
