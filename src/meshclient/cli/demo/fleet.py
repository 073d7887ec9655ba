"""The processes of the demonstration, and the file in which they are registered."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

SERVICE = "shop"
_PROGRAM = Path(__file__).with_name("instance.py")
# Seconds to come up; a tenth of one is usual, but the machine may be busy.
_START_LIMIT = 15.0
_STOP_LIMIT = 2.0


class Instance:
    """A running instance.

    Attributes:
        name: its id in the registry.
        port: where it listens on 127.0.0.1.
        fate: what was done to it, in words; empty where it is well.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.fate = ""
        # In a group of its own, so that the terminal's interrupt reaches us and not the instances.
        self._process = subprocess.Popen(  # noqa: S603 - our own program, on our own interpreter
            [sys.executable, "-I", "-S", str(_PROGRAM), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def ready(self) -> None:
        """Wait until it listens; raises CommandError where it does not come up."""
        said = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(said), self._process.stdout
        )
        try:
            async with asyncio.timeout(_START_LIMIT):
                line = await said.readline()
        except TimeoutError:
            line = b""
        finally:
            transport.close()
        if not line.strip().isdigit():
            self.kill()
            errors = b"" if self._process.stderr is None else self._process.stderr.read()
            why = errors.decode(errors="replace").strip() or f"it said nothing within {_START_LIMIT:g}s"
            fix = "run the demo again when the machine has time for it"
            raise CommandError(Complaint(ExitStatus.FAILED, f"instance {self.name} did not start", why, fix))
        self.port = int(line)

    def tell(self, **behaviour: float) -> None:
        """Change what it does."""
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(behaviour).encode() + b"\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL: connections are reset, and its port refuses."""
        self._process.kill()

    def stop(self) -> None:
        """Take the exit code of a killed instance, and close its pipes."""
        self._process.wait(_STOP_LIMIT)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


class Fleet:
    """The instances that were started; leaving the context ends them all."""

    def __init__(self) -> None:
        self.instances: list[Instance] = []

    async def add(self, count: int = 1) -> list[Instance]:
        """Start instances side by side and wait for them."""
        made = []
        for _ in range(count):
            made.append(Instance(f"{SERVICE}-{len(self.instances) + 1}"))
            self.instances.append(made[-1])
        for instance in made:
            await instance.ready()
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for instance in self.instances:
            instance.kill()
        for instance in self.instances:
            instance.stop()


def register(path: Path, instances: Sequence[Instance]) -> None:
    """Write the registry file anew and rename it into place, as configuration management does."""
    endpoints = [{"host": "127.0.0.1", "port": each.port, "id": each.name} for each in instances]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"services": {SERVICE: {"endpoints": endpoints}}}), "utf-8")
    fresh.replace(path)
