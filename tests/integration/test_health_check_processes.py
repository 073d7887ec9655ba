"""Health checks in a process that ends, and in one that forks. Each test is a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from servers.backend import Backends

PRELUDE = """
    import faulthandler, os, signal, sys, threading, time, warnings
    import meshclient, meshclient.mesh.mesh
    from integration.checked_service import CheckedService
    from meshclient.model.events import HealthChanged

    # Python 3.12 and later warn of every fork beside threads, which is what is tested here.
    warnings.simplefilter("ignore", DeprecationWarning)
    faulthandler.register(signal.SIGALRM, chain=True)
    signal.alarm(20)
    meshclient.mesh.mesh.MeshService = CheckedService
    changes = []

    def note(event):
        if isinstance(event, HealthChanged):
            changes.append(event.passing)

    def until(passing):
        while changes[-1:] != [passing]:
            time.sleep(0.01)

    url = sys.argv[1]
    health = {"interval": 0.1, "timeout": 0.1, "unhealthy": 2}
    mesh = meshclient.Mesh(services={"orders": {"endpoints": [url], "health": health}}, observers=[note])
    mesh.warm("orders")
"""


def run(program: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run it; anything it prints to standard error is a failure."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(PRELUDE) + dedent(program), url],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
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
    run("until(False)", hanging.url)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_a_forked_child_makes_checks_of_its_own_and_the_parent_goes_on(backends: Backends) -> None:
    (hanging,) = backends(1)
    hanging.control(hang=True)
    run(
        """
        import json, urllib.request

        # A check is under way at almost every moment, and hangs.
        until(False)
        pid = os.fork()
        if not pid:
            signal.alarm(20)
        changes.clear()
        if pid:
            request = urllib.request.Request(f"{url}/_control", json.dumps({}).encode(), method="POST")
            urllib.request.urlopen(request).close()
        until(True)
        if not pid:
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        mesh.close()
        while len(threading.enumerate()) > 1:
            time.sleep(0.01)
        """,
        hanging.url,
    )
