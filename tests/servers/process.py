"""Background processes that end by themselves.

A server runs under coreutils `timeout`, so it does not outlive a killed test run for long, and it is
signalled only by the pid recorded at its start, checked against the process's start time, so that a
recycled pid is never hit.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from servers.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_PROC = Path("/proc")
# Written before exec, so the file holds the pid of the server and not that of `timeout`.
_ANNOUNCE = 'echo $$ > "$0.tmp" && mv "$0.tmp" "$0" && exec "$@"'


def unsupported() -> str | None:
    """Why servers cannot run under this system, or None where they can."""
    if not _PROC.joinpath("self", "stat").exists():
        return "test servers need Linux (/proc)"
    if shutil.which("timeout") is None:
        return "test servers need coreutils' timeout"
    return None


def run_root() -> Path:
    """The folder that holds one folder per running server (`MESHCLIENT_SERVERS_DIR` moves it)."""
    base = os.environ.get("MESHCLIENT_SERVERS_DIR")
    path = Path(base) if base else Path(tempfile.gettempdir()) / f"meshclient-servers-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def start_time(pid: int) -> str | None:
    """The process's start time in clock ticks, or None when it is gone or a zombie."""
    try:
        fields = _stat(_PROC / str(pid))
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _stat(folder: Path) -> list[str]:
    """The fields of a process's or thread's stat file that follow its name: state first, start time 19 later."""
    stat = (folder / "stat").read_text()
    return stat[stat.rindex(")") + 2 :].split()


def wait_stopped(pid: int) -> None:
    """Wait until SIGSTOP has reached every thread: those that run go on for a moment after the signal."""
    threads = _PROC / str(pid) / "task"
    wait_until(lambda: all(_stat(thread)[0] in "TZX" for thread in threads.iterdir()), 5, f"{pid} stopped")


class Process:
    """One server process, identified by its pid together with its start time."""

    def __init__(self, pid: int, started: str, parent: subprocess.Popen[bytes]) -> None:
        """Take over `pid`, which started at `started` under `parent` (its `timeout`)."""
        self.pid = pid
        self._started = started
        self._parent = parent

    @property
    def alive(self) -> bool:
        """Whether the process still runs (a stopped one does)."""
        self._parent.poll()
        return start_time(self.pid) == self._started

    def send(self, number: int) -> bool:
        """Send a signal; False where the process is gone."""
        if not self.alive:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def stop(self, *, grace: float = 5.0, first: int = signal.SIGTERM) -> None:
        """End the process with `first`, then, after `grace` seconds, with SIGKILL; reap it."""
        self.send(signal.SIGCONT)
        for number, wait in ((first, grace), (signal.SIGKILL, 5.0)):
            if not self.send(number) or self.wait_gone(wait):
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._parent.wait(5)

    def wait_gone(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the end of the process."""
        end = time.monotonic() + timeout
        while self.alive:
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True


def spawn(argv: Sequence[str | Path], log: Path, life: float) -> Process:
    """Run `argv` in the background for at most `life` seconds, its output appended to `log`."""
    pidfile = log.with_suffix(".pid")
    pidfile.unlink(missing_ok=True)
    command = ["timeout", "-k", "5", str(int(life)), "sh", "-c", _ANNOUNCE, str(pidfile), *map(str, argv)]
    with log.open("ab") as out:
        parent = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    end = time.monotonic() + 10
    while time.monotonic() < end and parent.poll() is None:
        if pidfile.exists():
            pid = int(pidfile.read_text())
            started = start_time(pid)
            if started is not None:
                return Process(pid, started, parent)
        time.sleep(0.005)
    if parent.poll() is None:
        parent.terminate()
    parent.wait(10)
    raise ServerError(f"{argv[0]} did not start: {tail(log)}")


def tail(path: Path, size: int = 2000) -> str:
    """The last `size` bytes of a log as text; empty where there is no log."""
    try:
        return path.read_bytes()[-size:].decode(errors="replace")
    except OSError:
        return ""


def wait_until(check: Callable[[], T], timeout: float, what: str, process: Process | None = None) -> T:
    """Poll `check` until it returns something true, for at most `timeout` seconds.

    An OSError, ValueError or ServerError from `check` means "not yet". Raises ServerError when the
    time is over, or at once when `process` has ended.
    """
    end = time.monotonic() + timeout
    last: object = None
    while True:
        try:
            value = check()
        except (OSError, ValueError, ServerError) as error:
            last = error
        else:
            if value:
                return value
            last = value
        if process is not None and not process.alive:
            raise ServerError(f"{what}: the process ended")
        if time.monotonic() > end:
            raise ServerError(f"{what}: not so after {timeout:g} s (last: {last!r})")
        time.sleep(0.02)
