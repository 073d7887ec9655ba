"""The measured process: one cell, then it ends. Its whole CPU time is counted, for it does nothing else."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from _clients.cell import Cell, Result
from _clients.site import Site
from _clients.workload import WORKLOADS, Workload, right_for

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

ALONE = 30  # calls one after the other before anything else, each answer compared in full
WARM_UP = 0.3  # seconds at most, as many at a time as are measured
FILES = 8192
KILLED_AFTER = 30.0  # seconds on top of what is measured


def measured(cell: Cell, site: Site, seconds: float, loop: str, core: int | None) -> Result:
    """Measure one cell. Raises ImportError or AttributeError where there is no such client here."""
    prepare(seconds, core)
    work = WORKLOADS[cell.workload]
    rows: dict[str, Any] = {}
    for module in (f"_clients.peers_{cell.colour}", f"_clients.ours_{cell.colour}"):
        if cell.row not in rows:
            rows = import_module(module).ROWS
    if cell.colour == "sync":
        return in_threads(rows[cell.row](site, work), work, cell.concurrency, seconds)
    return run(in_tasks(rows[cell.row], site, work, cell.concurrency, seconds), loop)


def prepare(seconds: float, core: int | None) -> None:
    """Make this process fit to be measured."""
    signal.alarm(int(seconds + KILLED_AFTER))
    if core is not None:
        os.sched_setaffinity(0, {core})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard), hard))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "MESHCLIENT_CONFIG"):
        for each in (name, name.lower()):
            os.environ.pop(each, None)
    # Here for httpx's tests; httpcore would import it as well, which costs memory and is of no use.
    sys.modules["trio"] = None  # type: ignore[assignment]


def run(main: Coroutine[Any, Any, Result], loop: str) -> Result:
    """On asyncio's loop or uvloop's."""
    if loop == "uvloop":
        result: Result = import_module("uvloop").run(main)
        return result
    return asyncio.run(main)


async def in_tasks(row: Any, site: Site, work: Workload, concurrency: int, seconds: float) -> Result:  # noqa: ANN401
    one = await row(site, work)
    for _ in range(ALONE):
        status, answer = await one()
        work.check(status, answer)
    right = right_for(answer)
    latencies: list[float] = []

    async def task(end: float) -> None:
        now, note = time.perf_counter, latencies.append
        begin = now()
        while begin < end:
            status, answer = await one()
            if not right(status, answer):
                work.check(status, answer)
            done = now()
            note(done - begin)
            begin = done

    async def rush(seconds: float) -> None:
        end = time.perf_counter() + seconds
        await asyncio.gather(*(task(end) for _ in range(concurrency)))

    await rush(min(WARM_UP, seconds))
    latencies.clear()
    gc.collect()
    spent = Spent()
    await rush(seconds)
    spent.end()
    return spent.over(latencies)


def in_threads(one: Callable[[], tuple[int, Any]], work: Workload, concurrency: int, seconds: float) -> Result:
    for _ in range(ALONE):
        status, answer = one()
        work.check(status, answer)
    right = right_for(answer)
    latencies: list[list[float]] = []
    failures: list[BaseException] = []

    def thread(start: threading.Barrier, seconds: float) -> None:
        now, mine = time.perf_counter, list[float]()
        note = mine.append
        start.wait()
        begin = now()
        end = begin + seconds
        try:
            while begin < end:
                status, answer = one()
                if not right(status, answer):
                    work.check(status, answer)
                done = now()
                note(done - begin)
                begin = done
        except BaseException as exc:  # noqa: BLE001 - raised in the main thread instead
            failures.append(exc)
        latencies.append(mine)

    def rush(seconds: float) -> Spent:
        latencies.clear()
        start = threading.Barrier(concurrency + 1)
        threads = [threading.Thread(target=thread, args=(start, seconds), daemon=True) for _ in range(concurrency)]
        for each in threads:
            each.start()
        gc.collect()
        spent = Spent()
        start.wait()
        for each in threads:
            each.join()
        if failures:
            raise failures[0]
        spent.end()
        return spent

    rush(min(WARM_UP, seconds))
    return rush(seconds).over([each for one in latencies for each in one])


class Spent:
    """Time on the clock and on the processor, of all threads, from when it is made."""

    def __init__(self) -> None:
        self._begin, self._cpu, self._system = time.perf_counter(), time.process_time(), _system()
        self._passed = self._used = self._kernel = 0.0

    def end(self) -> None:
        """Up to now."""
        self._passed, self._used = time.perf_counter() - self._begin, time.process_time() - self._cpu
        self._kernel = _system() - self._system

    def over(self, latencies: list[float]) -> Result:
        """For each of so many calls."""
        latencies.sort()
        count = len(latencies)
        return Result(
            calls=count,
            cpu=self._used / count * 1e6,
            rate=count / self._passed,
            p50=latencies[count // 2] * 1e6,
            p99=latencies[min(count - 1, count * 99 // 100)] * 1e6,
            memory=resident() / 1e6,
            system=self._kernel / count * 1e6,
        )


def _system() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_stime


def resident() -> int:
    """Bytes; VmRSS, since the maximum that getrusage tells is inherited from whoever forked this process."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
