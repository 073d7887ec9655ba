"""Trouble with real instances, and what is wanted of the default policies in it; as in the simulator's scenarios.

Each scenario runs on processes and sockets of its own. Besides the results, whatever helps to understand them is told.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from integration.live import Ended, Pace, Stage, percentile, stage
from servers.scenario_backend import ScenarioBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    Scenario = Callable[["Pace", int], Coroutine[object, object, "list[Finding]"]]

# Of an attempt where instances hang: shorter than the default, so that a run need not be longer.
ATTEMPT = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One wish, and what came of it.

    Args:
        wish: what was wanted.
        value: what was measured, in the wish's unit.
        most: what it may be.
        timing: whether it depends on how busy the machine is.
        detail: what else helps to understand it.
    """

    wish: str
    value: float
    most: float
    timing: bool = False
    detail: str = ""

    @property
    def met(self) -> bool:
        """Whether it came true."""
        return self.value <= self.most


async def fast_fail(pace: Pace, seed: int) -> list[Finding]:
    """One of 3 fails everything, at once."""
    with ScenarioBackend("i1", "i2", "i3", seed=seed) as backend:
        async with stage(backend, pace.rate, seed) as run:
            await asyncio.sleep(pace.calm)
            backend.behave("i1", fail=1.0)
            settled = time.monotonic() + 2.0
            await asyncio.sleep(2.0 + pace.after)
    return [_share(run, "i1", settled, 2.0, 0.02), _no_failed_get(run)]


async def half_fail(pace: Pace, seed: int) -> list[Finding]:
    """One of 3 fails half of its requests."""
    with ScenarioBackend("i1", "i2", "i3", seed=seed) as backend:
        async with stage(backend, pace.rate, seed) as run:
            await asyncio.sleep(pace.calm)
            backend.behave("i1", fail=0.5)
            settled = time.monotonic() + 10.0
            await asyncio.sleep(10.0 + pace.after)
    return [_share(run, "i1", settled, 10.0, 0.05)]


async def slow_one(pace: Pace, seed: int) -> list[Finding]:
    """One of 8 is 40 times slower."""
    names = [f"i{number}" for number in range(1, 9)]
    rate = pace.rate / 2
    with ScenarioBackend(*names, seed=seed) as backend, ScenarioBackend(*names, seed=seed) as well:
        async with stage(backend, rate, seed) as run, stage(well, rate, -seed) as peer:
            begun = await _warmed(pace)
            backend.behave("i1", factor=40.0)
            broken = time.monotonic()
            await asyncio.sleep(1.0 + 2 * pace.after)
    calm, after, beside = run.between(begun, broken), run.between(broken + 1.0), peer.between(broken + 1.0)
    ratio = percentile(after, 0.99) / percentile(beside, 0.99)
    detail = f"{_times(after)}, of the others {_times(beside)}; before the fault {_times(calm)}"
    wish = "p99 after 1 s / p99 of the others at that time: <= 1.5"
    return [
        Finding(wish, ratio, 1.5, timing=True, detail=f"{detail}; i1 got {run.share('i1', broken + 1.0):.2%}"),
    ]


async def half_hang(pace: Pace, seed: int) -> list[Finding]:
    """One of 3 never answers half of its requests."""
    with ScenarioBackend("i1", "i2", "i3", seed=seed) as backend:
        async with stage(backend, pace.rate, seed, settings={"attempt_timeout": ATTEMPT}) as run:
            begun = await _warmed(pace)
            backend.behave("i1", hang=0.5)
            broken = time.monotonic()
            await asyncio.sleep(pace.after)
    calm, after = run.between(begun, broken), run.between(broken)
    most = ATTEMPT + percentile(calm, 0.99)
    wish = "p99 <= attempt timeout + p99 without the fault (s)"
    detail = f"{_times(calm)} before, {_times(after)} after"
    return [_no_failed_get(run), Finding(wish, percentile(after, 0.99), most, timing=True, detail=detail)]


async def all_bad(pace: Pace, seed: int) -> list[Finding]:
    """All 3 fail everything, for twice as long as others are looked at, and are well again."""
    with ScenarioBackend("i1", "i2", "i3", seed=seed) as backend:
        async with stage(backend, pace.rate, seed) as run:
            await asyncio.sleep(pace.calm)
            backend.behave(*backend.ports, fail=1.0)
            broken = time.monotonic()
            await asyncio.sleep(2 * pace.after)
            backend.behave(*backend.ports)
            healed = time.monotonic()
            await asyncio.sleep(4.0)
    during = run.between(broken, healed)
    sent = [call for call in during if call.story and call.story.attempts]
    attempts = run.attempts(broken, healed).total()
    late = max((call.at - healed for call in run.between(healed) if call.error), default=0.0)
    first = run.attempts(broken, broken + 1.0).total() / len(run.between(broken, broken + 1.0))
    detail = f"{len(during)} calls, {len(during) - len(sent)} of them refused, {attempts} attempts"
    detail += f"; in the first second {first:.2f} for each"
    kinds = Counter(call.error.split("(")[0] for call in run.between(healed) if call.error)
    return [
        Finding("attempts for each call: <= 1.25", attempts / len(during), 1.25, detail=detail),
        Finding("ejections: 0", run.ejected.total(), 0),
        Finding("seconds after the end with failures: <= 2", late, 2.0, detail=str(dict(kinds)) if kinds else ""),
    ]


