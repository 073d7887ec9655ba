"""Putting the sources together.

``load(...)`` is what `Mesh` and the command line call. The environment always applies, so that an operator can change
what a program does; a file applies where the caller or ``MESHCLIENT_CONFIG`` names one, or where one is searched for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from meshclient.config.assignment import parse_assignment
from meshclient.config.coherence import contradictions
from meshclient.config.environment import read_environment
from meshclient.config.layers import Leaf, Reading, names
from meshclient.config.origin import Layer, Origin
from meshclient.config.origin import Path as KeyPath
from meshclient.config.resolution import Resolution, Setting
from meshclient.config.shape import MeshConfig
from meshclient.config.sidecar_url import through_sidecar
from meshclient.config.source import Document, read_source
from meshclient.errors import ConfigError

_NO_ARGUMENTS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and its story.

    Args:
        config: the values.
        settings: every effective value with its origin, sorted by path. Given as arguments they make the same values
            again; that services were `unspelled` is lost.
        warnings: what was ignored, and what cannot all hold, a line each.
        file: the file that was read, if any.
    """

    config: MeshConfig
    settings: tuple[Setting, ...]
    warnings: tuple[str, ...] = ()
    file: Path | None = None

    def origin(self, path: str) -> Origin:
        """Who gave the value at `path`, such as ``services.orders.deadline``.

        Raises ConfigError, with a suggestion, where no value has that path.
        """
        origins = {setting.path: setting.origin for setting in self.settings}
        if path not in origins:
            close = get_close_matches(path, origins, 1)
            hint = f"did you mean {close[0]}?" if close else "`meshclient config show` lists them all"
            raise ConfigError(f"no value is at {path}: {hint}")
        return origins[path]


def load(
    *,
    environ: Mapping[str, str],
    cwd: Path,
    path: Path | str | None = None,
    search: bool = False,
    arguments: Mapping[str, object] = _NO_ARGUMENTS,
    sets: Sequence[str] = (),
) -> Loaded:
    """The configuration that all sources give together.

    The strongest first: `sets` (a later one over an earlier one), `arguments`, `environ`, the file, the sidecar that
    ``MESHCLIENT_SIDECAR_URL`` names (where nobody gives a resolver), the defaults.
    Tables are merged key by key, lists are replaced. ``False`` or ``None`` turns a policy off; ``True`` or a table
    turns it on, with the values that hold otherwise.

    Args:
        environ: the environment variables; those that are not ``MESHCLIENT_…`` are left alone.
        cwd: the working directory, absolute; relative paths and the search start here.
        path: the file to read; it must exist.
        search: whether to look for a file where neither `path` nor ``MESHCLIENT_CONFIG`` names one.
        arguments: nested tables; a top-level None counts as not given.
        sets: ``key.path=value``, as on the command line.

    Raises ConfigError with all that is wrong, a line each: the key, its origin, the reason and a remedy.
    """
    return merge(read_source(path, environ, cwd, search=search), environ, arguments, sets)


def merge(
    document: Document, environ: Mapping[str, str], arguments: Mapping[str, object], sets: Sequence[str]
) -> Loaded:
    """The same without the disk."""
    file, given = Reading(), Reading()
    file.take(document.tables, Origin(Layer.FILE, document.label))
    given.take(arguments, Origin(Layer.ARGUMENT))
    assigned = [_assigned(text) for text in sets]
    spelt = {name for reading in (file, given, *assigned) for name in names(reading.leaves, ("services",))}
    environment = read_environment(environ, spelt)

    leaves: dict[KeyPath, Leaf] = {}
    problems: list[str] = []
    for reading in (file, environment.reading, given, *assigned):
        leaves |= reading.leaves
        problems += reading.problems
    try:
        leaves |= through_sidecar(environ, leaves)
    except ValueError as exc:
        problems.append(str(exc))
    _raise(problems)
    resolution = Resolution(leaves)
    config = resolution.mesh(environment.unspelled)
    _raise(resolution.problems)
    settings = tuple(setting for _, setting in sorted(resolution.settings.items()))
    warnings = environment.warnings + contradictions(config, leaves, resolution.settings)
    return Loaded(config, settings, warnings, document.path)


def _assigned(text: str) -> Reading:
    reading, origin = Reading(), Origin(Layer.ARGUMENT, "--set")
    try:
        reading.take(parse_assignment(text), origin)
    except ConfigError as exc:
        reading.reject((), origin, exc)
    return reading


def _raise(problems: Sequence[str]) -> None:
    lines = list(dict.fromkeys(problems))
    if len(lines) == 1:
        raise ConfigError(lines[0])
    if lines:
        raise ConfigError("\n  - ".join([f"{len(lines)} problems in the configuration:", *lines]))
