"""A process that forks: the child's watches go on, the parent's too, and no lock is left behind.

Each test is a program of its own, since a test run is no place to fork. In all of them a process that is stuck for ten
seconds prints where and ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")

PRELUDE = """
    import asyncio, faulthandler, os, random, signal, sys, threading, time, warnings
    from concurrent.futures import wait as wait_for_all
    from meshclient.discovery.runtime.background import BackgroundWatch
    from meshclient.discovery.runtime.loop import background, fork_safe_lock
    from meshclient.discovery.runtime.on_demand import OnDemandWatch
    from meshclient.mesh import Mesh
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Ready

    # Python 3.12 and later warn of every fork beside threads, which is what is tested here.
    warnings.simplefilter("ignore", DeprecationWarning)
    faulthandler.register(signal.SIGALRM, chain=True)
    signal.alarm(10)

    class Pids:
        "Answers with the process that asks, again and again."
        source = "pids://"

        async def watch(self, name):
            while True:
                yield Ready((Endpoint("10.0.0.1", 80, metadata={"pid": str(os.getpid())}),), source=self.source)
                await asyncio.sleep(0.01)

    class Once(Pids):
        async def watch(self, name):
            yield await anext(super().watch(name))
            await asyncio.Event().wait()

    def watching(resolver, kind=BackgroundWatch):
        def ignore(before, after):
            pass

        return kind(resolver, ServiceName("orders"), ignore, time.monotonic, random.Random(), announce=ignore)

    def until(watch, condition):
        while not condition(snapshot := watch.snapshot):
            assert watch.wait(snapshot, 9), snapshot
        return snapshot

    def mine(snapshot):
        return snapshot.endpoints and snapshot.endpoints[0].metadata["pid"] == str(os.getpid())

    def fork(child, leave=os._exit):
        pid = os.fork()
        if pid:
            return pid
        signal.alarm(10)
        try:
            child()
        except BaseException:
            import traceback
            traceback.print_exc()
            leave(1)
        leave(0)

    def well(pid):
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


def run(program: str) -> None:
    """Run it; anything it prints is a failure."""
    code = dedent(PRELUDE) + dedent(program)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")


def test_the_childs_watch_goes_on_and_so_does_the_parents() -> None:
    run(
        """
        watch = watching(Pids())
        until(watch, mine)

        def child():
            assert watch.snapshot.endpoints, "the list is lost"
            until(watch, mine)
            before = watch.snapshot
            assert watch.wait(before, 9)
            watch.close()

        pid = fork(child)
        until(watch, lambda snapshot: snapshot.at > time.monotonic() - 0.005)
        well(pid)
        before = watch.snapshot
        assert watch.wait(before, 9)
        watch.close()
        """
    )


def test_a_grandchilds_too() -> None:
    run(
        """
        watch = watching(Once())
        until(watch, mine)

        def child():
            until(watch, mine)
            well(fork(grandchild))
            watch.close()

        def grandchild():
            until(watch, mine)
            watch.close()

        well(fork(child))
        watch.close()
        """
    )


def test_a_child_may_fork_before_its_watch_has_begun() -> None:
    run(
        """
        watch = watching(Once())
        well(fork(lambda: well(fork(lambda: until(watch, mine)))))
        watch.close()
        """
    )


def test_a_closed_watch_stays_closed_in_a_child() -> None:
    run(
        """
        watch = watching(Once())
        until(watch, mine)
        watch.close()
        while len(threading.enumerate()) > 1:
            time.sleep(0.005)

        def child():
            assert len(threading.enumerate()) == 1
            assert not mine(watch.snapshot)

        well(fork(child))
        """
    )


def test_locks_held_elsewhere_at_the_fork_do_not_deadlock_the_child() -> None:
    """Threads pick, open services and hand back while the process forks again and again."""
    run(
        """
        mesh = Mesh(Pids())
        mesh.warm("orders")
        over = threading.Event()

        def pick():
            service = mesh.service("orders")
            while not over.is_set():
                chosen = service.balancer.pick(time.monotonic(), [])
                service.budget.deposit(time.monotonic())
                del chosen

        def open_services():
            while not over.is_set():
                with Mesh(Once()) as another:
                    another.service("orders")
                    another.service("users")

        threads = [threading.Thread(target=work) for work in (pick, pick, open_services, open_services)]
        for thread in threads:
            thread.start()

        def child():
            service = mesh.service("orders")
            assert service.balancer.pick(time.monotonic(), [])
            until(service.watch, mine)
            until(mesh.service("of-the-child").watch, mine)
            mesh.close()

        for _ in range(20):
            well(fork(child))
        over.set()
        for thread in threads:
            thread.join()
        mesh.close()
        """
    )


