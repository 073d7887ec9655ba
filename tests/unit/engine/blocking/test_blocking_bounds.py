"""How many connections there may be, and who is next."""

from __future__ import annotations

import contextlib
import gc
import random
import threading
import time

import pytest

from meshclient.engine.blocking.bounded_pool import BoundedPool
from meshclient.engine.blocking.pool import Pool
from meshclient.engine.errors import ConnectFailed, Disconnected, PoolTimeout
from meshclient.engine.limits import PoolLimits
from servers.process import wait_until
from unit.engine.blocking.calls import BOUND, GET, call, connected, engine_to, served, soon
from unit.http.rawserver import OK, Connection, RawServer, always

ONE = PoolLimits(per_endpoint=1)


def opened(pool: Pool) -> int:
    """Connections that the pool counts."""
    assert isinstance(pool, BoundedPool)
    pool._gate._count_returned()
    return pool.opened


def waiting(pool: Pool) -> int:
    assert isinstance(pool, BoundedPool)
    return len(pool._gate.waiting)


def in_line(pool: Pool, number: int, order: list[int]) -> threading.Thread:
    """A thread that waits for a connection, after those that wait already."""

    def wait() -> None:
        connection = connected(pool)
        order.append(number)
        connection.exchange(GET, soon())
        connection.release()

    before = waiting(pool)
    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: waiting(pool) == before + 1, BOUND, "a waiting thread")
    return thread


def test_calls_wait_in_their_order() -> None:
    with served(always(OK), pool=ONE) as (pool, server):
        mine = connected(pool)
        order: list[int] = []
        threads = [in_line(pool, number, order) for number in range(4)]
        mine.exchange(GET, soon())
        mine.release()
        for thread in threads:
            thread.join(BOUND)
        assert order == [0, 1, 2, 3]
        assert (server.connections, len(pool.idle), opened(pool)) == (1, 1, 1)


def test_who_comes_late_does_not_overtake() -> None:
    with served(always(OK), pool=ONE) as (pool, _):
        mine = connected(pool)
        thread = in_line(pool, 0, [])
        assert isinstance(pool, BoundedPool)
        # As if another thread were about to let in.
        baton = pool._gate.batons.pop()
        mine.exchange(GET, soon())
        mine.release()
        # It is idle, and not for us.
        assert len(pool.idle) == 1
        assert pool.take() is None
        pool._gate.batons.append(baton)
        pool._gate.stir()
        thread.join(BOUND)
        assert call(pool) == (200, b"ok")


def test_a_baton_that_is_lost_is_replaced() -> None:
    with served(always(OK), pool=ONE) as (pool, _):
        assert isinstance(pool, BoundedPool)
        pool._gate.batons.pop()
        assert len(pool._gate.batons) == 1
        assert call(pool) == (200, b"ok")


def test_a_wait_ends_with_the_time_of_the_call() -> None:
    with served(always(OK), pool=ONE) as (pool, server):
        mine = connected(pool)
        begun = time.monotonic()
        with pytest.raises(PoolTimeout, match=f"http://127.0.0.1:{server.port}: all 1 connections were busy"):
            pool.acquire(begun + 0.05, BOUND)
        assert 0.05 <= time.monotonic() - begun < BOUND
        assert waiting(pool) == 0
        mine.exchange(GET, soon())
        mine.release()
        assert call(pool) == (200, b"ok")
        assert server.connections == 1


def test_a_place_is_free_when_its_connection_is_closed() -> None:
    def rule(connection: Connection) -> None:
        connection.request()

    with served(rule, pool=ONE) as (pool, server):
        for number in range(1, 4):
            connection = connected(pool)
            if number == 2:
                connection.abandon("enough")
            else:
                with pytest.raises(Disconnected):
                    connection.exchange(GET, soon())
            assert opened(pool) == 0
            wait_until(lambda: server.connections == number, BOUND, "the server's view")  # noqa: B023


def test_a_place_is_free_when_its_connection_could_not_be_opened() -> None:
    with RawServer(always(OK)) as server:
        port = server.port
    with engine_to(port, pool=ONE) as (pool,):
        for _ in range(3):
            with pytest.raises(ConnectFailed) as caught:
                pool.acquire(soon(), BOUND)
            # While somebody still has the error, and with it all that it saw.
            assert opened(pool) == 0
            assert caught.value.__traceback__ is not None


