"""What choosing an endpoint costs, and whether the number of endpoints matters.

    python benchmarks/pick.py [--picks 20000] [--rounds 9]

A pick as a call makes it: `Balancer.pick` with the default balancer (p2c over peak EWMA), ejection and its lock, and in
the second column the hand-back (`Pick.done`) with it. The best of several rounds, since a pure computation can only be
slowed down by its neighbours; the peer is a plain ``random.choice`` over the same list, in the same round.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from typing import TYPE_CHECKING

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.p2c import P2C
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import classify_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.balance.pick import Pick

SIZES = (10, 1_000, 10_000)
OK = classify_status(200)


def balancer(endpoints: list[Endpoint]) -> Balancer:
    rng = random.Random(1)
    made = Balancer("bench", P2C(rng.random), Outlier(), panic=0.5, uniform=rng.random, lock=threading.Lock())
    made.update(endpoints, 0.0)
    return made


def nanoseconds(once: Callable[[], None], times: int) -> float:
    begin = time.perf_counter_ns()
    for _ in range(times):
        once()
    return (time.perf_counter_ns() - begin) / times


def measure(size: int, times: int, rounds: int) -> tuple[float, float, float]:
    endpoints = [Endpoint(f"10.{i // 65536}.{i // 256 % 256}.{i % 256}", 8080) for i in range(size)]
    subject = balancer(endpoints)
    held: list[Pick] = []

    def pick() -> None:
        taken = subject.pick(1.0)
        assert taken is not None
        held.append(taken)

    def pick_and_done() -> None:
        taken = subject.pick(1.0)
        assert taken is not None
        taken.answer(0.01)
        taken.done(OK, 1.0)

    def choice() -> None:
        random.choice(endpoints)

    best = [float("inf")] * 3
    for _ in range(rounds):
        for at, once in enumerate((pick, pick_and_done, choice)):
            best[at] = min(best[at], nanoseconds(once, times))
        for each in held:
            each.done(OK, 1.0)
        held.clear()
    return best[0], best[1], best[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    first = 0.0
    for size in SIZES:
        pick, whole, choice = measure(size, arguments.picks, arguments.rounds)
        first = first or pick
        print(
            f"{size:6} endpoints: pick {pick:5.0f} ns, pick and done {whole:5.0f} ns, random.choice {choice:4.0f} ns; "
            f"ratio to 10 endpoints {pick / first:.2f}, to random.choice {pick / choice:.1f}"
        )


if __name__ == "__main__":
    main()
