"""Work beside the calls: it ends once, whatever becomes of it, and a client's end waits for it, but not for long."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from meshclient.http import errands
from meshclient.http.errands import AsyncErrands, Errands

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "GRACE", 0.2)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


def test_coroutines_end_in_their_time_or_are_cancelled(runner: asyncio.Runner) -> None:
    told: list[str] = []

    async def errand(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        told.append(name)

    async def main() -> None:
        work = AsyncErrands()
        for name, seconds in (("short", 0.01), ("endless", 3600.0)):
            work.begin(partial(errand, name, seconds), lambda name=name: told.append(f"{name} ended"))  # type: ignore[misc]
        assert told == []
        await work.aclose()
        assert told == ["short", "short ended", "endless ended"]
        await work.aclose()

    runner.run(main())


def test_coroutines_of_a_loop_that_is_gone_hold_up_no_end(runner: asyncio.Runner) -> None:
    told: list[str] = []
    work = AsyncErrands()

    async def begin(name: str) -> None:
        work.begin(lambda: asyncio.sleep(3600.0), lambda: told.append(name))

    asyncio.run(begin("gone"))
    assert told == ["gone"]
    runner.run(begin("here"))
    with asyncio.Runner() as elsewhere:
        elsewhere.run(begin("elsewhere"))
        # Its loop stands still at this moment; it is told and not waited for.
        runner.run(work.aclose())
        assert told == ["gone", "here"]
        elsewhere.run(asyncio.sleep(0.01))
        assert told == ["gone", "here", "elsewhere"]


def test_tasks_of_anothers_trio_are_told_and_not_kept(runner: asyncio.Runner) -> None:
    told: list[str] = []
    work = AsyncErrands()
    begun = threading.Event()

    def over(ended: trio.Event) -> None:
        told.append("elsewhere")
        ended.set()

    async def elsewhere() -> None:
        ended = trio.Event()

        async def short() -> None:
            pass

        work.begin(short, ended.set)
        await ended.wait()
        assert not work._foreign
        ended = trio.Event()
        work.begin(trio.sleep_forever, partial(over, ended))
        begun.set()
        with trio.fail_after(60.0):
            await ended.wait()

    thread = threading.Thread(target=trio.run, args=(elsewhere,), daemon=True)
    thread.start()
    assert begun.wait(60.0)
    runner.run(work.aclose())
    thread.join(60.0)
    assert told == ["elsewhere"]
    assert not work._foreign
    # Its loop has ended.
    runner.run(work.aclose())


def test_blocking_calls_run_beside_their_caller_and_end_in_their_time() -> None:
    told: list[str] = []
    release = threading.Event()
    work = Errands()

    def errand() -> None:
        assert threading.current_thread() is not threading.main_thread()
        release.wait(5)
        told.append("done")

    work.begin(errand, lambda: told.append("ended"))
    assert told == []
    release.set()
    work.close()
    assert told == ["done", "ended"]
    work.close()


def test_a_blocking_call_that_hangs_is_left_behind_after_a_while() -> None:
    release, over, ended = threading.Event(), threading.Event(), threading.Event()
    work = Errands()

    def errand() -> None:
        release.wait(5)
        over.set()

    work.begin(errand, ended.set)
    work.close()
    assert ended.wait(5)
    assert not over.is_set()
    release.set()
    assert over.wait(5)


def test_where_no_thread_can_be_had_the_work_is_left_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    done, ended = threading.Event(), threading.Event()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    Errands().begin(done.set, ended.set)
    # Where the thread of discovery is at work it is the one to find out.
    assert ended.wait(60)
    assert not done.is_set()


def test_a_forked_child_has_nothing_under_way() -> None:
    release, told = threading.Event(), list[int]()
    work = Errands()

    def errand() -> None:
        release.wait(5)

    work.begin(errand, lambda: told.append(1))
    work.renew()
    assert told == []
    child = os.fork()
    if child == 0:
        try:
            work.renew()
            work.close()
        finally:
            os._exit(0 if told == [1] else 1)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        release.set()
        work.close()
    assert told == [1]