def test_a_place_is_free_when_its_connection_is_lost() -> None:
    with served(always(OK), pool=ONE) as (pool, _):
        connection = connected(pool)
        order: list[int] = []
        thread = in_line(pool, 7, order)
        del connection
        gc.collect()
        thread.join(BOUND)
        assert order == [7]


def test_endpoints_share_a_bound_and_make_room_for_each_other() -> None:
    with (
        RawServer(always(OK)) as one,
        RawServer(always(OK)) as two,
        engine_to(one.port, two.port, pool=PoolLimits(total=2)) as (first, second),
    ):
        call(first)
        (idle,) = first.idle
        busy = connected(second)
        assert call(second) == (200, b"ok")
        assert idle.closed_because == "another endpoint needed its place"
        assert (opened(first), opened(second)) == (0, 2)
        assert call(second) == (200, b"ok")
        held = connected(second)
        with pytest.raises(PoolTimeout, match="all 2 connections"):
            first.acquire(time.monotonic() + 0.02, BOUND)
        busy.abandon("done")
        assert call(first) == (200, b"ok")
        held.abandon("done")


def test_who_cannot_go_on_does_not_hold_up_those_behind() -> None:
    limits = PoolLimits(per_endpoint=1, total=3)
    with (
        RawServer(always(OK)) as one,
        RawServer(always(OK)) as two,
        engine_to(one.port, two.port, pool=limits) as (full, empty),
    ):
        mine = connected(full)
        thread = in_line(full, 0, [])
        assert call(empty) == (200, b"ok")
        mine.abandon("done")
        thread.join(BOUND)


def test_only_so_many_idle_connections_are_kept() -> None:
    with (
        RawServer(always(OK)) as one,
        RawServer(always(OK)) as two,
        engine_to(one.port, two.port, pool=PoolLimits(idle=2)) as (first, second),
    ):
        connections = [connected(first), connected(second), connected(first)]
        for connection in connections:
            connection.exchange(GET, soon())
            connection.release()
        assert [connection.closed_because for connection in connections] == [
            "more were idle than are to be kept", "", "",
        ]  # fmt: skip
        assert (first.take(), second.take()) == (connections[2], connections[1])
        connections[1].release()
        connections[2].release()


def test_no_idle_connection_is_kept_where_none_is_wanted() -> None:
    with served(always(OK), pool=PoolLimits(idle=0)) as (pool, server):
        call(pool)
        call(pool)
        assert (server.connections, len(pool.idle)) == (2, 0)


@pytest.mark.parametrize("limits", [PoolLimits(per_endpoint=10), PoolLimits(total=10, idle=5), PoolLimits()])
@pytest.mark.parametrize("threads", [1, 10, 50, 100])
def test_many_threads_share_the_connections(limits: PoolLimits, threads: int) -> None:
    calls = 2000 // threads
    most = 0
    open_now = 0
    lock = threading.Lock()

    def rule(connection: Connection) -> None:
        nonlocal most, open_now
        with lock:
            open_now += 1
            most = max(most, open_now)
        try:
            while (request := connection.request()) is not None:
                connection.send(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.target), request.target.encode())
                )
        finally:
            with lock:
                open_now -= 1

    wrong: list[object] = []

    def work(number: int) -> None:
        try:
            for turn in range(calls):
                name = b"/%d/%d" % (number, turn)
                answer = call(pool, GET.replace(b"/", name, 1))
                if answer != (200, name):
                    wrong.append(answer)
        except BaseException as error:
            wrong.append(error)

    with served(rule, pool=limits) as (pool, server):
        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert not wrong
        assert len(server.requests) == threads * calls
        if limits.per_endpoint:
            # All of them stay open, so the server has not seen any end.
            assert server.connections <= 10
            assert most <= 10
        assert len(pool.idle) <= (5 if limits.idle else threads)


def test_many_threads_share_the_connections_to_several_endpoints() -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        chance = random.Random(number)
        try:
            for _ in range(50):
                if call(chance.choice(pools)) != (200, b"ok"):
                    wrong.append("answer")
                if gate._open > 5:
                    wrong.append(gate._open)
        except BaseException as error:
            wrong.append(error)

    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(RawServer(always(OK))).port for _ in range(4)]
        pools = stack.enter_context(engine_to(*ports, pool=PoolLimits(per_endpoint=3, total=5, idle=4)))
        assert isinstance(pools[0], BoundedPool)
        gate = pools[0]._gate
        workers = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert not wrong
        assert sum(opened(pool) for pool in pools) == sum(len(pool.idle) for pool in pools) == gate._open <= 4
