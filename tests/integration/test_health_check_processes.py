"""Health checks in a process that ends, and in one that forks. Each test is a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from servers.backend import Backends

PRELUDE = """
    import faulthandler, os, signal, sys, threading, time, warnings
    import meshclient
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import HealthChanged
    from meshclient.testing import FakeResolver

    # Python 3.12 and later warn of every fork beside threads, which is what is tested here.
    warnings.simplefilter("ignore", DeprecationWarning)
    faulthandler.register(signal.SIGALRM, chain=True)
    signal.alarm(20)
    passing = {}

    def note(event):
        if isinstance(event, HealthChanged):
            passing[event.endpoint.id] = event.passing

    def until(wanted):
        while list(passing.values()) != [wanted] * len(names):
            time.sleep(0.01)

    port = int(sys.argv[1])
    names = [str(number) for number in range(5)]
    registry = FakeResolver({"orders": [Endpoint("127.0.0.1", port, id=name) for name in names]})
    health = {"interval": 0.3, "timeout": 0.3, "unhealthy": 2}
    mesh = meshclient.Mesh(registry, defaults={"health": health}, observers=[note])
    mesh.warm("orders")
"""


def run(program: str, port: int) -> subprocess.CompletedProcess[str]:
    """Run it; anything it prints to standard error is a failure."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(PRELUDE) + dedent(program), str(port)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done


def test_a_process_ends_while_checks_are_under_way(backends: Backends) -> None:
    (hanging,) = backends(1)
    hanging.control(hang=True)
    run("until(False)", hanging.port)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_a_forked_child_makes_checks_of_its_own_and_the_parent_goes_on(backends: Backends) -> None:
    (hanging,) = backends(1)
    hanging.control(hang=True)
    run(
        """
        import json, urllib.request

        until(False)
        while len(mesh.service("orders")._checking._under_way) < 3:
            time.sleep(0.01)
        pid = os.fork()
        if not pid:
            signal.alarm(20)
        passing.clear()
        if pid:
            control = f"http://127.0.0.1:{port}/_control"
            request = urllib.request.Request(control, json.dumps({}).encode(), method="POST")
            urllib.request.urlopen(request).close()
        until(True)
        if not pid:
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        mesh.close()
        while len(threading.enumerate()) > 1:
            time.sleep(0.01)
        """,
        hanging.port,
    )
