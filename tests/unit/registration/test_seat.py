"""Who registers among the workers of one host: each seat here stands for a worker."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.registration.registrar import Registration
from meshclient.registration.seat import Seat, runtime_folder
from servers.process import wait_until
from unit.registration.registry import BOUND, MINE, Registry, close_all, enter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshclient.registration.lease import Lease

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[[], Seat]]:
    seats: list[Seat] = []

    def make() -> Seat:
        seats.append(Seat(tmp_path, "orders"))
        return seats[-1]

    yield make
    for seat in seats:
        seat.release()


def leave(seat: Seat) -> bool:
    return asyncio.run(seat.leave())


def test_one_of_several_registers(worker: Callable[[], Seat]) -> None:
    workers = [worker() for _ in range(4)]
    assert [seat.take() for seat in workers] == [True, False, False, False]
    assert [seat.take() for seat in workers] == [True, False, False, False]


def test_the_last_takes_the_instance_out(worker: Callable[[], Seat]) -> None:
    first, second = worker(), worker()
    assert (first.take(), second.take()) == (True, False)
    assert leave(first) is False, "the second is there to carry on"
    assert second.take()
    assert leave(second) is True


def test_one_that_waits_leaves_the_instance_alone(worker: Callable[[], Seat]) -> None:
    first, second = worker(), worker()
    assert (first.take(), second.take()) == (True, False)
    assert leave(second) is False
    assert leave(first) is True


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_of_all_that_leave_at_once_exactly_one_takes_the_instance_out(
    worker: Callable[[], Seat], order: tuple[int, ...]
) -> None:
    workers = [worker() for _ in range(3)]
    assert [seat.take() for seat in workers] == [True, False, False]
    # None of those that wait gets to take over first.
    assert [leave(workers[number]) for number in order] == [False, False, True]


def test_a_worker_that_comes_while_the_last_leaves_waits_for_its_end(worker: Callable[[], Seat]) -> None:
    first, second = worker(), worker()
    assert first.take()
    assert leave(first) is True
    assert not second.take(), "not before the first has taken the instance out"
    first.release()
    assert second.take()


def test_one_that_came_then_and_leaves_again_counts_for_nothing(worker: Callable[[], Seat]) -> None:
    first, second, third = worker(), worker(), worker()
    assert first.take()
    assert leave(first) is True
    assert not second.take()
    assert leave(second) is False
    first.release()
    assert third.take()
    assert leave(third) is True


def test_they_decide_one_after_the_other(worker: Callable[[], Seat]) -> None:
    first, second = worker(), worker()
    assert (first.take(), second.take()) == (True, False)

    async def check() -> None:
        # The first has seen that somebody waits, and has not let go yet.
        async with first._decision():
            leaving = asyncio.create_task(second.leave())
            await asyncio.sleep(0.1)  # long enough for a decision that comes too early
            assert not leaving.done()
            first._close("holder")
        assert await leaving is True, "the first counts on it"

    asyncio.run(check())


def test_one_that_never_decides_does_not_hold_the_others_for_ever(
    worker: Callable[[], Seat], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshclient.registration.seat._DECISION", 0.05)
    first, second = worker(), worker()
    assert (first.take(), second.take()) == (True, False)

    async def check() -> None:
        async with second._decision():
            assert await first.leave() is False

    asyncio.run(check())


PROGRAM = """
import sys, time
from pathlib import Path
from meshclient.registration.seat import Seat
seat = Seat(Path(sys.argv[1]), "orders")
print(seat.take(), flush=True)
{then}
sys.stdin.read()
"""


def start(folder: Path, then: str = "") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM.format(then=then), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_another_takes_over_from_a_worker_that_was_killed(worker: Callable[[], Seat], tmp_path: Path) -> None:
    second = worker()
    with start(tmp_path) as process:
        assert not second.take()
        process.kill()
    wait_until(second.take, 10, "the seat of the dead")
    assert leave(second) is True


def test_a_worker_that_was_killed_while_it_waited_counts_for_nothing(worker: Callable[[], Seat]) -> None:
    first = worker()
    assert first.take()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"w" if not worker().take() else b"?")
        signal.pause()
        os._exit(1)
    try:
        assert os.read(reader, 1) == b"w"
        assert leave(first) is False
        assert first.take()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)
    assert leave(first) is True


def test_a_forked_child_does_not_hold_its_parents_seat(worker: Callable[[], Seat], tmp_path: Path) -> None:
    second = worker()
    child = "pid = os.fork()\nif pid == 0:\n    time.sleep(60)\n    os._exit(0)\nprint(pid, flush=True)"
    process = start(tmp_path, f"import os\n{child}")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    try:
        assert not second.take()
        process.kill()
        process.wait(10)
        wait_until(second.take, 10, "the seat of the dead, whose child lives")
        os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=10)


def test_where_no_file_can_be_written_each_registers_for_itself(tmp_path: Path) -> None:
    closed = tmp_path / "file"
    closed.write_text("no folder")
    seats = [Seat(closed, "orders") for _ in range(2)]
    assert [seat.take() for seat in seats] == [True, True]
    assert [leave(seat) for seat in seats] == [True, True]


def test_a_folder_that_somebody_else_has_put_there_is_not_used(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    trap = tmp_path / "meshclient"
    trap.symlink_to(elsewhere)
    assert Seat(trap, "orders").take()
    assert list(elsewhere.iterdir()) == []


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.getuid() + 1
    monkeypatch.setattr("meshclient.registration.seat.os.getuid", lambda: other)
    assert [Seat(tmp_path, "orders").take() for _ in range(2)] == [True, True]
    assert list(tmp_path.iterdir()) == []


def test_files_in_use_do_not_look_old(worker: Callable[[], Seat], tmp_path: Path) -> None:
    first, second = worker(), worker()
    assert (first.take(), second.take()) == (True, False)
    files = sorted(tmp_path.iterdir())
    for file in files:
        os.utime(file, (0, 0))
    assert not second.take()
    assert [file.suffix for file in files if file.stat().st_mtime > 0] == [".holder", ".waiting"]


def test_the_folder_is_the_users_own(tmp_path: Path) -> None:
    assert runtime_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path / "meshclient"
    fallback = Path(tempfile.gettempdir(), f"meshclient-{os.getuid()}")
    assert runtime_folder({}) == runtime_folder({"XDG_RUNTIME_DIR": str(tmp_path / "gone")}) == fallback


def test_the_folder_of_the_user_before_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.getuid() + 1
    monkeypatch.setattr("meshclient.registration.seat.os.getuid", lambda: other)
    assert runtime_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) == Path(tempfile.gettempdir(), f"meshclient-{other}")


def test_without_any_folder_for_temporary_files_each_registers_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    seats = [Seat.of("a://", MINE) for _ in range(2)]
    assert [seat.take() for seat in seats] == [True, True]
    assert [leave(seat) for seat in seats] == [True, True]


def test_a_seat_belongs_to_one_instance_in_one_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    other = Registration(MINE.service, Endpoint("10.0.0.1", 8081, id="orders-1"))
    seats = [Seat.of("a://", MINE), Seat.of("a://", MINE), Seat.of("b://", MINE), Seat.of("a://", other)]
    assert [seat.take() for seat in seats] == [True, False, True, True]
    for seat in seats:
        seat.release()


def test_a_lease_waits_for_its_seat_and_takes_the_instance_over(worker: Callable[[], Seat]) -> None:
    registry = Registry()
    leases: list[Lease] = []
    try:
        leases += [enter(registry, seat=worker()) for _ in range(2)]
        assert [lease.listed for lease in leases] == [True, False]
        leases[0].close()
        assert "deregister" not in registry.said, "it is listed throughout"
        wait_until(lambda: leases[1].listed, 10, "taking over")
        assert registry.turns == ["register", "close", "register"]
        leases[1].close()
        assert registry.turns == ["register", "close", "register", "deregister", "close"]
    finally:
        close_all(leases)


def test_leases_that_end_together_leave_nothing_behind(worker: Callable[[], Seat]) -> None:
    registry = Registry()
    leases = [enter(registry, seat=worker()) for _ in range(5)]
    for lease in leases:
        lease.depart()
    close_all(leases)
    assert registry.listed == set()
    assert registry.turns.count("deregister") == 1


def test_a_lease_knows_that_another_worker_has_the_instance(worker: Callable[[], Seat]) -> None:
    first, second = (enter(Registry(), seat=worker()) for _ in range(2))
    with second:
        with first:
            assert (first.listed, first.elsewhere) == (True, False)
            assert (second.listed, second.elsewhere) == (False, True)
        wait_until(lambda: second.listed, BOUND, "the other one to take over")
        assert not second.elsewhere
    assert not second.elsewhere
