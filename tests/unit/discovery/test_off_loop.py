"""Blocking calls beside the loop: what comes back, and that nothing waits for one that hangs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from meshclient.discovery.runtime.blocking import off_loop

BOUND = 60.0


def test_a_result_and_an_error_come_back_from_another_thread() -> None:
    def fail(text: str) -> None:
        raise OSError(text)

    async def check() -> None:
        assert await off_loop(threading.get_ident) != threading.get_ident()
        assert await off_loop(int, "ff", base=16) == 255
        with pytest.raises(OSError, match="gone"):
            await off_loop(fail, "gone")

    asyncio.run(check())


def test_cancellation_does_not_wait_for_the_call() -> None:
    begun, freed, ended = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        freed.wait(BOUND)
        ended.set()

    async def check() -> None:
        task = asyncio.create_task(off_loop(hang))
        assert await asyncio.to_thread(begun.wait, BOUND / 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not ended.is_set()

    asyncio.run(check())
    assert not ended.is_set()
    freed.set()
    assert ended.wait(BOUND)


def test_a_process_ends_while_a_call_hangs() -> None:
    program = """
import asyncio, threading
from meshclient.discovery.runtime.blocking import off_loop
async def main():
    begun = threading.Event()
    def hang():
        begun.set()
        threading.Event().wait()
    task = asyncio.create_task(off_loop(hang))
    while not begun.is_set():
        await asyncio.sleep(0)
    task.cancel()
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=BOUND, check=False).returncode == 0
