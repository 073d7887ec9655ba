"""The life of a server under test: start, kill, pause, restart, stop."""

from __future__ import annotations

import abc
import atexit
import contextlib
import json
import os
import random
import shutil
import signal
import threading
from typing import TYPE_CHECKING, ClassVar

from servers.census import census
from servers.errors import NotInstalledError, ServerError
from servers.process import Process, run_root, tail, unsupported, wait_stopped, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

DEFAULT_LIFE = 1800.0
_ATTEMPTS = 3


class Server(abc.ABC):
    """A real server on loopback with one process per node; a context manager.

    Subclasses say what to launch and when a node is ready. Everything a server writes lies in a
    folder of its own, which stop() removes.
    """

    kind: ClassVar[str]
    ready_timeout: ClassVar[float] = 30.0

    def __init__(self, *, nodes: int = 1, life: float = DEFAULT_LIFE) -> None:
        """Prepare `nodes` nodes that end by themselves after `life` seconds; nothing runs yet."""
        self.dir = run_root() / f"{self.kind}-{os.getpid()}-{random.randrange(16**6):06x}"
        self.node_count = nodes
        self.life = life
        self._processes: dict[int, Process] = {}

    @property
    def product(self) -> str:
        """The name of the program that runs."""
        return self.kind

    @property
    @abc.abstractmethod
    def version(self) -> str:
        """The version of the program that runs, or would run."""

    @abc.abstractmethod
    def missing(self) -> str | None:
        """Why this server cannot be started here and how to change that, or None."""

    @abc.abstractmethod
    def describe(self) -> Mapping[str, object]:
        """Where a person reaches the running server."""

    @abc.abstractmethod
    def _choose_ports(self) -> None: ...

    @abc.abstractmethod
    def _launch(self, node: int) -> Process: ...

    @abc.abstractmethod
    def _ready(self, node: int) -> bool: ...

    def _started(self) -> None:  # noqa: B027 - most servers have nothing to do here
        """All nodes answer, at first or again after `heal`: the place to set up access rules that are not there."""

    def _wipe(self, node: int) -> None:  # noqa: B027 - a server without data has nothing to lose
        """Lose the data of a node that does not run."""

    def start(self) -> Self:
        """Start all nodes and wait until they answer; on other ports where another process was faster.

        Raises NotInstalledError where a program is missing, ServerError where a node does not come up.
        """
        reason = unsupported() or self.missing()
        if reason is not None:
            raise NotInstalledError(reason)
        atexit.register(self.stop)
        for attempt in range(_ATTEMPTS):
            try:
                self._start()
            except BaseException as error:
                taken = any("address already in use" in tail(log).lower() for log in self.dir.glob("*.log"))
                self.stop()
                if not (taken and isinstance(error, ServerError) and attempt + 1 < _ATTEMPTS):
                    raise
            else:
                break
        census.used(self.product, self.version)
        return self

    def _start(self) -> None:
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self._choose_ports()
        for node in range(self.node_count):
            self._processes[node] = self._launch(node)
        for node in range(self.node_count):
            self.wait_ready(node)
        self._started()

    def stop(self) -> None:
        """End every node and remove the server's folder; harmless when repeated."""
        atexit.unregister(self.stop)
        for process in self._processes.values():
            process.send(signal.SIGCONT)
            process.send(signal.SIGTERM)
        for process in self._processes.values():
            process.stop(grace=3.0)
        self._processes.clear()
        shutil.rmtree(self.dir, ignore_errors=True)

    def log(self, node: int = 0) -> Path:
        """The file with a node's output."""
        return self.dir / f"node{node}.log"

    def alive(self, node: int = 0) -> bool:
        """Whether the node's process runs (a paused one does)."""
        return node in self._processes and self._processes[node].alive

    def wait_ready(self, node: int = 0, timeout: float | None = None) -> None:
        """Wait until a node answers, at most `timeout` seconds (default: `ready_timeout`)."""
        try:
            wait_until(
                lambda: self._ready(node),
                timeout or self.ready_timeout,
                f"{self.kind} node {node} ready",
                self._processes[node],
            )
        except ServerError as error:
            raise ServerError(f"{error}; its log ends: {tail(self.log(node))}") from error

    def kill(self, node: int = 0) -> None:
        """End a node with SIGKILL: its connections are reset, its port refuses."""
        self._processes[node].stop(first=signal.SIGKILL)

    def pause(self, node: int = 0) -> None:
        """Stop a node with SIGSTOP: the kernel accepts connections, no byte is answered."""
        if self._processes[node].send(signal.SIGSTOP):
            wait_stopped(self._processes[node].pid)

    def resume(self, node: int = 0) -> None:
        """Let a paused node go on."""
        self._processes[node].send(signal.SIGCONT)

    def restart(self, node: int = 0, *, wipe: bool = False, wait: bool = True) -> None:
        """Start a node again on its ports; `wipe` loses its data first, `wait` waits until it answers."""
        self._processes[node].stop()
        if wipe:
            self._wipe(node)
        self._processes[node] = self._launch(node)
        if wait:
            self.wait_ready(node)

    def heal(self) -> None:
        """Undo what a test did to the processes: resume every node, restart those that ended.

        Those come back together: of a cluster's nodes one alone has no majority to come back into.
        """
        dead = [node for node in range(self.node_count) if not self.alive(node)]
        for node in range(self.node_count):
            self.resume(node)
        for node in dead:
            self.restart(node, wait=False)
        for node in dead:
            self.wait_ready(node)
        if dead:
            self._started()

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()


def serve_by_hand(server: Server) -> None:
    """Run a server until Ctrl-C or the end of its life, its addresses printed as JSON."""
    with server:
        print(json.dumps(server.describe(), indent=1), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait(server.life)
