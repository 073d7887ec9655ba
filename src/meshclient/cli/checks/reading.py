"""What the category ``config`` decides on: the file, the variables and the arguments, read as a program would."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.cli.checks.config import ConfigFacts, Obstacle
from meshclient.config.loaded import merge
from meshclient.config.origin import Layer
from meshclient.config.source import read_source
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.config.loaded import Loaded


@dataclass(frozen=True, slots=True)
class Asker:
    """What was asked for on the command line, and where from.

    Args:
        path: the configuration file, or None to look for one.
        resolver: in place of the configured one.
        sets: ``key.path=value`` texts.
        names: services; none for all that are known.
        environ: the environment's variables.
        cwd: the working directory.
        limit: seconds for one look.
    """

    path: str | None = None
    resolver: str | None = None
    sets: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path()
    limit: float = 5.0


def read_config(asker: Asker) -> ConfigFacts:
    """Everything about the configuration; raises nothing for what is wrong with it."""
    try:
        document = read_source(asker.path, asker.environ, asker.cwd, search=True)
    except ConfigError as exc:
        # What the decoder raised is all that tells half a file from no file.
        syntax = isinstance(exc.__context__, tomllib.TOMLDecodeError | RecursionError)
        return ConfigFacts(obstacle=Obstacle.SYNTAX if syntax else Obstacle.FILE, complaints=(str(exc),))
    arguments = {} if asker.resolver is None else {"resolver": asker.resolver}
    try:
        loaded = merge(document, asker.environ, arguments, asker.sets)
    except ConfigError as exc:
        lines = str(exc).split("\n  - ")
        return ConfigFacts(obstacle=Obstacle.VALUES, complaints=tuple(lines[1:] or lines), label=document.label)
    facts = ConfigFacts(loaded, label=document.label, connections=_connections(loaded), open_files=_open_files())
    return replace(facts, resolver=_resolver(loaded), state_dir=_state_dir(loaded))


def _resolver(loaded: Loaded) -> str:
    from meshclient.discovery.expression import parse

    try:
        if loaded.config.resolver:
            parse(loaded.config.resolver)
    except ConfigError as exc:
        return str(exc)
    return ""


def _state_dir(loaded: Loaded) -> str:
    """Why no list can be written there; nothing is made."""
    from meshclient.discovery.state_folder import StateFolder

    if not loaded.config.state_dir:
        return ""
    try:
        path = StateFolder.at(loaded.config.state_dir).path
        while not path.exists() and path != path.parent:
            path = path.parent
    except ConfigError as exc:
        return str(exc)
    except OSError as exc:
        return exc.strerror or str(exc)
    if not path.is_dir():
        return f"{path} is not a folder"
    return "" if os.access(path, os.W_OK | os.X_OK) else f"this user may not write in {path}"


def _connections(loaded: Loaded) -> int:
    """The most that anybody has asked for; what nobody chose is nobody's plan."""
    chosen = {each.path for each in loaded.settings if each.origin.layer is not Layer.DEFAULT}
    config = loaded.config
    places = {"defaults": config.defaults} | {f"services.{name}": each for name, each in config.services.items()}
    return max((s.connections.total for p, s in places.items() if f"{p}.connections.total" in chosen), default=0)


def _open_files() -> int | None:
    try:
        import resource  # there is none on Windows
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
