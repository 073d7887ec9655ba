"""Workers that share a socket, as those of a pre-fork server, are one instance in a real Consul."""

from __future__ import annotations

import os
import secrets
import signal
from typing import TYPE_CHECKING

import pytest

from integration.registered_process import Server, rows
from servers.ports import free_port
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.consul import Consul

pytestmark = [
    pytest.mark.registry("consul", "register", "deregister"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no pre-fork server without fork"),
]

BOUND = 60.0
WORKERS = 3
SERVER = """
import os, signal, socket, sys, time
from meshclient import Mesh

name, port, registry, workers = sys.argv[1:]
listening = socket.create_server(("127.0.0.1", int(port)))

def work():
    # The preloaded application, as it were: each worker does the same.
    lease = Mesh(registry).register(name, host="127.0.0.1", port=int(port), ttl=1.5)
    print("worker", os.getpid(), "listed" if lease.listed else "waits", flush=True)
    told = lease.listed
    while True:
        time.sleep(0.02)
        if lease.listed and not told:
            told = True
            print("worker", os.getpid(), "listed", flush=True)

pids = []
for _ in range(int(workers)):
    pid = os.fork()
    if pid == 0:
        work()
    pids.append(pid)

def stop(number, frame):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

signal.signal(signal.SIGTERM, stop)
for _ in pids:
    pid, status = os.wait()
    print("ended", pid, os.waitstatus_to_exitcode(status), flush=True)
"""


class Prefork(Server):
    """The server above."""

    def workers(self, word: str) -> list[int]:
        """The workers that said this, in that order."""
        lines = [line.split() for line in self.said.splitlines() if not line.startswith(("WARNING", " "))]
        # The latest one may not have been written to its end.
        whole = [line for line in lines if len(line) > 2]
        return [int(line[1]) for line in whole if line[0] in ("worker", "ended") and line[2] == word]


@pytest.fixture
def name() -> str:
    return f"prefork-{secrets.token_hex(4)}"


@pytest.fixture
def server(tmp_path: Path, consul: Consul, name: str) -> Iterator[Prefork]:
    registry = f"consul://127.0.0.1:{consul.port}"
    made = Prefork(tmp_path, "-W", "ignore", "-c", SERVER, name, str(free_port()), registry, str(WORKERS))
    try:
        wait_until(lambda: len(made.workers("listed") + made.workers("waits")) == WORKERS, BOUND, "the workers")
        yield made
    finally:
        made.kill()


def gone(server: Prefork, pid: int) -> bool:
    return f"ended {pid}" in server.said


def test_one_of_them_registers(consul: Consul, name: str, server: Prefork) -> None:
    assert len(rows(consul, name)) == 1
    assert (len(server.workers("listed")), len(server.workers("waits"))) == (1, WORKERS - 1)


def test_the_instance_stays_while_they_leave_one_by_one(consul: Consul, name: str, server: Prefork) -> None:
    (row,) = rows(consul, name)
    created = row["Service"]["CreateIndex"]
    for left in range(WORKERS - 1, 0, -1):
        holder = server.workers("listed")[-1]
        os.kill(holder, signal.SIGTERM)
        wait_until(lambda: gone(server, holder), BOUND, "the end of a worker")  # noqa: B023 - called at once
        wait_until(lambda: len(server.workers("listed")) == WORKERS - left + 1, BOUND, "the next")  # noqa: B023 - as well
        (row,) = rows(consul, name)
        assert row["Service"]["CreateIndex"] == created, "listed without a gap"
    server.send(signal.SIGTERM)
    server.ended()
    assert rows(consul, name, passing=False) == []


def test_another_takes_over_from_one_that_is_killed(consul: Consul, name: str, server: Prefork) -> None:
    (holder,) = server.workers("listed")
    os.kill(holder, signal.SIGKILL)
    wait_until(lambda: len(server.workers("listed")) == 2, BOUND, "the next")
    (row,) = rows(consul, name)
    # Somebody renews it: a check that runs out is never written to again.
    check = f"/v1/health/checks/{name}"
    consul.call("PUT", f"/v1/agent/check/warn/service:{row['Service']['ID']}")
    wait_until(lambda: consul.call("GET", check)[0]["Status"] == "passing", BOUND, "a renewal")


def test_nothing_is_left_when_all_end_at_once(consul: Consul, name: str, server: Prefork) -> None:
    server.send(signal.SIGTERM)
    assert server.ended() == 0
    assert rows(consul, name, passing=False) == []
    assert sorted(server.workers(str(-signal.SIGTERM))) == sorted(server.workers("listed") + server.workers("waits"))
