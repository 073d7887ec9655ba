"""What a build adds to the sources: the twin of the HTTP face for httpx2 (`scripts/twin.py`)."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TwinHook(BuildHookInterface[Any]):
    """Writes it beside its original, for wheels and for editable installs."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the interface's
        """Before files are gathered."""
        root = Path(self.root)
        runpy.run_path(str(root / "scripts" / "twin.py"))["write"](root)
        build_data["artifacts"].append("/src/meshclient/httpx2/")
