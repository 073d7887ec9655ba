"""A lease and the end of its process, and a lease in a process that forks: each in a Python of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PRELUDE = """
import asyncio, os, random, sys, threading, time
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration import stay as module
from meshclient.registration.lease import Lease
from meshclient.registration.registrar import Registration

NAMES = {os.getpid(): "parent"}

def say(word):
    line = f"{NAMES.get(os.getpid(), 'child')} {word}\\n"
    os.write(1, line.encode())

class Registrar:
    source = "fake://registry"
    propagation = 0.0
    async def register(self, registration): say("register")
    async def renew(self, registration): pass
    async def deregister(self, registration):
        await asyncio.sleep(0.05)
        # As a look-up of the registry's name does, or a plugin with blocking calls.
        await asyncio.to_thread(say, "deregister")
    async def close(self): say("close")

def enter():
    mine = Registration(ServiceName("orders"), Endpoint("10.0.0.1", 8080), ttl=0.1)
    return Lease(Registrar(), mine, rng=random.Random(1))
"""


@pytest.fixture
def run() -> Callable[[str], list[str]]:
    """Run a program after the prelude; the lines it said."""

    def run(program: str) -> list[str]:
        paths = os.pathsep.join(entry for entry in sys.path if entry)
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + program],
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "meshclient" not in done.stderr, done.stderr
        return done.stdout.splitlines()

    return run


STAY = ["parent register", "parent deregister", "parent close"]


@pytest.mark.parametrize(
    "ending", ["", "sys.exit(3)", "raise RuntimeError", "threading.Thread(target=time.sleep, args=(0.2,)).start()"]
)
def test_the_end_of_the_process_leaves(run: Callable[[str], list[str]], ending: str) -> None:
    assert run(f"lease = enter()\n{ending}") == STAY


def test_a_lease_nobody_holds_lasts_as_long_as_the_process(run: Callable[[str], list[str]]) -> None:
    program = "import gc\nenter()\ngc.collect()\nfor _ in range(20): time.sleep(0.01)\nsay('still here')"
    assert run(program) == [STAY[0], "parent still here", *STAY[1:]]


def test_a_closed_lease_is_left_once(run: Callable[[str], list[str]]) -> None:
    assert run("with enter(): pass\nsay('on')") == [*STAY, "parent on"]


FORK = """
lease = enter()
child = os.fork()
if child == 0:
    module.LEAVE_TIMEOUT = 10**6  # whoever waits for anything here is never heard of again
    {child}
    say("ends")
    {exit}
os.waitpid(child, 0)
say("closes")
lease.close()
"""


@pytest.mark.parametrize("ending", ["sys.exit()", "os._exit(0)"])
@pytest.mark.parametrize("child", ["pass", "lease.close()", "time.sleep(0.3)"])
def test_a_forked_child_neither_renews_nor_ends_its_parents_lease(
    run: Callable[[str], list[str]], child: str, ending: str
) -> None:
    said = run(FORK.format(child=child, exit=ending))
    assert said == ["parent register", "child ends", "parent closes", "parent deregister", "parent close"]


def test_a_forked_child_has_nothing_listed(run: Callable[[str], list[str]]) -> None:
    said = run(FORK.format(child="say(str(lease.listed))", exit="os._exit(0)"))
    assert said == [
        "parent register",
        "child False",
        "child ends",
        *["parent closes", "parent deregister", "parent close"],
    ]


@pytest.mark.parametrize("off", ["off_loop", "asyncio.to_thread"])
def test_a_registrar_that_blocks_says_farewell_where_no_thread_can_be_started_any_more(
    run: Callable[[str], list[str]], off: str
) -> None:
    # As from CPython 3.12 on, once the main thread has ended.
    program = """
from meshclient.discovery.resolver import off_loop
real = threading.Thread.start
def start(thread):
    if not threading.main_thread().is_alive():
        raise RuntimeError("can't create new thread at interpreter shutdown")
    real(thread)
threading.Thread.start = start
async def deregister(self, registration):
    await OFF(say, "deregister")
Registrar.deregister = deregister
lease = enter()
"""
    assert run(program.replace("OFF", off)) == STAY


def test_a_forked_child_can_have_a_lease_of_its_own(run: Callable[[str], list[str]]) -> None:
    said = run(FORK.format(child="module.LEAVE_TIMEOUT = 3.0; enter()", exit="sys.exit()"))
    assert said == [
        "parent register",
        "child register",
        "child ends",
        "child deregister",
        "child close",
        "parent closes",
        "parent deregister",
        "parent close",
    ]