async def rolling(pace: Pace, seed: int) -> list[Finding]:
    """All 5 are replaced one by one; each ends a moment before its callers' list says so."""
    before, after = [f"i{number}" for number in range(5)], [f"n{number}" for number in range(5)]
    with tempfile.TemporaryDirectory() as folder, ScenarioBackend(*before, seed=seed) as backend:
        listed = Path(folder, "mesh.toml")
        names = list(before)
        _write(listed, backend, names)
        async with stage(backend, pace.rate, seed, resolver=f"file://{listed}") as run:
            await asyncio.sleep(pace.calm)
            for old, new in zip(before, after, strict=True):
                backend.start(new)
                names = [*(name for name in names if name != old), new]
                backend.stop(old)
                await asyncio.sleep(pace.after / 10)
                _write(listed, backend, names)
                await asyncio.sleep(pace.after / 10)
            replaced = time.monotonic()
            await asyncio.sleep(2.0)
    left = {name: run.share(name, replaced) for name in after}
    detail = f"shares at the end {', '.join(f'{share:.0%}' for share in left.values())}"
    return [
        _no_failed_get(run),
        Finding("share of those that are gone: 0", 1 - sum(left.values()), 1e-9, detail=detail),
    ]


async def post_resets(pace: Pace, seed: int) -> list[Finding]:
    """All 3 reset 30 % of their connections after the work is done; half of the calls are POST."""
    with ScenarioBackend("i1", "i2", "i3", seed=seed) as backend:
        async with stage(backend, pace.rate, seed, posts=0.5) as run:
            await asyncio.sleep(pace.calm)
            backend.behave(*backend.ports, reset=0.3)
            await asyncio.sleep(pace.after)
        executed = backend.stats()["executed"]
    posts = [call for call in run.calls if call.post]
    twice = sum(executed.get(call.number, 0) > 1 for call in posts)
    undone = sum(not call.error and call.number not in executed for call in posts)
    failed = sum(bool(call.error) for call in posts)
    again = sum(executed.get(call.number, 0) > 1 for call in run.calls if not call.post)
    detail = f"{len(posts)} POST, {failed} of them failed; {again} GET were executed twice or more"
    return [
        Finding("POST executed twice: 0", twice, 0, detail=detail),
        Finding("POST that succeeded and were never executed: 0", undone, 0),
    ]


SCENARIOS: Mapping[str, Scenario] = {
    each.__name__: each for each in (fast_fail, half_fail, slow_one, half_hang, all_bad, rolling, post_resets)
}


async def _warmed(pace: Pace) -> float:
    """When the calm begins that is measured: connections are open, latencies known."""
    await asyncio.sleep(pace.calm / 3)
    begun = time.monotonic()
    await asyncio.sleep(pace.calm * 2 / 3)
    return begun


def _share(run: Stage, name: str, settled: float, within: float, most: float) -> Finding:
    shares = ", ".join(f"{each} {number}" for each, number in sorted(run.attempts(settled).items()))
    detail = f"attempts then: {shares}; ejected {dict(run.ejected)}"
    return Finding(f"share of {name} after {within:g} s: < {most:.0%}", run.share(name, settled), most, detail=detail)


def _no_failed_get(run: Stage) -> Finding:
    failed = run.failed_gets
    kinds = dict(Counter(_ending(call) for call in failed))
    return Finding("failed GET: 0", len(failed), 0, detail=f"of {len(run.calls)}" + (f": {kinds}" if kinds else ""))


def _ending(call: Ended) -> str:
    story = [f"{attempt.outcome.kind} ({attempt.reason})" for attempt in call.story.attempts] if call.story else []
    return " -> ".join([*story, call.error[:80]])


def _times(calls: list[Ended]) -> str:
    return f"p50 {percentile(calls, 0.5) * 1e3:.0f} ms, p99 {percentile(calls, 0.99) * 1e3:.0f} ms"


def _write(listed: Path, backend: ScenarioBackend, names: list[str]) -> None:
    fresh = listed.with_suffix(".new")
    fresh.write_text(f"[services.orders]\nendpoints = {[backend.url(name) for name in names]}\n", "utf-8")
    fresh.rename(listed)
