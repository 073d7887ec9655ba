"""The command in this very process, for tests whose subject is not the process: a tenth of the time."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import pytest

from cli.command import FOREIGN, Ran
from meshclient.cli.main import main


class Here:
    """Runs ``meshclient`` in `folder`, without any configuration of the machine."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        """Begin with nothing set."""
        self.folder = folder
        self._capsys = capsys
        self._patch = patch

    def __call__(self, *words: str, **variables: str) -> Ran:
        """Run the command to its end."""
        logger, ours = logging.getLogger("meshclient"), signal.getsignal(signal.SIGTERM)
        handlers, level = list(logger.handlers), logger.level
        discovery = logging.getLogger("meshclient.discovery").level
        with self._patch.context() as patch:
            patch.chdir(self.folder)
            for name in [*FOREIGN, *(name for name in os.environ if name.startswith("MESHCLIENT_"))]:
                patch.delenv(name, raising=False)
            for name, value in variables.items():
                patch.setenv(name, value)
            try:
                code = main(words)
            finally:
                logger.handlers[:] = handlers
                logger.setLevel(level)
                logging.getLogger("meshclient.discovery").setLevel(discovery)
                signal.signal(signal.SIGTERM, ours)
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)
