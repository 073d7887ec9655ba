"""Servers in processes of their own that register themselves, for the tests of registration."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from servers.consul import Consul

# Beyond what any of them takes to end.
END = 30.0


def rows(consul: Consul, name: str, *, passing: bool = True) -> list[dict[str, Any]]:
    """What Consul lists of a service."""
    found: list[dict[str, Any]] = consul.call("GET", f"/v1/health/service/{name}{'?passing' if passing else ''}")
    return found


class Server:
    """A Python program in a process group of its own, with its output in a file."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        """Start ``python`` with these words; modules in `folder` can be imported."""
        self.log = folder / f"{len(list(folder.iterdir()))}.log"
        paths = os.pathsep.join([str(folder), *(entry for entry in sys.path if entry)])
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                env={**os.environ, "PYTHONPATH": paths, "XDG_RUNTIME_DIR": str(folder), **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program's first process."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; the status."""
        try:
            return self.process.wait(END)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not ended within {END:g} s: {self.said}") from None

    @property
    def said(self) -> str:
        """All output so far."""
        return self.log.read_text()

    def kill(self) -> None:
        """End every process of the program at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(END)
