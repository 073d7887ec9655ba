"""A real HTTP/1.1 instance in a process of its own, for calls under load and faults.

By hand: `python tests/servers/backend_process.py '{"name": "a", "port": 8080}'`.
"""

from __future__ import annotations

import atexit
import json
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from servers.census import census
from servers.errors import ServerError
from servers.ports import free_port
from servers.process import wait_stopped
from servers.rest import call, expect

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TypedDict, Unpack

    class BehaviourArguments(TypedDict, total=False):
        """The fields of backend_process.Behaviour."""

        delay: float
        status: int
        close: bool
        hang: bool
        reset: bool
        fail_ratio: float
        times: int | None
        disconnect: bool


_PROGRAM = Path(__file__).with_name("backend_process.py")
_START_LIMIT = 10.0
_ATTEMPTS = 3


class Backend:
    """One instance on 127.0.0.1; a context manager.

    The process ends with stop(), with this process, and after `life` seconds. It keeps its port from
    kill() to start(). What it answers is listed in backend_process.py.
    """

    def __init__(
        self,
        name: str = "backend",
        *,
        port: int = 0,
        life: float = 600.0,
        **behaviour: Unpack[BehaviourArguments],
    ) -> None:
        """Prepare an instance on `port` (0: a free one) with a behaviour to start with."""
        self.name = name
        self.port = port
        self.life = life
        self._fixed = bool(port)
        self._behaviour = behaviour
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the process and wait until it accepts connections."""
        self.launch()
        return self.wait_ready()

    def launch(self) -> None:
        """Start the process without waiting: several can come up side by side."""
        if self.alive:
            raise ServerError(f"backend {self.name} already runs")
        self.port = self.port or free_port()
        options = {"name": self.name, "port": self.port, "life": self.life, "behaviour": self._behaviour}
        argv = [sys.executable, "-I", "-S", str(_PROGRAM), json.dumps(options)]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - _end() closes it
        # A process group of its own in our session: where the parent dies while this one is stopped, the
        # kernel finds the group orphaned and ends it by SIGHUP and SIGCONT.
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            process_group=0,
        )
        atexit.register(self.stop)

    def wait_ready(self) -> Self:
        """Wait until the launched process accepts connections; on another port where its own was taken."""
        for attempt in range(_ATTEMPTS):
            said = self._announcement()
            if said:
                break
            errors = self._error_text()
            self.stop()
            if self._fixed or "address already in use" not in errors or attempt + 1 == _ATTEMPTS:
                raise ServerError(f"backend {self.name} did not start on port {self.port}: {errors}")
            self.port = 0
            self.launch()
        self._fixed = True
        self.count()
        return self

    def count(self) -> None:
        """Note that the current test uses it."""
        census.used("loopback http backend", "")

    def _announcement(self) -> bytes:
        if self._process is None or self._process.stdout is None:
            raise ServerError(f"backend {self.name} was not launched")
        end = time.monotonic() + _START_LIMIT
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
        return self._process.stdout.readline() if ready else b""

    def _error_text(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-2000:].decode(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether the process runs (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The running process's id."""
        if self._process is None:
            raise ServerError(f"backend {self.name} does not run")
        return self._process.pid

    @property
    def host(self) -> str:
        """Always 127.0.0.1."""
        return "127.0.0.1"

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, without a final slash."""
        return f"http://{self.host}:{self.port}"

    def stop(self) -> None:
        """End the process; harmless when repeated."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process with SIGKILL: connections are reset, the port refuses. start() brings it back."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        atexit.unregister(self.stop)
        if process is None:
            return
        for signalled in (number, signal.SIGCONT):
            process.send_signal(signalled)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        if process.stdout is not None:
            process.stdout.close()
        self._errors.close()

    def pause(self) -> None:
        """Stop the process with SIGSTOP: connections are accepted by the kernel, nothing is answered."""
        self._signal(signal.SIGSTOP)
        wait_stopped(self.pid)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def control(self, **behaviour: Unpack[BehaviourArguments]) -> None:
        """Replace the behaviour at run time; without arguments the instance is healthy again."""
        expect(call("POST", f"{self.url}/_control", dict(behaviour)), f"control of {self.name}")

    def stats(self) -> dict[str, Any]:
        """Counts since the start: requests, faulted, paths, methods, connections, open."""
        counts: dict[str, Any] = expect(call("GET", f"{self.url}/_stats"), f"stats of {self.name}").json
        return counts

    def __enter__(self) -> Self:
        """Start the process."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self.stop()


class Backends:
    """Starts instances side by side and stops them all at the end: `a, b, c = backends(3)`."""

    def __init__(self) -> None:
        """Start with no instance."""
        self.running: list[Backend] = []

    def __call__(self, count: int = 1, **behaviour: Unpack[BehaviourArguments]) -> list[Backend]:
        """Start `count` instances, named b0, b1, ... in the order of their start."""
        first = len(self.running)
        made = [Backend(f"b{first + index}", **behaviour) for index in range(count)]
        self.running += made
        for backend in made:
            backend.launch()
        return [backend.wait_ready() for backend in made]

    def stop(self) -> None:
        """Stop every instance."""
        while self.running:
            self.running.pop().stop()
