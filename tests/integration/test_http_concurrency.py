"""Many callers at once, callers that give up, several loops, threads, forks, and meshes that end early."""

from __future__ import annotations

import asyncio
import gc
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from meshclient.discovery.runtime.loop import background
from unit.http.face import Face, face_fixture, pending, statuses  # noqa: F401 - a fixture
from unit.http.rawserver import OK, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.discovery.runtime.loop import Job
    from meshclient.model.events import Event
    from servers.backend import Backends

UNLIMITED = httpx.Limits(max_connections=None, max_keepalive_connections=20)


def jobs() -> frozenset[Job]:
    """What goes on in the background: its thread ends with the last of them, which `test_loop.py` shows."""
    return frozenset(background()._jobs)


@pytest.fixture(name="others")
def others_fixture() -> frozenset[Job]:
    """What went on before: a mesh that an earlier test dropped may still be there."""
    return jobs()


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def test_a_thousand_tasks_with_random_cancellations(backends: Backends) -> None:
    urls = [backend.url for backend in backends(2, delay=0.01)]
    rng = random.Random(11)

    async def scenario() -> None:
        # Seconds of work for a processor: on a machine that has others to do, no limit is to end what nobody cancelled.
        defaults = {"connect_timeout": "90s", "attempt_timeout": "90s", "deadline": "120s"}
        services = {"orders": {"endpoints": urls}}
        async with meshclient.AsyncClient(
            defaults=defaults, services=services, limits=UNLIMITED, timeout=120
        ) as client:
            tasks = [asyncio.create_task(client.get("http://orders/")) for _ in range(1000)]
            for task in rng.sample(tasks, 500):
                asyncio.get_running_loop().call_later(rng.random(), task.cancel)
            results = await asyncio.gather(*tasks, return_exceptions=True)
            odd = [r for r in results if not isinstance(r, httpx.Response | asyncio.CancelledError)]
            assert not odd, odd
            assert len([result for result in results if isinstance(result, httpx.Response)]) >= 500
            assert pending(client) == 0
            assert [status.failures for status in statuses(client)] == [0, 0]
            assert (await client.get("http://orders/")).status_code == 200

    asyncio.run(scenario())


def test_sixteen_threads(backends: Backends) -> None:
    first, second = backends(2)
    with meshclient.Client(services={"orders": {"endpoints": [first.url, second.url]}}) as client:

        def hundred(_: int) -> int:
            return sum(client.get("http://orders/").status_code == 200 for _ in range(100))

        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(hundred, range(16))) == 1600
        assert pending(client) == 0
        served = [backend.stats()["requests"] for backend in (first, second)]
        assert sum(served) == 1600
        assert min(served) > 160


def test_one_mesh_serves_several_loops_and_threads_after_each_other(backends: Backends, others: frozenset[Job]) -> None:
    [backend] = backends(1)
    with meshclient.Mesh(f"static://{backend.host}:{backend.port}") as mesh:

        async def call() -> int:
            async with meshclient.AsyncClient(mesh=mesh) as client:
                return (await client.get("http://orders/")).status_code

        assert [asyncio.run(call()), asyncio.run(call())] == [200, 200]
        with meshclient.Client(mesh=mesh) as client:
            assert client.get("http://orders/").status_code == 200
            assert asyncio.run(call()) == 200
        service = mesh.service("orders")
        assert service.balancer.status(service.clock())[0].pending == 0
    assert eventually(lambda: jobs() <= others)


FORK = """
import os, sys, meshclient
url, mode = sys.argv[1], sys.argv[2]
mesh = meshclient.Mesh(url, mode=mode)

def call():
    with meshclient.Client(mesh=mesh) as client:
        return client.get("http://orders/").json()["instance"], client.get("http://users/").status_code

first = call()
child = os.fork()
if child == 0:
    again = call()
    mesh.close()
    os._exit(0 if again == first else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert call() == first
mesh.close()
print("both")
"""


