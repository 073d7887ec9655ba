"""Where the configuration comes from, so that it can be read again while the process runs.

What a reload must not mix are two states of a file: it is read once, and what was read travels (to workers too).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.config.environment import SIDECAR_VARIABLE
from meshclient.config.loaded import merge
from meshclient.config.source import Document, read_source
from meshclient.errors import ConfigError
from meshclient.sidecar.settings import effective

if TYPE_CHECKING:
    from meshclient.config.loaded import Loaded

# Read by the watch of a file, so that one which is replaced by a rename, or written twice in a tick, is seen.
Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What was given at the start.

    Args:
        path: the configuration file, or None to look for one.
        arguments: nested tables, stronger than environment and file.
        sets: ``key.path=value`` texts, strongest.
        cwd: the working directory.
        environ: the environment.
    """

    path: str | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    sets: Sequence[str] = ()
    cwd: Path = field(default_factory=Path.cwd)
    environ: Mapping[str, str] = field(default_factory=lambda: own_environment(os.environ))

    def read(self) -> Document:
        """The file as it is now. Raises ConfigError."""
        return read_source(self.path, self.environ, self.cwd, search=True)

    def load(self, document: Document) -> Loaded:
        """The whole configuration with that file. Raises ConfigError with all that is wrong."""
        loaded = effective(merge(document, self.environ, self.arguments, self.sets))
        if loaded.config.mode == "on-demand":
            raise ConfigError(
                f"mode ({loaded.origin('mode')}): a sidecar follows its services between requests: write mode = "
                "'background'"
            )
        return loaded


def own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` for a sidecar, which must not take another one, or itself, for its registry."""
    return {name: value for name, value in environ.items() if name != SIDECAR_VARIABLE}


def signature(path: Path | None) -> Signature | None:
    """What changes when the file does; None where there is none."""
    if path is None:
        return None
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
