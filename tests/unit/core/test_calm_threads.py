"""What is counted without a lock is counted exactly, whoever else counts at the same time."""

from __future__ import annotations

import linecache
import sys
import threading
from math import inf
from random import Random
from typing import TYPE_CHECKING

import pytest

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.p2c import P2C
from meshclient.core.first_attempt import FirstAttempt, begin
from meshclient.core.outlier import Outlier
from meshclient.core.retry_budget import RETRY, RetryBudget
from meshclient.core.shadow import Shadow
from meshclient.core.throttle import Throttle
from meshclient.model.snapshot import Ready
from unit.core.fleet import OK, endpoints
from unit.core.script import Orders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from _typeshed import TraceFunction

THREADS = 4
CALLS = 4000


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switching")
def test_calls_of_many_threads() -> None:
    chance = Random(1)
    service = Orders(endpoints(3), budget=RetryBudget(ratio=1.0, floor=0.0, lock=threading.Lock()))
    service.circuit = throttle = Throttle(lock=threading.Lock())
    service.shadow = Shadow("orders", (), None)
    service.emit = None
    service.balancer = Balancer(
        "orders", P2C(chance.random), Outlier(), panic=0.5, uniform=chance.random, lock=threading.Lock()
    )
    service.balancer.update(endpoints(3), 100.0)
    snapshot = Ready(tuple(endpoints(3)), source="static://")
    start = threading.Barrier(THREADS)
    long_way = [0] * THREADS

    def work(number: int) -> None:
        start.wait()
        for at in range(CALLS):
            # Within one bucket of each window, so that the sums can be told.
            now = 100.0 + at * 1e-5
            call = begin(service, now, 1.0, None, FirstAttempt, snapshot)
            assert call is not None
            if call.node is None:
                long_way[number] += 1
                call.cancelled(now)
            else:
                call.succeeded(OK, 1e-4, now + 1e-6)

    threads = [threading.Thread(target=work, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls = THREADS * CALLS
    status = service.balancer.status(101.0)
    nodes = service.balancer._rotation.nodes
    assert [one.pending for one in status] == [0, 0, 0]
    assert [(node.waiting, node.begun) for node in nodes] == [(0, 0.0)] * 3
    assert service.balancer._load.pending == 0
    taken = calls - sum(long_way)
    assert service.balancer._ejections.fleet.good == sum(node.record.good for node in nodes) == taken > 0.9 * calls
    assert service.budget.balance(101.0) == calls == sum(service.budget.slots) / RETRY
    assert throttle.window.successes == taken
    assert service.balancer._count_at < inf


@pytest.mark.parametrize("turn", range(8))
@pytest.mark.parametrize("left", [1, 3, 4])
def test_calls_that_end_while_a_list_is_taken_over(left: int, turn: int) -> None:
    """Wherever a loop jumps back, which is where another thread may come in between."""
    balancer = Balancer("orders", P2C(Random(1).random), Outlier(), panic=0.5, uniform=Random(2).random)
    balancer.update(endpoints(3), 100.0)
    taken = [balancer.take(100.0) for _ in range(9)]
    turns = 0

    def end(frame: FrameType, event: str, _: object) -> TraceFunction:
        nonlocal turns
        if event == "line" and linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip().startswith("for "):
            turns += 1
            while turns > turn and taken:
                node = taken.pop()
                assert node is not None
                balancer.give_back(node, 100.0, 0.01, OK, 100.1)
        return end

    before = sys.gettrace()
    sys.settrace(lambda frame, *_: end if frame.f_code is Balancer._take_over.__code__ else None)
    try:
        balancer.update(endpoints(left), 101.0)
    finally:
        sys.settrace(before)
    assert bool(taken) == (turns <= turn)
    while taken:
        node = taken.pop()
        assert node is not None
        balancer.give_back(node, 100.0, 0.01, OK, 100.1)
    assert balancer._load.pending == sum(status.pending for status in balancer.status(101.0)) == 0