@pytest.mark.parametrize("mode", ["background", "on-demand"])
def test_parent_and_child_both_call_after_a_fork(backends: Backends, mode: str) -> None:
    [backend] = backends(1)
    argv = [sys.executable, "-c", FORK, f"static://{backend.host}:{backend.port}", mode]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "both\n"), done.stderr


def test_a_mesh_may_be_closed_while_calls_run(face: Face, backends: Backends, others: frozenset[Job]) -> None:
    [backend] = backends(1, delay=0.2)
    mesh = face.mesh(f"static://{backend.host}:{backend.port}")
    client = face.client(mesh=mesh)
    timer = threading.Timer(0.05, mesh.close)
    timer.start()
    assert face.run(client.get("http://orders/")).status_code == 200
    timer.join()
    backend.control()
    assert face.run(client.get("http://orders/")).status_code == 200
    mesh.close()
    assert eventually(lambda: jobs() <= others)


def test_closing_twice_is_harmless(face: Face, others: frozenset[Job]) -> None:
    with RawServer(always(OK)) as server:
        client = face.orders(server.url)
        face.run(client.get("http://orders/"))
        face.close(client)
        face.close(client)
        client.mesh.close()
        assert eventually(lambda: jobs() <= others)


def test_the_jobs_of_a_mesh_that_is_dropped_end(others: frozenset[Job]) -> None:
    with RawServer(always(OK)) as server:
        mesh = meshclient.Mesh(f"static://127.0.0.1:{server.port}")
        with meshclient.Client(mesh=mesh) as client:
            client.get("http://orders/")
        assert jobs() - others
        del mesh, client
        gc.collect()
        assert eventually(lambda: jobs() <= others)


def test_on_demand_leaves_no_thread_between_calls(face: Face) -> None:
    before = set(threading.enumerate())
    with RawServer(always(OK)) as server:
        client = face.client(f"static://127.0.0.1:{server.port}", mode="on-demand")
        for _ in range(3):
            assert face.run(client.get("http://orders/")).status_code == 200
            assert eventually(
                lambda: not [t.name for t in set(threading.enumerate()) - before if "meshclient" in t.name]
            )


# Observers.


def test_an_observer_may_look_at_the_balancer_and_call_the_client(face: Face, backends: Backends) -> None:
    good, bad = backends(2)
    bad.control(status=503)
    told: list[str] = []
    inner: list[int] = []
    meshes: list[meshclient.Mesh] = []

    def observer(event: Event) -> None:
        told.append(type(event).__name__)
        service = meshes[0].service("orders")
        assert len(service.balancer.status(service.clock())) == 2
        service.budget.balance(service.clock())
        if type(event).__name__ == "EndpointEjected":
            with meshclient.Client(mesh=meshes[0]) as client:
                inner.append(client.get("http://orders/").status_code)

    mesh = face.mesh(
        services={"orders": {"endpoints": [good.url, bad.url], "ejection": {"consecutive": 1}}}, observers=[observer]
    )
    meshes.append(mesh)
    client = face.client(mesh=mesh)
    for _ in range(12):
        assert face.run(client.get("http://orders/")).status_code == 200
    assert inner == [200]
    assert {"SnapshotUpdated", "AttemptFinished", "RetryScheduled", "EndpointEjected"} <= set(told)


@pytest.mark.parametrize("mode", ["background", "on-demand"])
def test_an_observer_of_lists_may_look_at_everything(face: Face, backends: Backends, mode: str) -> None:
    [backend] = backends(1)
    seen: list[int] = []
    meshes: list[meshclient.Mesh] = []

    def observer(event: Event) -> None:
        if type(event).__name__ == "SnapshotUpdated":
            service = meshes[0].service("orders")
            seen.append(len(service.balancer.status(service.clock())))
            service.snapshot_report()

    meshes.append(face.mesh(f"static://{backend.host}:{backend.port}", mode=mode, observers=[observer]))
    assert face.run(face.client(mesh=meshes[0]).get("http://orders/")).status_code == 200
    assert seen == [1]
