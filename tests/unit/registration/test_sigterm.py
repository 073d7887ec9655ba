"""SIGTERM and the leases of a process: each in a Python of its own, which says what it does and when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")

PRELUDE = """
import asyncio, os, random, signal, sys, threading, time
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.lease import Lease
from meshclient.registration.registrar import Registration
from meshclient.registration.terms import Terms

def say(word):
    os.write(1, (word + "\\n").encode())

class Registrar:
    source = "fake://registry"
    checks_health = False
    def __init__(self, name="", propagation=0.2):
        self.name, self.propagation = name, propagation
    async def register(self, registration): say("register" + self.name)
    async def renew(self, registration): pass
    async def deregister(self, registration):
        await asyncio.sleep(0.05)
        say("deregister" + self.name)
    async def close(self): pass

def enter(name="", propagation=0.2, **terms):
    mine = Registration(ServiceName("orders"), Endpoint("10.0.0.1", 8080), ttl=0.1)
    return Lease(Registrar(name, propagation), mine, rng=random.Random(1), terms=Terms(on_sigterm=True, **terms))

def handler(number, frame):
    say("handler")

def end():
    os.kill(os.getpid(), signal.SIGTERM)

def serve(seconds=20.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
    say("still serving")
"""
KILLED = -signal.SIGTERM

Run = Callable[[str], tuple[list[str], int]]


@pytest.fixture
def run() -> Run:
    """Run a program after the prelude; the lines it said, and its exit status."""

    def run(program: str) -> tuple[list[str], int]:
        paths = os.pathsep.join(entry for entry in sys.path if entry)
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + program],
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout.splitlines(), done.returncode

    return run


def test_the_instance_leaves_before_the_process_is_terminated(run: Run) -> None:
    assert run("lease = enter(); end(); serve()") == (["register", "deregister"], KILLED)


def test_the_process_serves_on_until_readers_have_noticed(run: Run) -> None:
    # The main thread runs on while the discovery thread waits.
    program = """
lease = enter(propagation=1.0)
end()
say("main goes on")
while lease.listed: time.sleep(0.001)
say("out")
try:
    serve()
finally:
    say("never said, for the default action ends the process at once")
"""
    assert run(program) == (["register", "main goes on", "deregister", "out"], KILLED)


def test_a_wait_in_the_kernel_is_broken_off(run: Run) -> None:
    assert run("lease = enter(); threading.Timer(0.05, end).start(); time.sleep(30)") == (
        ["register", "deregister"],
        KILLED,
    )


def test_requests_in_flight_end_first(run: Run) -> None:
    program = """
busy = 1
def work():
    global busy
    time.sleep(0.5)
    say("request ends")
    busy = 0
lease = enter(propagation=0, in_flight=lambda: busy)
threading.Thread(target=work).start()
end(); serve()
"""
    assert run(program) == (["register", "deregister", "request ends"], KILLED)


def test_the_handler_that_was_there_is_called_afterwards(run: Run) -> None:
    program = """
signal.signal(signal.SIGTERM, lambda *_: (say("handler"), sys.exit(7)))
with enter():
    end(); serve()
"""
    assert run(program) == (["register", "deregister", "handler"], 7)


def test_a_handler_that_goes_on_is_in_place_again(run: Run) -> None:
    program = """
signal.signal(signal.SIGTERM, handler)
lease = enter()
end()
while signal.getsignal(signal.SIGTERM) is not handler: time.sleep(0.01)
lease.close()
end()
say("on")
"""
    assert run(program) == (["register", "deregister", "handler", "handler", "on"], 0)


def test_a_later_handler_that_calls_the_one_before(run: Run) -> None:
    program = """
first = enter(" 1")
before = signal.getsignal(signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda *a: (say("handler"), before(*a)))
second = enter(" 2")
end(); serve()
"""
    # The newest leaves first, then whoever stands behind it has its turn; that one's signal comes by the same way.
    said = ["register 1", "register 2", "deregister 2", "handler", "deregister 1", "handler"]
    assert run(program) == (said, KILLED)


def test_a_later_handler_that_calls_nobody_is_left_alone(run: Run) -> None:
    program = """
with enter():
    signal.signal(signal.SIGTERM, handler)
    end()
assert signal.getsignal(signal.SIGTERM) is handler
"""
    assert run(program) == (["register", "handler", "deregister"], 0)


def test_all_leases_leave_at_once_and_the_slowest_is_waited_for(run: Run) -> None:
    program = """
signal.signal(signal.SIGTERM, lambda *_: (say(f"in time: {time.monotonic() - began >= 0.4}"), os._exit(7)))
leases = [enter(" 1", propagation=0.0), enter(" 2", propagation=0.4)]
began = time.monotonic()
end(); serve()
"""
    said, status = run(program)
    assert (sorted(said[2:4]), said[4:], status) == (["deregister 1", "deregister 2"], ["in time: True"], 7)


def test_repeated_signals_do_not_shorten_the_farewell(run: Run) -> None:
    program = """
signal.signal(signal.SIGTERM, lambda *_: (say(f"in time: {time.monotonic() - began >= 0.4}"), os._exit(7)))
lease = enter(propagation=0.4)
began = time.monotonic()
for _ in range(5): end(); time.sleep(0.02)
serve()
"""
    assert run(program) == (["register", "deregister", "in time: True"], 7)


@pytest.mark.parametrize("before", ["SIG_DFL", "SIG_IGN"])
def test_the_handler_is_there_while_leases_live_and_no_longer(run: Run, before: str) -> None:
    program = f"""
signal.signal(signal.SIGTERM, signal.{before})
show = lambda: say(str(signal.getsignal(signal.SIGTERM) == signal.{before}))
show()
first = enter(); second = enter()
show()
first.close(); show()
second.close(); show()
"""
    said = [word for word in run(program)[0] if "register" not in word]
    # A process that ignores the signal does not end by it.
    assert said == (["True", "False", "False", "True"] if before == "SIG_DFL" else ["True"] * 4)


def test_outside_the_main_thread_there_is_no_handler(run: Run) -> None:
    program = """
thread = threading.Thread(target=lambda: enter())
thread.start(); thread.join()
assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
end(); serve()
"""
    assert run(program) == (["register"], KILLED)


def test_a_forked_child_ends_at_once_and_leaves_its_parents_instance_alone(run: Run) -> None:
    program = """
lease = enter()
child = os.fork()
if child == 0:
    end(); serve()
say(str(os.waitpid(child, 0)[1]))
"""
    assert run(program) == (["register", str(int(signal.SIGTERM)), "deregister"], 0)


def test_a_forked_child_with_a_lease_of_its_own_leaves(run: Run) -> None:
    program = """
lease = enter()
child = os.fork()
if child == 0:
    own = enter(" child"); end(); serve()
say(str(os.waitpid(child, 0)[1]))
"""
    said = ["register", "register child", "deregister child", str(int(signal.SIGTERM)), "deregister"]
    assert run(program) == (said, 0)


def test_an_event_loop_that_took_the_signal_is_told_once(run: Run) -> None:
    # It hears of it through its wakeup descriptor, whatever the handler is.
    program = """
async def main():
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: (say("loop"), asked.set()))
    async with enter():
        end()
        await asked.wait()
        await asyncio.sleep(0.5)
asyncio.run(main())
"""
    assert run(program) == (["register", "loop", "deregister"], 0)


def test_the_farewell_in_an_event_loop_does_not_hold_it_up(run: Run) -> None:
    program = """
async def main():
    async with enter(propagation=1.0) as lease:
        end()
        while lease.listed: await asyncio.sleep(0.001)
        say("loop goes on")
        await asyncio.sleep(20)
asyncio.run(main())
"""
    assert run(program) == (["register", "deregister", "loop goes on"], KILLED)
