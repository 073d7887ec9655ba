"""The gate among threads that come, wait, give up and leave as they like."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random
from threading import Barrier, Event, Lock, Thread

import pytest

from meshclient.core.circuit import Refusal
from meshclient.core.limit.gate import Gate
from meshclient.core.limit.place import Place
from meshclient.model.outcome import Mark

THREADS = 8
ROUNDS = 2000
PLACES = 3


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns a thousand times as often, so that they meet everywhere."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


class Crowd:
    """Threads at one gate, and how many of them think that they are at work."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.most = self.at_work = 0
        self.lost = 0
        self._lock = Lock()
        self._begin = Barrier(THREADS)
        self.failures: list[BaseException] = []

    def run(self) -> None:
        threads = [Thread(target=self._life, args=(seed,), daemon=True) for seed in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
        assert self.failures == []

    def _life(self, seed: int) -> None:
        try:
            rng = Random(seed)
            self._begin.wait(30)
            for number in range(ROUNDS):
                self._visit(rng, float(number))
        except BaseException as error:
            self.failures.append(error)
            raise

    def _visit(self, rng: Random, now: float) -> None:
        place = self.gate.enter(rng.randrange(3), now)
        if isinstance(place, Refusal):
            return
        if not place.came and not self._queue(place, rng, now):
            return
        with self._lock:
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        for _ in range(rng.randrange(30)):
            # Long enough for others to come meanwhile.
            rng.random()
        with self._lock:
            self.at_work -= 1
        for _ in range(rng.randint(1, 2)):
            place.leave(rng.choice([Mark.SUCCESS, Mark.FAILURE, Mark.NEUTRAL]), 0.01, now)

    def _queue(self, place: Place, rng: Random, now: float) -> bool:
        told = Event()
        place.watch(told.set)
        if rng.random() < 0.5:
            # Gives up, maybe in the very moment its turn comes.
            place.leave(Mark.NEUTRAL, None, now)
            return False
        if not told.wait(30):
            self.lost += 1
        if place.came:
            return True
        assert place.refusal is not None
        place.leave(Mark.NEUTRAL, None, now)
        return False


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("queue", [0, 4, 100])
def test_no_place_and_no_turn_is_lost_among_threads(queue: int) -> None:
    crowd = Crowd(Gate(PLACES, queue, lock=Lock()))
    crowd.run()
    status = crowd.gate.status()
    assert (status.working, status.waiting, crowd.lost) == (0, 0, 0)
    assert 0 < crowd.most <= PLACES
    assert status.entered + status.queued + status.refused == THREADS * ROUNDS
