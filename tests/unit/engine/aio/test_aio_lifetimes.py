"""One engine on several loops, threads and processes, and what is left when they or it are gone."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import warnings
from typing import TYPE_CHECKING
from weakref import ref

import pytest
import uvloop

from meshclient.engine.aio.engine import AsyncEngine
from meshclient.engine.errors import WireError
from meshclient.engine.sweep import LINGER, sweep
from meshclient.engine.target import Target
from unit.engine.aio.wire import BOUND, GET, call, connected, descriptors, holding, soon, until
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from unit.engine.aio.wire import Run


def closed(server: RawServer) -> bool:
    """Whether all its clients are gone."""
    return not any(thread.is_alive() for thread in server._threads)


def ended(pid: int, statuses: list[int]) -> bool:
    """Whether a child is; its exit status is added."""
    found, status = os.waitpid(pid, os.WNOHANG)
    if found == pid:
        statuses.append(os.waitstatus_to_exitcode(status))
    return found == pid


def still_open(number: int, inode: int) -> bool:
    try:
        return os.fstat(number).st_ino == inode
    except OSError:
        return False


def test_each_loop_has_connections_of_its_own(run: Run) -> None:
    engine = AsyncEngine()
    with RawServer(always(OK)) as server:
        target = Target("127.0.0.1", server.port)

        async def main() -> None:
            assert await call(engine.pool(target)) == await call(engine.pool(target)) == (200, b"ok")

        for number in (1, 2, 3):
            run(main())
            # They end with their loop.
            for thread in server._threads:
                thread.join(BOUND)
            assert closed(server)
            assert server.connections == number


def test_a_loop_that_ends_takes_what_is_under_way_with_it(run: Run) -> None:
    engine = AsyncEngine()
    over = threading.Event()
    with RawServer(holding(over)) as server:
        target = Target("127.0.0.1", server.port)

        async def main() -> None:
            connection = await connected(engine.pool(target))
            await connection.exchange(GET, soon(), more=True)

        before = descriptors()
        run(main())
        gc.collect()
        over.set()
        # The server's end is still there.
        assert descriptors() <= before + 1


def test_threads_share_an_engine(run: Run) -> None:
    engine = AsyncEngine()
    failures: list[BaseException] = []
    with RawServer(always(OK)) as server:
        target = Target("127.0.0.1", server.port)

        async def main() -> None:
            for _ in range(20):
                assert await asyncio.gather(*(call(engine.pool(target)) for _ in range(5))) == [(200, b"ok")] * 5

        def work() -> None:
            try:
                run(main())
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND)
        assert failures == []
        assert server.connections == 20


def test_closing_reaches_the_loops_of_other_threads(run: Run) -> None:
    engine = AsyncEngine()
    ready, over = threading.Event(), threading.Event()
    outcome: list[object] = []

    def rule(connection: Connection) -> None:
        if connection.request() is not None:
            ready.set()
            connection.request()

    with RawServer(rule) as server:
        target = Target("127.0.0.1", server.port)

        async def wait() -> None:
            try:
                await call(engine.pool(target))
            except WireError as error:
                outcome.append(error)
            over.set()

        thread = threading.Thread(target=run, args=(wait(),))
        thread.start()
        assert ready.wait(BOUND)

        async def main() -> None:
            await engine.aclose()

        run(main())
        assert over.wait(BOUND)
        thread.join(BOUND)
        assert [type(one) for one in outcome] == [WireError]


def test_an_engine_that_nobody_refers_to_closes_its_connections(run: Run) -> None:
    with RawServer(always(OK)) as server:
        target = Target("127.0.0.1", server.port)

        async def main() -> None:
            engine = AsyncEngine()
            await asyncio.gather(*(call(engine.pool(target)) for _ in range(3)))
            del engine
            gc.collect()
            await until(lambda: closed(server))
            assert server.connections == 3

        run(main())


def test_an_engine_may_be_collected_by_another_thread(run: Run) -> None:
    with RawServer(always(OK)) as server:
        target = Target("127.0.0.1", server.port)

        async def main() -> None:
            engines = [AsyncEngine()]
            await call(engines[0].pool(target))
            thread = threading.Thread(target=engines.clear)
            thread.start()
            thread.join(BOUND)
            await until(lambda: closed(server))

        run(main())


def test_an_engine_may_be_collected_after_its_loop(run: Run) -> None:
    with RawServer(always(OK)) as server:
        target = Target("127.0.0.1", server.port)
        engines = [AsyncEngine()]

        async def main() -> None:
            await call(engines[0].pool(target))

        run(main())
        engines.clear()
        gc.collect()


@pytest.mark.parametrize("first", ["loop", "engine"])
def test_a_loop_that_is_closed_without_notice_is_forgotten_silently(first: str) -> None:
    """Nothing tells us. asyncio would warn about transports that nobody closed; uvloop does so while it closes."""
    engines = [AsyncEngine()]
    with RawServer(always(OK)) as server:
        target = Target("127.0.0.1", server.port)

        async def main() -> None:
            await call(engines[0].pool(target))

        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        if first == "engine":
            engines.clear()
            loop.close()
        else:
            loop.close()
            asyncio.run(main())
            engines.clear()
        gc.collect()
        for thread in server._threads:
            thread.join(BOUND)
        assert closed(server)


def test_a_closed_loop_is_not_kept(run: Run) -> None:
    engine = AsyncEngine()
    with RawServer(always(OK)) as server:
        target = Target("127.0.0.1", server.port)

        async def main() -> ref[asyncio.AbstractEventLoop]:
            await call(engine.pool(target))
            return ref(asyncio.get_running_loop())

        loops = [run(main()) for _ in range(3)]
        gc.collect()
        # The last one goes when the engine sees another one.
        assert [loop() is None for loop in loops[:2]] == [True, True]


def test_no_timer_is_left(run: Run) -> None:
    with RawServer(always(OK)) as server:

        async def main() -> None:
            engine = AsyncEngine()
            pool = engine.pool(Target("127.0.0.1", server.port))
            await call(pool)
            timer = pool._pools._timer
            assert timer is not None
            assert sweep()._ticking
            await engine.aclose()
            assert timer.cancelled()
            await until(lambda: not sweep()._ticking, BOUND + LINGER)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run(main())


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_forked_process_leaves_its_parents_connections_alone(runner: Run) -> None:
    """It uses the same engine on a loop of its own, and its parent goes on with the connections it had."""
    engine = AsyncEngine()
    with RawServer(always(OK)) as server:
        target = Target("127.0.0.1", server.port)

        async def child() -> None:
            pool = engine.pool(target)
            for _ in range(3):
                assert await call(pool) == (200, b"ok")

        async def main() -> None:
            pool = engine.pool(target)
            await asyncio.gather(*(call(pool) for _ in range(3)))
            kept = set(pool._pools.connections)
            files = [(number, os.fstat(number).st_ino) for number in [one._sock.fileno() for one in kept]]
            with warnings.catch_warnings():
                # Python 3.12 warns that the servers' threads are not there afterwards.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    asyncio._set_running_loop(None)
                    runner(child())
                    gc.collect()
                    asyncio.run(child())
                    gc.collect()
                    status = 2 if any(still_open(number, inode) for number, inode in files) else 0
                finally:
                    os._exit(status)
            statuses: list[int] = []
            await until(lambda: ended(pid, statuses))
            assert statuses == [0]
            assert server.connections == 5
            assert pool._pools.connections == kept
            assert await asyncio.gather(*(call(pool) for _ in range(3))) == [(200, b"ok")] * 3
            assert server.connections == 5
            await engine.aclose()
            # The child held no copies that would keep them open.
            await until(lambda: closed(server))

        runner(main())
