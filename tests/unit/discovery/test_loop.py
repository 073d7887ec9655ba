"""The background thread: when it is there, what it runs, and what becomes of jobs that fail, end or are cancelled."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import wait as wait_for_all
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.runtime import loop as loop_module
from meshclient.discovery.runtime.loop import THREAD_NAME, BackgroundLoop, background

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.discovery.runtime.loop import Job

BOUND = 60.0


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + BOUND
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


async def forever() -> None:
    await asyncio.Event().wait()


def ended(job: Job) -> bool:
    return not wait_for_all([job.ended], BOUND).not_done


def test_the_thread_starts_with_the_first_job_and_ends_with_the_last() -> None:
    before = set(threads())
    runner = BackgroundLoop()
    assert set(threads()) == before
    one, two = runner.run(forever), runner.run(forever)
    (thread,) = set(threads()) - before
    assert thread.daemon
    runner.cancel(one)
    assert ended(one)
    assert thread.is_alive()
    runner.cancel(two)
    assert ended(two)
    assert eventually(lambda: not thread.is_alive())


def test_a_job_after_the_last_starts_it_again() -> None:
    runner = BackgroundLoop()
    for _ in range(20):
        job = runner.run(forever)
        runner.cancel(job)
        assert ended(job)
    assert job.ended.exception() is None


def test_a_job_is_no_part_of_the_request_that_happens_to_begin_it() -> None:
    request = ContextVar("request", default="none")
    seen: list[str] = []

    async def note() -> None:
        seen.append(request.get())

    runner = BackgroundLoop()
    token = request.set("the first")
    assert ended(runner.run(note))
    request.reset(token)
    assert seen == ["none"]


def test_all_jobs_run_on_the_same_thread() -> None:
    runner = BackgroundLoop()
    seen: list[int] = []
    hold = threading.Barrier(2)

    async def note() -> None:
        seen.append(threading.get_ident())
        await forever()

    jobs = [runner.run(note) for _ in range(10)]

    async def last() -> None:
        hold.wait(BOUND)

    job = runner.run(last)
    hold.wait(BOUND)
    assert ended(job)
    assert len(seen) == 10
    assert len(set(seen)) == 1
    assert threading.get_ident() not in seen
    for each in jobs:
        runner.cancel(each)
    assert all(ended(each) for each in jobs)


def test_a_job_that_ends_by_itself() -> None:
    runner = BackgroundLoop()

    async def short() -> None:
        await asyncio.sleep(0)

    job = runner.run(short)
    assert ended(job)
    assert job.ended.result() is None
    runner.cancel(job)


def test_an_exception_is_logged_and_kept_and_other_jobs_go_on(caplog: pytest.LogCaptureFixture) -> None:
    runner = BackgroundLoop()
    other = runner.run(forever)

    async def broken() -> None:
        raise ZeroDivisionError("by me")

    job = runner.run(broken)
    assert ended(job)
    assert isinstance(job.ended.exception(), ZeroDivisionError)
    (record,) = [record for record in caplog.records if record.name == "meshclient.discovery"]
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert "by me" in str(record.exc_info[1])
    assert not other.ended.done()
    runner.cancel(other)
    assert ended(other)


def test_cancelling_runs_what_the_job_has_to_clean_up() -> None:
    runner = BackgroundLoop()
    begun, cleaned = threading.Event(), threading.Event()

    async def job() -> None:
        try:
            begun.set()
            await forever()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    running = runner.run(job)
    assert begun.wait(BOUND)
    runner.cancel(running)
    assert ended(running)
    assert cleaned.is_set()


def test_cancelling_at_once_never_runs_the_job() -> None:
    runner = BackgroundLoop()
    blocked, hold, ran = threading.Event(), threading.Event(), threading.Event()

    async def busy() -> None:
        blocked.set()
        hold.wait(BOUND)
        await forever()

    async def late() -> None:
        ran.set()

    first = runner.run(busy)
    # Only a loop that is held up already sees the order and its withdrawal together.
    assert blocked.wait(BOUND)
    second = runner.run(late)
    runner.cancel(second)
    hold.set()
    assert ended(second)
    assert not ran.is_set()
    runner.cancel(first)
    assert ended(first)


def test_jobs_begin_and_end_from_many_threads_at_once() -> None:
    runner = BackgroundLoop()
    left: list[Job] = []

    def churn() -> None:
        for _ in range(50):
            job = runner.run(forever)
            runner.cancel(job)
            left.append(job)

    churning = [threading.Thread(target=churn) for _ in range(4)]
    for thread in churning:
        thread.start()
    for thread in churning:
        thread.join(BOUND)
    assert len(left) == 200
    assert all(ended(job) for job in left)
    assert not runner._jobs


def test_a_process_without_threads_to_spare_can_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = BackgroundLoop()

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            runner.run(forever)
    job = runner.run(forever)
    runner.cancel(job)
    assert ended(job)
    assert not runner._jobs


def test_cancelling_needs_no_lock() -> None:
    """A mesh that is dropped is stopped by the garbage collector, on a thread that may be inside `run`."""
    runner = BackgroundLoop()
    job = runner.run(forever)

    class Dropped:
        def __del__(self) -> None:
            runner.cancel(job)

    cycle: list[object] = [Dropped()]
    cycle.append(cycle)
    del cycle
    collected = threading.Event()

    def collect() -> None:
        with runner._lock:
            gc.collect()
        collected.set()

    threading.Thread(target=collect, daemon=True).start()
    assert collected.wait(BOUND)
    assert ended(job)


def test_there_is_one_loop_for_a_process_however_many_threads_ask_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "_process_loop", None)
    meet = threading.Barrier(2, timeout=BOUND)

    class Slow(BackgroundLoop):
        def __init__(self) -> None:
            meet.wait()
            super().__init__()

    monkeypatch.setattr(loop_module, "BackgroundLoop", Slow)
    got: list[BackgroundLoop] = []
    asking = [threading.Thread(target=lambda: got.append(background())) for _ in range(2)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(BOUND)
    assert got[0] is got[1] is background()


def test_cancelling_again_does_not_break_off_the_cleaning_up() -> None:
    runner = BackgroundLoop()
    begun, cleaning, over = threading.Event(), threading.Event(), threading.Event()

    async def job() -> None:
        try:
            begun.set()
            await forever()
        finally:
            cleaning.set()
            while not over.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.001)

    async def nothing() -> None:
        pass

    running = runner.run(job)
    assert begun.wait(BOUND)
    runner.cancel(running)
    assert cleaning.wait(BOUND)
    runner.cancel(running)
    # What is asked later is done later.
    assert ended(runner.run(nothing))
    assert ended(runner.run(nothing))
    assert not running.ended.done()
    over.set()
    assert ended(running)


def test_a_job_whose_own_time_limit_is_up_can_be_cancelled() -> None:
    runner = BackgroundLoop()
    begun = threading.Event()

    async def job() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                try:
                    await forever()
                finally:
                    # The limit has cancelled the task, and not taken it back yet.
                    begun.set()
                    await forever()
        await forever()

    running = runner.run(job)
    assert begun.wait(BOUND)
    runner.cancel(running)
    if not ended(running):
        pytest.fail("it runs on")


def test_two_forks_at_once_do_not_release_each_others_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second begins at the very moment at which the first has released the lock that keeps it out."""
    guarded = loop_module.fork_safe_lock()
    before: list[tuple[bool, bool]] = []
    second_holds, first_is_over = threading.Event(), threading.Event()

    class Registry:
        def __init__(self) -> None:
            self.lock = threading.Lock()

        def acquire(self) -> bool:
            return self.lock.acquire(timeout=BOUND)

        def release(self) -> None:
            self.lock.release()
            if threading.current_thread() is not second:
                assert second_holds.wait(BOUND)

        def __enter__(self) -> None:
            self.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    registry = Registry()
    monkeypatch.setattr(loop_module, "_registry", registry)

    def fork() -> None:
        loop_module._before_fork()
        second_holds.set()
        first_is_over.wait(BOUND)
        before.append((guarded.locked(), registry.lock.locked()))
        loop_module._after_fork()

    second = threading.Thread(target=fork)
    loop_module._before_fork()
    second.start()
    loop_module._after_fork()
    first_is_over.set()
    second.join(BOUND)
    assert before == [(True, True)]
    assert not guarded.locked()
    assert not registry.lock.locked()
