"""Load, from wrk where it is on the PATH and from `load_process.py` otherwise, on the core that is not measured."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = str(Path(__file__).with_name("load_process.py"))
BODY = "x" * 10_240
PATHS = {"get": "/j", "post": "/j", "download": "/m"}
_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}
_LUA = 'wrk.method = "POST"\nwrk.body = string.rep("x", 10240)\n'


@dataclass(frozen=True, slots=True)
class Done:
    """What a load came to; latencies in microseconds."""

    calls: int
    errors: int
    rate: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0


def raw(kind: str) -> str:
    """A request as it goes over the wire."""
    head = f"{PATHS[kind]} HTTP/1.1\r\nHost: orders\r\nUser-Agent: benchmark\r\nAccept: */*\r\n"
    return f"POST {head}Content-Length: {len(BODY)}\r\n\r\n{BODY}" if kind == "post" else f"GET {head}\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """Where it comes from.

    Args:
        core: that it runs on; None for any.
        folder: for what wrk has to read.
    """

    core: int | None
    folder: Path

    @property
    def says(self) -> str:
        """For the report."""
        return (
            "wrk" if which("wrk") else "load_process.py (no wrk, which is seven times as fast: rates are its own limit)"
        )

    def rush(self, port: int, kind: str, connections: int, seconds: float) -> Done:
        """As much as goes over so many connections."""
        if which("wrk") is None:
            order = {"port": port, "request": raw(kind), "connections": connections, "seconds": seconds}
            return self._own("closed", order, seconds)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", "5s"]
        command += ["-H", "Host: orders"]
        if kind == "post":
            script = self.folder / "post.lua"
            script.write_text(_LUA, "utf-8")
            command += ["-s", str(script)]
        said = self._run([*command, f"http://127.0.0.1:{port}{PATHS[kind]}"], seconds)
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
        lost = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
        errors = int(bad[1]) if bad else 0
        errors += sum(map(int, lost.groups())) if lost else 0
        at = [_microseconds(said, part) for part in (50, 90, 99)]
        return Done(
            int(_found(r"(\d+) requests in", said)), errors, float(_found(r"Requests/sec:\s+([\d.]+)", said)), *at
        )

    def paced(self, port: int, rate: float, seconds: float) -> Done:
        """Small requests at a fixed rate."""
        order = {"port": port, "request": raw("get"), "rate": rate, "seconds": seconds}
        return self._own("paced", order, seconds)

    @contextmanager
    def idle(self, port: int, connections: int) -> Iterator[list[Done]]:
        """So many open connections without a request; the list holds what came of them once that is over."""
        order = json.dumps(["idle", {"port": port, "request": raw("get"), "connections": connections}])
        command = [*self._pinned(), sys.executable, PROGRAM, order]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            opened = process.stdout.readline()
            done: list[Done] = []
            if not opened:
                raise OSError(f"{connections} connections could not be opened")
            yield done
            process.stdin.close()
            done.append(Done(**json.loads(process.stdout.readline() or '{"calls": 0, "errors": 1}')))

    def _own(self, kind: str, order: dict[str, object], seconds: float) -> Done:
        return Done(**json.loads(self._run([sys.executable, PROGRAM, json.dumps([kind, order])], seconds)))

    def _run(self, command: list[str], seconds: float) -> str:
        done = subprocess.run(
            [*self._pinned(), *command], capture_output=True, text=True, timeout=seconds + 60, check=False
        )
        if done.returncode:
            raise OSError(f"{command[0]}: {done.stderr.strip()[-200:]}")
        return done.stdout

    def _pinned(self) -> list[str]:
        return [] if self.core is None else ["taskset", "-c", str(self.core)]


def _found(pattern: str, said: str) -> str:
    found = re.search(pattern, said, re.MULTILINE)
    if found is None:
        raise OSError(f"wrk said: {said[-200:]}")
    return found[1]


def _microseconds(said: str, part: int) -> float:
    duration = _found(rf"^ +{part}% +(\S+)", said)
    number = duration.rstrip("mus")
    return float(number) * _UNITS[duration[len(number) :]]