def test_a_thread_with_one_lock_that_wants_another_does_not_deadlock_the_fork() -> None:
    run(
        """
        one, two = fork_safe_lock(), fork_safe_lock()
        for outer, inner in ((one, two), (two, one)):
            holds = threading.Event()

            def nest():
                with outer:
                    holds.set()
                    # Until the fork has taken the inner lock, if it begins with that one.
                    end = time.monotonic() + 0.3
                    while not inner.locked() and time.monotonic() < end:
                        time.sleep(0)
                    with inner:
                        pass

            thread = threading.Thread(target=nest)
            thread.start()
            holds.wait()
            well(fork(lambda: one.acquire(timeout=5) and two.acquire(timeout=5)))
            thread.join()
            assert not one.locked()
            assert not two.locked()
        """
    )


def test_two_threads_may_fork_at_once() -> None:
    run(
        """
        locks = [fork_safe_lock() for _ in range(10)]

        def forking():
            for _ in range(10):
                well(fork(lambda: [lock.acquire(timeout=5) for lock in locks]))

        threads = [threading.Thread(target=forking) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not any(lock.locked() for lock in locks)
        """
    )


def test_those_who_wait_in_the_parent_are_not_woken_by_the_child() -> None:
    """Their threads are not there, and what they wait on may be locked for ever."""
    run(
        """
        watch = watching(Once())
        until(watch, mine)
        out, into = os.pipe()
        os.set_blocking(out, False)
        assert watch._register(watch.snapshot, lambda: os.write(into, b"woken"))
        well(fork(lambda: until(watch, mine)))
        try:
            assert not os.read(out, 100)
        except BlockingIOError:
            pass
        watch.close()
        """
    )


def test_a_child_closes_what_the_parent_was_about_to_close() -> None:
    run(
        """
        watch = watching(Once())
        until(watch, mine)
        held = threading.Event()
        over = threading.Event()

        def hold():
            with watch._job.ended._condition:
                held.set()
                over.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()

        def child():
            until(watch, mine)
            watch.close()
            assert watch._job.ended.done()

        well(fork(child))
        over.set()
        thread.join()
        watch.close()
        """
    )


def test_a_job_that_does_not_survive_is_over_in_the_child() -> None:
    run(
        """
        cleaned = []
        begun = threading.Event()

        async def stay():
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                cleaned.append(os.getpid())

        job = background().run(stay, survives_fork=False)
        begun.wait()

        def child():
            assert not wait_for_all([job.ended], 5).not_done
            background().cancel(job)
            assert len(threading.enumerate()) == 1
            assert cleaned == []

        well(fork(child))
        assert not job.ended.done()
        background().cancel(job)
        assert not wait_for_all([job.ended], 5).not_done
        assert cleaned == [os.getpid()]
        """
    )


def test_a_child_may_end_like_any_program_and_says_nothing_of_what_it_inherited() -> None:
    run(
        """
        with Mesh(Once()) as mesh:
            mesh.warm("orders")

            def child():
                assert mesh.warm("orders")["orders"].state == "ready"
                until(mesh.service("orders").watch, mine)

            well(fork(child, leave=sys.exit))
        """
    )


def test_a_child_does_not_wait_for_its_parents_question() -> None:
    run(
        """
        parent = os.getpid()

        class Hanging(Pids):
            async def watch(self, name):
                if os.getpid() == parent:
                    await asyncio.Event().wait()
                yield await anext(super().watch(name))

        watch = watching(Hanging(), OnDemandWatch)
        assert not watch.wait(watch.snapshot, 0.05)
        well(fork(lambda: until(watch, mine)))
        """
    )


def test_forked_children_do_not_march_in_step() -> None:
    run(
        """
        from meshclient.discovery.resolver import PollingResolver

        class Polling(PollingResolver):
            async def fetch(self, name):
                raise NotImplementedError

        resolver = Polling(source="x://", interval=1.0)
        out, into = os.pipe()
        for _ in range(3):
            well(fork(lambda: os.write(into, f"{resolver._uniform(0, 1)} ".encode())))
        assert len(set(os.read(out, 1000).split())) == 3
        """
    )


def test_a_child_closes_what_the_parent_is_closing() -> None:
    run(
        """
        parent = os.getpid()
        cleaning, over = threading.Event(), threading.Event()

        class Slow(Once):
            async def watch(self, name):
                try:
                    yield await anext(super().watch(name))
                    await asyncio.Event().wait()
                finally:
                    cleaning.set()
                    while os.getpid() == parent and not over.is_set():
                        await asyncio.sleep(0.001)

        watch = watching(Slow())
        until(watch, mine)
        watch.stop()
        cleaning.wait()

        def child():
            watch.close(5)
            assert watch._job.ended.done()

        well(fork(child))
        over.set()
        watch.close()
        """
    )
