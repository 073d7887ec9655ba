"""Instances of a service under load: a process with many listeners that are in trouble as they are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from servers.errors import ServerError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    class BehaviourArguments(TypedDict, total=False):
        """The fields of scenario_process.Behaviour."""

        median: float
        factor: float
        fail: float
        hang: float
        reset: float
        well: bool


_PROGRAM = Path(__file__).with_name("scenario_process.py")


class Stats(TypedDict):
    """What was asked and done: by instance, and executions by request id."""

    requests: dict[str, int]
    checks: dict[str, int]
    executed: dict[str, int]


class ScenarioBackend:
    """The instances of one service on 127.0.0.1; a context manager. `ports` has them by name."""

    def __init__(self, *names: str, seed: int = 1) -> None:
        self._names = names
        self._seed = seed
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAM), str(self._seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        for name in self._names:
            self.start(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closes its input, at which it ends.
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def url(self, name: str) -> str:
        """Where an instance listens."""
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def urls(self) -> list[str]:
        """Where all of them listen."""
        return [self.url(name) for name in self.ports]

    def start(self, name: str, **behaviour: Unpack[BehaviourArguments]) -> str:
        """Start an instance, or one that was stopped at its old port; its URL."""
        self.ports[name] = cast("int", self._tell("start", name, behaviour))
        return self.url(name)

    def stop(self, name: str) -> None:
        """Let it end as on SIGTERM: it answers what is under way and takes no more."""
        self._tell("stop", name)

    def behave(self, *names: str, **behaviour: Unpack[BehaviourArguments]) -> None:
        """Replace what instances do, of all at once; without anything they are well."""
        self._tell("behave", " ".join(names), behaviour)

    def stats(self) -> Stats:
        """Everything so far."""
        return cast("Stats", self._tell("stats"))

    def _tell(self, do: str, name: str = "", behaviour: BehaviourArguments | None = None) -> object:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"do": do, "name": name, "behaviour": behaviour or {}}).encode() + b"\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise ServerError(f"the instances ended; exit status {self._process.wait(5)}")
        return json.loads(answer)
