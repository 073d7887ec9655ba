"""What the policies cost a call: everything but I/O, in microseconds of CPU.

    python benchmarks/policy.py [--calls 4000] [--rounds 15] [--sizes 3,1000]

A call as a driver makes it, from `Call` to the end of the response body (`Pick.done`), through the exchange of
production and the running state of a service with a list of its own; what is sent is answered at once. The aim is 15 us
with the configuration that holds where nobody says anything, and each further row changes one policy of it. Time is
simulated, 200 calls a second with 4 ms each, so that what is done once a second is paid for by 200 calls and not by
those of a busy processor. The best of several rounds counts, each of which runs all rows in rotated order: a pure
computation can only be slowed down by its neighbours.
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from meshclient.core.call import Call
from meshclient.core.commands import Finished, Start
from meshclient.core.exchange import exchange
from meshclient.mesh import Mesh
from meshclient.model.deadline import Deadline
from meshclient.model.outcome import classify_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.mesh import MeshService

AIM = 15.0
OK = classify_status(200)
LATENCY, PAUSE = 0.004, 0.001
# Seconds that pass before anything is measured: endpoints that are new come to their full share.
SETTLED = 60.0
NOTHING = {"retry": False, "ejection": False, "throttle": False, "slow_start": False, "balancer": "round_robin"}
VARIANTS: Mapping[str, Mapping[str, object]] = {
    "default": {},
    "without ejection": {"ejection": False},
    "without retry": {"retry": False},
    "without throttle": {"throttle": False},
    "without slow start": {"slow_start": False},
    "without all of them, round robin": NOTHING,
    "with hedge": {"hedge": True},
    "with limit": {"limit": True},
    "with circuit": {"circuit": True},
    "with shadow ejection": {"shadow": ["ejection"]},
    "balancer round_robin": {"balancer": "round_robin"},
    "balancer weighted_random": {"balancer": "weighted_random"},
    "balancer least_request": {"balancer": "least_request"},
    "balancer ring_hash": {"balancer": "ring_hash"},
    "balancer maglev": {"balancer": "maglev"},
}


class Time:
    """Passes when it is told to."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def never() -> str:
    return ""


class Subject:
    """A service with `size` endpoints and some settings."""

    def __init__(self, size: int, settings: Mapping[str, object], stack: ExitStack) -> None:
        endpoints = [f"http://10.{i // 65536}.{i // 256 % 256}.{i % 256}:8080" for i in range(size)]
        mesh = stack.enter_context(Mesh(services={"orders": {"endpoints": endpoints, **settings}}))
        mesh.warm("orders")
        self.service: MeshService = mesh.service("orders")
        self.clock = self.service.clock = Time()
        self.key = 0
        settled = self.clock.now + SETTLED
        while self.clock.now < settled:
            self.call()

    def call(self) -> None:
        """Make one."""
        service, clock = self.service, self.clock
        settings = service.own_settings
        self.key += 1
        started = clock()
        steps = exchange(
            Call(
                method="GET",
                idempotent=True,
                started=started,
                deadline=Deadline.after(settings.deadline, started),
                attempt_timeout=settings.attempt_timeout,
                retry=settings.retry,
                obstacle=never,
                key=str(self.key % 997),
                hedge=service.hedging is not None,
            ),
            service,
        )
        command = next(steps)
        assert isinstance(command, Start)
        steps.send(None)
        clock.now += LATENCY
        try:
            steps.send(Finished(command.attempt, OK))
        except StopIteration as end:
            attempt = end.value
        attempt.pick.done(OK, clock())
        clock.now += PAUSE

    def cost(self, calls: int) -> float:
        """Microseconds of CPU for each of so many calls."""
        call = self.call
        begin = time.process_time()
        for _ in range(calls):
            call()
        return (time.process_time() - begin) / calls * 1e6


def measure(size: int, calls: int, rounds: int) -> dict[str, float]:
    names = list(VARIANTS)
    best = dict.fromkeys(names, float("inf"))
    with ExitStack() as stack:
        subjects = {name: Subject(size, settings, stack) for name, settings in VARIANTS.items()}
        for turn in range(rounds):
            at = turn % len(names)
            for name in names[at:] + names[:at]:
                best[name] = min(best[name], subjects[name].cost(calls))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sizes", default="3,1000")
    arguments = parser.parse_args()
    for size in map(int, arguments.sizes.split(",")):
        before = os.getloadavg()[0]
        best = measure(size, arguments.calls, arguments.rounds)
        whole = best["default"]
        verdict = "within" if whole <= AIM else "beyond"
        print(f"{size} endpoints: {whole:.1f} us, {verdict} the aim of {AIM:g} us (load average {before:.1f})")
        for name, cost in best.items():
            print(f"  {name:34} {cost:6.2f} us {cost - whole:+6.2f}")


if __name__ == "__main__":
    os.environ.pop("MESHCLIENT_CONFIG", None)
    main()
