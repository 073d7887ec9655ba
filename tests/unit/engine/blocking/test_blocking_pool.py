"""Which connections are kept, for how long, and what closes them."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.blocking.engine import Engine
from meshclient.engine.errors import Disconnected
from meshclient.engine.limits import PoolLimits
from meshclient.engine.target import Target
from servers.process import wait_until
from unit.engine.blocking.calls import BOUND, GET, call, connected, descriptors, gone, served, soon
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from meshclient.engine.blocking.pool import Pool

NEVER = float("inf")


class Clock:
    """Time that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def exchange(pool: Pool) -> None:
    connection = pool.take() or pool.acquire(NEVER, BOUND)
    connection.exchange(GET, NEVER)
    connection.release()


def test_the_connection_that_was_used_last_is_used_first() -> None:
    with served(always(OK)) as (pool, _):
        first, second = connected(pool), connected(pool)
        for connection in (first, second):
            connection.exchange(GET, soon())
            connection.release()
        assert pool.take() is second
        assert pool.take() is first
        assert pool.take() is None
        first.abandon("done")
        second.abandon("done")


def test_one_that_was_cut_when_its_response_was_here_is_not_kept() -> None:
    with served(always(OK)) as (pool, _):
        connection = connected(pool)
        connection.exchange(GET, soon())
        connection.interrupt("its attempt was given up")
        connection.release()
        assert not pool.idle
        assert connection.closed_because == "its attempt was given up"
        assert call(pool) == (200, b"ok")


def test_an_idle_connection_is_closed_when_its_time_is_over() -> None:
    clock = Clock()
    with RawServer(always(OK)) as server:
        engine = Engine(pool=PoolLimits(idle_seconds=4.0), clock=clock)
        pool = engine.pool(Target("127.0.0.1", server.port))
        for pause, connections in ((0.0, 1), (3.9, 1), (4.0, 2), (3.0, 2)):
            clock.now += pause
            exchange(pool)
            assert server.connections == connections
        engine.close()


@pytest.mark.parametrize(("said", "kept"), [(b"timeout=3, max=5", 2.0), (b"TIMEOUT = 1", 0.5), (b"max=5", 4.0)])
def test_a_server_may_say_how_long_it_keeps_a_connection(said: bytes, kept: float) -> None:
    clock = Clock()
    with RawServer(always(b"HTTP/1.1 200 OK\r\nKeep-Alive: " + said + b"\r\nContent-Length: 0\r\n\r\n")) as server:
        engine = Engine(clock=clock)
        pool = engine.pool(Target("127.0.0.1", server.port))
        for pause, connections in ((0.0, 1), (kept - 0.01, 1), (kept, 2)):
            clock.now += pause
            exchange(pool)
            assert server.connections == connections
        engine.close()


def test_connections_that_nobody_comes_for_are_closed_by_the_traffic_of_others() -> None:
    clock = Clock()
    with RawServer(always(OK)) as one, RawServer(always(OK)) as other:
        engine = Engine(clock=clock)
        busy, quiet = (engine.pool(Target("127.0.0.1", server.port)) for server in (one, other))
        exchange(quiet)
        (forgotten,) = quiet.idle
        for pause, closed in ((3.0, ""), (3.0, "it was idle for too long")):
            clock.now += pause
            for _ in range(65):
                exchange(busy)
            assert forgotten.closed_because == closed
        assert (len(quiet.idle), len(busy.idle)) == (0, 1)
        engine.close()


def test_one_pool_for_a_target_in_a_share() -> None:
    engine = Engine()
    target = Target("127.0.0.1", 1)
    assert engine.pool(target) is engine.pool(Target("127.0.0.1", 1))
    assert engine.pool(target) is not engine.pool(Target("127.0.0.1", 2))
    assert engine.pool(target) is not engine.pool(target, "orders")
    assert engine.pool(target, "orders") is engine.pool(target, "orders")


def test_an_endpoint_that_is_taken_out_loses_its_connections() -> None:
    with RawServer(always(OK)) as server, RawServer(always(OK)) as other:
        engine = Engine()
        target = Target("127.0.0.1", server.port)
        pool, untouched = engine.pool(target, "orders"), engine.pool(Target("127.0.0.1", other.port), "orders")
        idle, busy = connected(pool), connected(pool)
        call(untouched)
        idle.exchange(GET, soon())
        idle.release()
        engine.retire([target], "elsewhere")
        assert list(pool.idle) == [idle]
        engine.retire([target], "orders")
        assert idle.closed_because == "its endpoint was taken out"
        busy.exchange(GET, soon())
        assert busy.take() == b"ok"
        busy.release()
        assert busy.closed_because == "its endpoint was taken out"
        assert (len(pool.idle), len(untouched.idle)) == (0, 1)
        # It may come back, and whoever has kept the pool goes on with it.
        assert call(pool) == (200, b"ok")
        assert engine.pool(target, "orders") is pool
        assert len(pool.idle) == 1
        engine.close()


def test_a_connection_that_is_ready_before_it_is_needed() -> None:
    with RawServer(always(OK)) as server:
        engine = Engine()
        target = Target("127.0.0.1", server.port)
        engine.warm(target, "orders")
        assert server.connections == 0
        pool = engine.pool(target, "orders")
        for _ in range(3):
            engine.warm(target, "orders")
            wait_until(lambda: len(pool.idle) == 1, BOUND, "a connection")
        connection = pool.take()
        assert connection is not None
        connection.exchange(GET, soon())
        assert (connection.status, connection.uses, server.connections) == (200, 1, 1)
        connection.release()
        engine.close()


def test_close_closes_what_is_idle_and_ends_what_is_busy() -> None:
    asked = threading.Event()

    def rule(connection: Connection) -> None:
        request = connection.request()
        if request is not None and request.target == "/quick":
            connection.send(OK)
        else:
            asked.set()
        gone(connection)

    with served(rule) as (pool, server):
        call(pool, GET.replace(b"/", b"/quick", 1))
        (idle,) = pool.idle
        assert pool.take() is idle
        failures: list[Disconnected] = []

        def wait() -> None:
            with pytest.raises(Disconnected) as caught:
                call(pool)
            failures.append(caught.value)

        thread = threading.Thread(target=wait)
        thread.start()
        assert asked.wait(BOUND)
        idle.hand_back()
        pool._engine.close()
        thread.join(BOUND)
        assert [str(failure) for failure in failures] == [f"http://127.0.0.1:{server.port}: the client was closed"]
        assert idle.closed_because == "the client was closed"
        assert call(pool, GET.replace(b"/", b"/quick", 1)) == (200, b"ok")


def test_what_is_lost_is_closed_by_the_garbage_collector() -> None:
    with served(always(OK)) as (pool, server):
        before = descriptors()
        connection = connected(pool)
        connection.exchange(GET, soon())
        seen = weakref.ref(connection)
        del connection
        gc.collect()
        assert seen() is None
        # The server's end follows.
        wait_until(lambda: descriptors() <= before, BOUND, "the end of both sockets")
        assert server.connections == 1


def test_an_engine_that_is_lost_leaves_nothing_open() -> None:
    with RawServer(always(OK)) as server:
        before = descriptors()
        engine = Engine()
        pool = engine.pool(Target("127.0.0.1", server.port))
        call(pool)
        seen = weakref.ref(engine)
        del engine, pool
        gc.collect()
        assert seen() is None
        wait_until(lambda: descriptors() <= before, BOUND, "the end of both sockets")
