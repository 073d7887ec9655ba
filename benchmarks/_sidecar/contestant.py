"""The proxies, started on a core of their own."""

from __future__ import annotations

import importlib.util
import resource
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from _clients.backend import _free_ports, _program

from _sidecar import configurations
from _sidecar.load import raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _sidecar.backend import Backend

TITLES = {
    "builtin": "meshclient sidecar, built-in data plane",
    "plane": "meshclient sidecar, Envoy data plane",
    "envoy": "Envoy, configuration by hand",
    "haproxy": "HAProxy",
    "nginx": "nginx",
}
OURS = ("builtin", "plane")
PATIENCE = 20.0
FILES = 20_000


@dataclass(frozen=True, slots=True)
class Proxy:
    """One that runs.

    Args:
        row: key of TITLES.
        port: of its listener; 0 for no proxy at all.
        pid: of its first process.
    """

    row: str
    port: int
    pid: int


class Missing(Exception):
    """It cannot be started here."""


def version(row: str) -> str:
    """As the program says itself, but for where it is."""
    if row in OURS:
        return ""
    program = _find(row)
    if program is None:
        return f"no {row}"
    option = "--version" if row == "envoy" else "-v"
    done = subprocess.run([program, option], capture_output=True, text=True, timeout=20, check=False)
    said = next((line for line in (done.stdout + done.stderr).splitlines() if line), row)
    return said.replace(str(program), row).strip()


@contextmanager
def running(
    row: str, backend: Backend, folder: Path, core: int | None, *, secure: bool = False, resolver: str = ""
) -> Iterator[Proxy]:
    """One of TITLES in front of the backend. Raises Missing where it is not installed, or does not answer."""
    port, admin = _free_ports(2)
    authority = backend.authority if secure else None
    command = _command(row, (port, admin), backend.secure if secure else backend.plain, authority, folder, resolver)
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    log = folder / f"{row}-{port}.log"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    with log.open("wb") as out, subprocess.Popen([*pinned, *command], stdout=out, stderr=out) as process:
        try:
            _await(row, port, process, log)
            yield Proxy(row, port, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _command(  # noqa: PLR0917 - each in the order in which a configuration names it
    row: str, ports: tuple[int, int], endpoints: list[int], authority: Path | None, folder: Path, resolver: str
) -> list[str]:
    port = ports[0]
    program = _find(row)
    if program is None:
        raise Missing(f"no {row} here")
    file = folder / f"{row}-{port}.{'json' if row == 'envoy' else 'toml' if row in OURS else 'conf'}"
    if row in OURS:
        plane = "envoy" if row == "plane" else "builtin"
        text = configurations.meshclient(ports, plane, endpoints, authority, resolver)
        command = [program, "-m", "meshclient", "sidecar", "--config", str(file)]
    elif row == "envoy":
        text = configurations.envoy(port, endpoints, authority)
        command = [program, "-c", str(file), "--concurrency", "1", "--base-id", str(port), "-l", "error"]
        command.append("--disable-hot-restart")
    elif row == "haproxy":
        text, command = configurations.haproxy(port, endpoints, authority), [program, "-db", "-f", str(file)]
    else:
        text, command = configurations.nginx(port, endpoints, authority), [program, "-p", f"{folder}/", "-c", str(file)]
    file.write_text(text, "utf-8")
    return command


def _find(row: str) -> str | None:
    if row in OURS:
        return sys.executable if row == "builtin" or _find("envoy") else None
    if row == "nginx":
        return _program()
    if row == "envoy" and (spec := importlib.util.find_spec("envoy")) and spec.origin:
        path = Path(spec.origin).parent / "_bin" / "envoy"
        if path.exists():
            return str(path)
    return which(row, path=f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/sbin:/usr/bin:/bin")


def _await(row: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers as the backend does."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as sock:
            sock.sendall(raw("get").encode())
            if b" 200 " in sock.recv(65536)[:20]:
                return
        time.sleep(0.05)
    said = " ".join(log.read_text("utf-8", errors="replace").split())[-300:]
    raise Missing(f"{row} does not answer: {said}")
