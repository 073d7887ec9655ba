"""A process that forks with calls under way: the child has none of them, and what they had taken is free there.

A program of its own, since a test run is no place to fork.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, time, warnings
import meshclient
from meshclient.model.outcome import CANCELLED, Mark

warnings.simplefilter("ignore", DeprecationWarning)
signal.alarm(10)
limit = {"concurrency": 2, "queue": 1, "endpoint": 1}
mesh = meshclient.Mesh(services={"orders": {"endpoints": ["127.0.0.1:1"], "limit": limit}})
mesh.warm("orders")
service = mesh.service("orders")
gate, balancer, now = service.limiter, service.balancer, service.clock


def counts():
    [endpoint] = balancer.status(now())
    return gate.working, gate.status().waiting, endpoint.pending, balancer.room


places = [gate.enter(0, now()) for _ in range(3)]
pick = balancer.pick(now())
assert counts() == (2, 1, 1, False), counts()

child = os.fork()
assert counts() == ((2, 1, 1, False) if child else (0, 0, 0, True)), counts()
for place in places:
    place.leave(Mark.SUCCESS, 0.01, now())
pick.answer(now())
pick.done(CANCELLED, now())
assert counts() == (0, 0, 0, True), counts()

place, pick = gate.enter(0, now()), balancer.pick(now())
assert counts() == (1, 0, 1, False), counts()
place.leave(Mark.SUCCESS, 0.01, now())
pick.done(CANCELLED, now())
assert counts() == (0, 0, 0, True), counts()
if not child:
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
mesh.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_a_child_has_none_of_its_parents_calls() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
