"""Fixtures of the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.command import Command


@pytest.fixture
def meshclient_command(tmp_path: Path) -> Command:
    """The command, run in an empty folder."""
    return Command(tmp_path)
