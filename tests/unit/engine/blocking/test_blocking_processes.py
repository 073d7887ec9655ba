"""Forks: a child neither uses nor ends what its parent has open."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.blocking.engine import Engine
from meshclient.engine.errors import Disconnected
from meshclient.engine.limits import PoolLimits
from meshclient.engine.target import Target
from unit.engine.blocking.calls import BOUND, GET, call, connected, soon
from unit.http.rawserver import OK, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable


def in_child(work: Callable[[], bool]) -> bool:
    """Whether `work` returns True in a forked process."""
    with warnings.catch_warnings():
        # Python 3.12 and later warn of threads; the server's are not used in the child.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(int(BOUND))
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("limits", [PoolLimits(), PoolLimits(per_endpoint=2), PoolLimits(total=2)])
def test_a_child_has_connections_of_its_own(limits: PoolLimits) -> None:
    with RawServer(always(OK)) as server:
        engine = Engine(pool=limits)
        pool = engine.pool(Target("127.0.0.1", server.port))
        busy = connected(pool)
        call(pool)

        def work() -> bool:
            if pool.idle or busy.closed_because != "it belongs to the process that forked this one":
                return False
            try:
                busy.exchange(GET, soon())
            except Disconnected as error:
                if "belongs to the process" not in str(error):
                    return False
            answers = [call(pool) for _ in range(3)]
            both = connected(pool), connected(pool)
            for connection in both:
                connection.exchange(GET, soon())
                connection.release()
            engine.close()
            return answers == [(200, b"ok")] * 3

        assert in_child(work)
        assert server.connections == 4
        # The parent's go on.
        busy.exchange(GET, soon())
        assert busy.take() == b"ok"
        busy.release()
        assert call(pool) == (200, b"ok")
        assert (server.connections, len(pool.idle)) == (4, 2)
        engine.close()


def test_a_fork_while_other_threads_call() -> None:
    with RawServer(always(OK)) as server:
        engine = Engine(pool=PoolLimits(per_endpoint=3))
        pool = engine.pool(Target("127.0.0.1", server.port))
        stop = threading.Event()
        wrong: list[BaseException] = []

        def work() -> None:
            try:
                while not stop.is_set():
                    if call(pool) != (200, b"ok"):
                        raise AssertionError("wrong answer")
            except BaseException as error:
                wrong.append(error)

        workers = [threading.Thread(target=work) for _ in range(6)]
        for worker in workers:
            worker.start()
        try:
            for _ in range(8):
                assert in_child(lambda: [call(pool) for _ in range(5)] == [(200, b"ok")] * 5)
        finally:
            stop.set()
            for worker in workers:
                worker.join(BOUND)
        assert not wrong
        engine.close()


def test_a_child_that_ends_does_not_end_the_parents_connections() -> None:
    with RawServer(always(OK)) as server:
        engine = Engine()
        pool = engine.pool(Target("127.0.0.1", server.port))
        call(pool)
        (kept,) = pool.idle
        assert in_child(lambda: True)
        kept.since = time.monotonic() - 1.0
        assert pool.take() is kept
        kept.exchange(GET, soon())
        assert (kept.status, server.connections) == (200, 1)
        kept.release()
        engine.close()
