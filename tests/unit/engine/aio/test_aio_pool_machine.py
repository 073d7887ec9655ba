"""The pool's books under any order of events: nothing is counted twice, forgotten, or given to nobody."""

from __future__ import annotations

import asyncio
import contextlib
from math import inf
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshclient.engine.aio.connection import AsyncConnection
from meshclient.engine.aio.pools import Pools
from meshclient.engine.errors import ConnectFailed, WireError
from meshclient.engine.limits import RESPONSE_LIMITS, PoolLimits
from meshclient.engine.sweep import Sweep
from meshclient.engine.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.engine.aio.pool import AsyncPool

TARGETS = [Target("127.0.0.1", port) for port in (1, 2, 3)]


class Transport:
    """Takes everything, and is closed at once."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **named: None


class StillSweep(Sweep):
    """Looks when it is told to."""

    def _in_a_period(self, now: float) -> None:
        self._real = self.next = inf


class Books(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.time = 1000.0
        self.opening: list[asyncio.Future[bool]] = []
        self.tasks: dict[asyncio.Task[AsyncConnection], AsyncPool] = {}
        self.busy: list[AsyncConnection] = []
        self.made: list[AsyncConnection] = []
        self.patch = mock.patch("meshclient.engine.aio.pool.open_connection", self.open)
        self.patch.start()

    async def open(self, pool: AsyncPool, failed: Callable[[], None]) -> AsyncConnection:
        """In place of a real one: open when the machine says so."""
        era = pool.era
        done: asyncio.Future[bool] = self.loop.create_future()
        self.opening.append(done)
        try:
            if not await done:
                raise ConnectFailed("refused")
        except BaseException:
            failed()
            raise
        finally:
            self.opening.remove(done)
        connection = AsyncConnection(pool, mock.Mock(), era)
        self.made.append(connection)
        pool.made(connection)
        connection.connection_made(Transport())  # type: ignore[arg-type]
        return connection

    @initialize(per_endpoint=st.integers(0, 3), total=st.integers(0, 4), idle=st.one_of(st.none(), st.integers(0, 2)))
    def begin(self, per_endpoint: int, total: int, idle: int | None) -> None:
        self.limits = PoolLimits(per_endpoint, total, idle)

        async def make() -> Pools:
            pools = Pools(self.loop, RESPONSE_LIMITS, self.limits, lambda: self.time)
            pools.sweep = StillSweep(self.loop, pools.clock)
            return pools

        self.pools = self.loop.run_until_complete(make())
        self.in_loop(lambda: self.pools.pool(TARGETS[0], ""))

    def in_loop(self, work: Callable[[], object]) -> None:
        async def main() -> None:
            work()
            for _ in range(6):
                await asyncio.sleep(0)

        self.loop.run_until_complete(main())
        for task in [task for task in self.tasks if task.done()]:
            del self.tasks[task]
            with contextlib.suppress(WireError, asyncio.CancelledError):
                self.busy.append(task.result())

    @rule(number=st.integers(0, 2), patient=st.booleans())
    def acquire(self, number: int, patient: bool) -> None:
        def work() -> None:
            pool = self.pools.pool(TARGETS[number], "")
            until = inf if patient else self.time + 1
            self.tasks[self.loop.create_task(pool.acquire(until, 0.5 if not patient else inf))] = pool

        self.in_loop(work)

    @precondition(lambda self: self.opening)
    @rule(which=st.integers(0), succeeds=st.booleans())
    def opened(self, which: int, succeeds: bool) -> None:
        done = self.opening[which % len(self.opening)]
        self.in_loop(lambda: done.set_result(succeeds))

    @precondition(lambda self: self.busy)
    @rule(which=st.integers(0), complete=st.booleans(), keep=st.booleans())
    def release(self, which: int, complete: bool, keep: bool) -> None:
        connection = self.busy.pop(which % len(self.busy))

        def work() -> None:
            connection.uses += 1
            connection.complete, connection.keep = complete, complete and keep
            connection.release()
            connection.release()

        self.in_loop(work)

    @precondition(lambda self: self.busy)
    @rule(which=st.integers(0))
    def abandon(self, which: int) -> None:
        self.in_loop(lambda: self.busy.pop(which % len(self.busy)).abandon("so"))

    @precondition(lambda self: self.pools.connections)
    @rule(which=st.integers(0), error=st.booleans())
    def peer_closes(self, which: int, error: bool) -> None:
        connections = [connection for connection in self.made if connection in self.pools.connections]
        connection = connections[which % len(connections)]
        self.in_loop(lambda: connection.connection_lost(OSError("reset") if error else None))

    @precondition(lambda self: self.tasks)
    @rule(which=st.integers(0))
    def cancel(self, which: int) -> None:
        self.in_loop(list(self.tasks)[which % len(self.tasks)].cancel)

    @precondition(lambda self: self.tasks and self.busy)
    @rule(which=st.integers(0), cancelled=st.integers(0))
    def release_and_cancel(self, which: int, cancelled: int) -> None:
        """In one turn: what was given to somebody goes to somebody else."""
        connection = self.busy.pop(which % len(self.busy))

        def work() -> None:
            connection.uses += 1
            connection.complete = connection.keep = True
            connection.release()
            list(self.tasks)[cancelled % len(self.tasks)].cancel()

        self.in_loop(work)

    @rule(seconds=st.sampled_from([0.2, 0.6, 1.1, 5.0]))
    def time_passes(self, seconds: float) -> None:
        self.time += seconds

        def work() -> None:
            if self.pools.sweep._ticking:
                self.pools.sweep._tick()
            self.pools._expire()

        self.in_loop(work)

    @rule(number=st.integers(0, 2))
    def retire(self, number: int) -> None:
        self.in_loop(lambda: self.pools.retire([TARGETS[number]], ""))

    @rule(number=st.integers(0, 2))
    def warm(self, number: int) -> None:
        self.in_loop(lambda: self.pools.warm(TARGETS[number], ""))

    @rule()
    def close(self) -> None:
        self.in_loop(lambda: self.pools.close(WireError("closed")))

    @invariant()
    def books_are_right(self) -> None:
        if not hasattr(self, "pools"):
            return
        pools = list(self.pools._pools.values())
        share = self.pools._shares[""]
        idle = [one for pool in pools for one in pool._idle if not one.closed_because]
        assert share.open == sum(pool.open for pool in pools) == len(self.pools.connections) + len(self.opening)
        assert share.idle == len(idle) == len(set(idle))
        assert not any(one.busy for one in idle)
        assert not set(idle) & set(self.busy)
        assert len(self.busy) == len(set(self.busy))
        assert all(pool.open <= (self.limits.per_endpoint or inf) for pool in pools)
        assert share.open <= (self.limits.total or inf)
        assert share.idle <= (inf if self.limits.idle is None else self.limits.idle)

    @invariant()
    def nobody_waits_for_what_is_free(self) -> None:
        if not hasattr(self, "pools"):
            return
        share = self.pools._shares[""]
        waiting = {pool for pool in share.pools if pool._queue}
        assert waiting == set(share.waiting)
        assert not [pool for pool in waiting if pool.servable()]
        assert all(not waiter.done() for pool in waiting for waiter in pool._queue)
        # Whoever is in no queue is connecting.
        assert len(self.tasks) <= sum(len(pool._queue) for pool in waiting) + len(self.opening)

    def teardown(self) -> None:
        try:
            if hasattr(self, "pools"):
                self.everything_ends()
        finally:
            self.patch.stop()
            self.loop.close()

    def abandon_all(self) -> None:
        for one in self.busy:
            one.abandon("over")

    def everything_ends(self) -> None:
        while self.tasks or self.busy or self.opening:
            for task in self.tasks:
                task.cancel()
            for done in self.opening:
                done.cancel()
            self.in_loop(self.abandon_all)
            self.busy = [one for one in self.busy if one.busy]
            self.books_are_right()
        self.time_passes(1000.0)
        share = self.pools._shares[""]
        assert (share.open, share.idle, share.waiting) == (0, 0, {})
        # One was asked for and never used.
        assert share.pools.keys() <= {self.pools._pools.get((TARGETS[0], ""))}
        self.in_loop(lambda: self.pools.close(WireError("closed")))


Books.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestBooks = Books.TestCase
