"""Which layer a call's time and its function calls belong to; both from one process, apart from each other."""

from __future__ import annotations

import asyncio
import dis
import signal
import sys
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any

from _clients import ours_async, worker
from _clients.workload import WORKLOADS

if TYPE_CHECKING:
    from types import FrameType

    from _clients.site import Site

COUNTED = 200  # calls
TICK = 0.001  # seconds of CPU between two samples
LONGER = 5  # times as long as what is measured, for a kernel may count by ticks of 4 ms
TOP = 12  # lines
# First match counts; what is in none of these files is a library's.
LAYERS = (
    ("/meshclient/http/", "face"),
    ("/httpx/", "httpx"),
    ("/meshclient/engine/", "engine"),
    ("/meshclient/mesh/", "mesh"),
    ("/meshclient/core/", "core"),
    ("/meshclient/model/", "core"),
    ("/meshclient/", "meshclient, other"),
    ("/asyncio/", "loop"),
    ("/uvloop/", "loop"),
    ("/_clients/", "benchmark"),
)
RESUME = dis.opmap["RESUME"]
WAITING = "loop and kernel"


def layer(path: str) -> str:
    return next((name for part, name in LAYERS if part in path), "library")


def traced(site: Site, concurrency: int, seconds: float, loop: str, core: int | None) -> dict[str, Any]:
    """Shares of the time by layer and by line, and functions called by layer, of the client's plain call."""
    worker.prepare(seconds, core)
    main = _traced(site, concurrency, seconds)
    return dict(import_module("uvloop").run(main) if loop == "uvloop" else asyncio.run(main))


async def _traced(site: Site, concurrency: int, seconds: float) -> dict[str, Any]:
    work = WORKLOADS["get"]
    one = await ours_async.client(site, work)
    for _ in range(worker.ALONE):
        work.check(*await one())
    called = Counter[str]()

    def profiling(frame: FrameType, event: str, _: object) -> None:
        if event in ("call", "c_call"):
            called[f"{'C, ' if event == 'c_call' else ''}{layer(frame.f_code.co_filename)}"] += 1

    sys.setprofile(profiling)
    for _ in range(COUNTED):
        await one()
    sys.setprofile(None)

    times, lines = Counter[str](), Counter[str]()

    def sample(_: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        code = frame.f_code
        # A signal is handled at the next point where the interpreter looks for one. At the very beginning of what the
        # loop calls or resumes, the time went into getting there.
        begun = code.co_code[frame.f_lasti] == RESUME and frame.f_back is not None
        if begun and frame.f_back and layer(frame.f_back.f_code.co_filename) == "loop":
            times[WAITING] += 1
            return
        times[layer(code.co_filename)] += 1
        lines[f"{'/'.join(code.co_filename.split('/')[-3:])}:{frame.f_lineno} {code.co_name}"] += 1

    async def task(end: float) -> None:
        now = asyncio.get_running_loop().time
        while now() < end:
            await one()

    before = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, TICK, TICK)
    end = asyncio.get_running_loop().time() + LONGER * seconds
    await asyncio.gather(*(task(end) for _ in range(concurrency)))
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)
    total = max(1, times.total())
    return {
        "times": {name: count / total for name, count in times.most_common()},
        "lines": {name: count / total for name, count in lines.most_common(TOP)},
        "called": {name: count / COUNTED for name, count in called.most_common()},
        "samples": times.total(),
    }
