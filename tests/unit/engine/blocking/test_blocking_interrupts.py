"""Exceptions that come from outside, at any place: a call that is broken off leaves nothing behind."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import random
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.blocking.bounded_pool import BoundedPool
from meshclient.engine.blocking.gate import Slot
from meshclient.engine.limits import PoolLimits
from servers.process import wait_until
from unit.engine.blocking.calls import BOUND, GET, call, connected, descriptors, gone, post, served, soon
from unit.http.rawserver import OK, Connection, always

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from meshclient.engine.blocking.pool import Pool

TWO = PoolLimits(per_endpoint=2)


@pytest.fixture
def swallowing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python swallows what is raised within a finalizer; pytest would keep it, with all that its frames hold."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)


class Interrupt(BaseException):
    """As KeyboardInterrupt, and nobody else's."""


@contextlib.contextmanager
def interrupted(seconds: float) -> Iterator[None]:
    """After so many seconds `Interrupt` is raised in the main thread, wherever it is; again, should it be swallowed."""
    armed = True

    def strike(number: int, frame: object) -> None:
        if armed:
            raise Interrupt

    before = signal.signal(signal.SIGALRM, strike)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def opened(pool: Pool) -> int:
    assert isinstance(pool, BoundedPool)
    pool._gate._count_returned()
    return pool.opened


def test_while_the_answer_is_waited_for() -> None:
    with served(gone, pool=TWO) as (pool, _):
        for _ in range(4):
            connection = connected(pool)
            with pytest.raises(Interrupt), interrupted(0.02):
                connection.exchange(GET, soon())
            assert connection.closed_because.startswith("its exchange was interrupted")
            assert (opened(pool), len(pool.idle)) == (0, 0)


def test_while_the_request_is_written() -> None:
    done = threading.Event()

    def rule(connection: Connection) -> None:
        done.wait(BOUND)

    with served(rule, pool=TWO) as (pool, _):
        connection = connected(pool)
        data = post(40_000_000)
        with pytest.raises(Interrupt), interrupted(0.05):
            connection.exchange(data, soon())
        assert connection.closed_because.startswith("its exchange was interrupted")
        assert opened(pool) == 0
        done.set()


def test_while_a_connection_is_waited_for() -> None:
    with served(always(OK), pool=PoolLimits(per_endpoint=1)) as (pool, _):
        connection = connected(pool)
        with pytest.raises(Interrupt), interrupted(0.02):
            connected(pool)
        assert isinstance(pool, BoundedPool)
        assert not pool._gate.waiting
        connection.exchange(GET, soon())
        connection.release()
        assert call(pool) == (200, b"ok")
        assert opened(pool) == 1


@pytest.mark.usefixtures("swallowing")
def test_anywhere() -> None:
    """Random moments, from before a connection is taken until after it is given back."""
    chance = random.Random(5)
    struck = 0
    with served(always(OK), pool=TWO) as (pool, _):
        for _ in range(300):
            with contextlib.suppress(Interrupt), interrupted(chance.uniform(0.00001, 0.002)):
                try:
                    while True:
                        assert call(pool) == (200, b"ok")
                except Interrupt:
                    struck += 1
                    raise
        # On a busy machine some strike before the first call.
        assert struck > 100
        # One that was struck between two instructions of the interpreter belongs to nobody.
        gc.collect()
        assert opened(pool) == len(pool.idle) <= 2
        first, second = connected(pool), connected(pool)
        for connection in (first, second):
            connection.exchange(GET, soon())
            assert connection.take() == b"ok"
            connection.release()


@pytest.mark.usefixtures("swallowing")
def test_as_the_finalizer_of_a_lost_one_begins() -> None:
    """Python swallows the interrupt, and what the finalizer was for is not done."""
    struck = 0

    def strike(frame: FrameType, event: str, _: object) -> None:
        nonlocal struck
        if frame.f_code is Slot.__del__.__code__:
            struck += 1
            raise Interrupt

    with served(always(OK), pool=TWO) as (pool, _):
        connection = connected(pool)
        assert opened(pool) == 1
        before = sys.gettrace()
        sys.settrace(strike)
        try:
            del connection
            gc.collect()
        finally:
            sys.settrace(before)
        assert struck == 1
        assert opened(pool) == 0


@pytest.mark.usefixtures("swallowing")
def test_between_a_place_and_its_counting() -> None:
    """A reference that is dead before it was ever looked up cannot be looked up any more."""
    struck = 0

    def strike(frame: FrameType, event: str, _: object) -> None:
        nonlocal struck
        if event == "return" and frame.f_code is Slot.__init__.__code__ and not struck:
            struck += 1
            raise Interrupt

    with served(always(OK), pool=TWO) as (pool, _):
        sys.setprofile(strike)
        try:
            with pytest.raises(Interrupt):
                connected(pool)
        finally:
            sys.setprofile(None)
        assert struck == 1
        assert opened(pool) == 0
        assert call(pool) == (200, b"ok")


@pytest.mark.usefixtures("swallowing")
def test_in_threads_that_share_a_pool() -> None:
    calls = [0] * 6
    wrong: list[object] = []
    stop = threading.Event()

    def work(number: int) -> None:
        while not stop.is_set():
            with contextlib.suppress(Interrupt):
                try:
                    while not stop.is_set():
                        name = b"/%d/%d" % (number, calls[number])
                        answer = call(pool, GET.replace(b"/", name, 1))
                        if answer != (200, name):
                            wrong.append((answer, name))
                        calls[number] += 1
                except Exception as error:
                    wrong.append(error)

    def echo(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            name = request.target.encode()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))

    with served(echo, pool=TWO) as (pool, _):
        workers = [threading.Thread(target=work, args=(number,)) for number in range(len(calls))]
        for worker in workers:
            worker.start()
        chance = random.Random(7)
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            # The pace of the strikes; nothing is waited for.
            time.sleep(chance.uniform(0.0, 0.005))
            ident = workers[chance.randrange(len(workers))].ident
            assert ident is not None
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Interrupt))
        before = list(calls)
        wait_until(
            lambda: all(now > then for now, then in zip(calls, before, strict=True)) or None, BOUND, "calls go on"
        )
        stop.set()
        for worker in workers:
            worker.join(BOUND)
        assert not wrong
        gc.collect()
        assert opened(pool) == len(pool.idle) <= 2


@pytest.mark.usefixtures("swallowing")
def test_nothing_stays_open() -> None:
    before = descriptors()
    test_anywhere()
    gc.collect()
    wait_until(lambda: descriptors() <= before, BOUND, "the end of all sockets")
