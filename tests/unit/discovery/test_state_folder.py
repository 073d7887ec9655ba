"""Lists on a real disk: what is written, who may read it, and all that may be wrong with it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from meshclient import Mesh
from meshclient.discovery.state_folder import MAX_AGE, SKEW, Found, StateFolder
from meshclient.discovery.stored_form import encode
from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint, Health

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "consul://127.0.0.1:8500"
ENDPOINTS = (
    Endpoint("10.0.0.1", 80, id="a", weight=2.5, tags=("v1",), metadata={"k": "v"}, health=Health.PASSING),
    Endpoint("::1", 8443, "https", zone="z", priority=1),
)


class Wall:
    """Time of day under a test's control."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def folder(tmp_path: Path, wall: Wall) -> StateFolder:
    return StateFolder(tmp_path / "var" / "state", wall=wall)


def test_a_list_is_found_again_with_its_age_and_the_folder_is_the_owners_own(folder: StateFolder, wall: Wall) -> None:
    file = folder.file(SOURCE, "orders")
    assert file.read() == Found()
    assert not folder.path.exists()
    file.write(ENDPOINTS)
    wall.now += 90.0
    assert folder.file(SOURCE, "orders").read() == Found(ENDPOINTS, 90.0)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.path.iterdir()] == [file.path.name]


def test_files_are_told_apart_and_name_no_secret(folder: StateFolder) -> None:
    paths = {
        folder.file(source, service).path
        for source in (SOURCE, "consul://other?token=hunter2")
        for service in ("orders", "users", "o" * 253)
    }
    assert len(paths) == 6
    assert not any("hunter2" in path.name or "consul" in path.name for path in paths)
    assert all(path.parent == folder.path and len(path.name) < 200 for path in paths)
    folder.file(SOURCE, "o" * 253).write(ENDPOINTS)
    assert folder.file(SOURCE, "o" * 253).read().endpoints == ENDPOINTS


@pytest.mark.parametrize(("age", "used"), [(-SKEW, True), (0.0, True), (MAX_AGE, True)])
def test_an_age_within_the_limits(folder: StateFolder, wall: Wall, age: float, used: bool) -> None:
    folder.file(SOURCE, "orders").write(ENDPOINTS)
    wall.now += age
    assert folder.file(SOURCE, "orders").read() == Found(ENDPOINTS, max(0.0, age))


@pytest.mark.parametrize(
    ("age", "said"), [(MAX_AGE + 3600, "is 25h old (limit 24h)"), (-SKEW - 1, "is from the future")]
)
def test_a_list_that_is_too_old_is_not_used_and_that_is_said(
    folder: StateFolder, wall: Wall, caplog: pytest.LogCaptureFixture, age: float, said: str
) -> None:
    folder.file(SOURCE, "orders").write(ENDPOINTS)
    wall.now += age
    found = folder.file(SOURCE, "orders").read()
    assert found.endpoints == ()
    assert said in found.why
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert said in caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (encode(SOURCE, "orders", ENDPOINTS, 1.7e9)[:-40], " line "),
        (encode(SOURCE, "orders", ENDPOINTS, 1.7e9).replace(b"10.0.0.1", b"10.0.0.9"), "checksum"),
        (encode(SOURCE, "users", ENDPOINTS, 1.7e9), "another service"),
        (b"\xff\xfe\x00", "decode"),
        (b'{"resolver": "consul"}', "not a list in the form"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["empty", "truncated", "edited", "foreign", "binary", "json", "deep"],
)
def test_a_file_that_is_no_list_is_ignored_with_one_line(
    folder: StateFolder, caplog: pytest.LogCaptureFixture, content: bytes, said: str
) -> None:
    file = folder.file(SOURCE, "orders")
    folder.path.mkdir(parents=True)
    file.path.write_bytes(content)
    assert file.read().endpoints == ()
    (record,) = caplog.records
    assert said in record.getMessage()
    assert str(file.path) in record.getMessage()
    file.write(ENDPOINTS)
    assert file.read().endpoints == ENDPOINTS


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "huge"])
def test_what_is_no_file_of_ours_is_not_read(
    folder: StateFolder, caplog: pytest.LogCaptureFixture, kind: str, tmp_path: Path
) -> None:
    file = folder.file(SOURCE, "orders")
    folder.path.mkdir(parents=True)
    if kind == "folder":
        file.path.mkdir()
    elif kind == "pipe":
        os.mkfifo(file.path)
    elif kind == "link":
        (tmp_path / "elsewhere").write_bytes(encode(SOURCE, "orders", ENDPOINTS, 1.7e9))
        file.path.symlink_to(tmp_path / "elsewhere")
    else:
        with file.path.open("wb") as sparse:
            sparse.truncate(64 * 1024 * 1024)
    assert file.read().endpoints == ()
    assert len(caplog.records) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_read(folder: StateFolder, caplog: pytest.LogCaptureFixture) -> None:
    file = folder.file(SOURCE, "orders")
    file.write(ENDPOINTS)
    os.chown(file.path, 12345, 12345)
    assert file.read().endpoints == ()
    assert "not a file of this user" in caplog.text


def test_a_folder_that_cannot_be_written_is_told_once_for_all_services(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file in the way")
    folder = StateFolder(tmp_path / "state")
    for service in ("orders", "users", "orders"):
        folder.file(SOURCE, service).write(ENDPOINTS)
        assert folder.file(SOURCE, service).read().endpoints == ()
    told = [record for record in caplog.records if "cannot be written" in record.getMessage()]
    assert len(told) == 1


FULL = """
import logging, resource, signal, sys
from pathlib import Path
from meshclient.discovery.state_folder import StateFolder
from meshclient.model.endpoint import Endpoint
logging.basicConfig(format="%(message)s")
file = StateFolder(Path(sys.argv[1])).file("x://", "orders")
file.write([Endpoint("10.0.0.1", 80)])
before = file.path.read_bytes()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for _ in range(3):
    file.write([Endpoint(f"10.0.0.{n}", 80) for n in range(1, 100)])
assert file.path.read_bytes() == before
assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]
"""


def test_a_disk_without_room_costs_one_warning_and_leaves_the_old_list(tmp_path: Path) -> None:
    """The limit on a file's size fails a write halfway, as a full disk does."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("cannot be written") == 1


WRITER = """
import sys
from pathlib import Path
from meshclient.discovery.state_folder import StateFolder
from meshclient.model.endpoint import Endpoint
file = StateFolder(Path(sys.argv[1])).file("x://", "orders")
print("ready", flush=True)
for turn in range(200):
    file.write([Endpoint(f"10.{sys.argv[2]}.0.{n % 250 + 1}", 80 + n) for n in range(1 + turn)])
"""


def test_two_processes_that_write_one_file_never_leave_it_torn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(number)], stdout=subprocess.PIPE)
        for number in (1, 2)
    ]
    file = StateFolder(tmp_path).file("x://", "orders")
    read = 0
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
        while any(writer.poll() is None for writer in writers):
            found = file.read()
            assert found.why == ""
            assert len({endpoint.host.split(".")[1] for endpoint in found.endpoints}) <= 1
            read += bool(found.endpoints)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait(10)
            assert writer.stdout is not None
            writer.stdout.close()
    assert [writer.returncode for writer in writers] == [0, 0]
    assert read > 0
    assert caplog.records == []
    assert len(file.read().endpoints) == 200
    assert len(list(tmp_path.iterdir())) == 1


def test_threads_that_write_one_file_leave_a_whole_one(folder: StateFolder) -> None:
    file = folder.file(SOURCE, "orders")
    threads = [threading.Thread(target=file.write, args=(ENDPOINTS,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read().endpoints == ENDPOINTS
    assert len(list(folder.path.iterdir())) == 1


def test_what_a_killed_process_left_behind_is_removed_and_nothing_else(tmp_path: Path) -> None:
    file = StateFolder(tmp_path).file(SOURCE, "orders")
    file.write(ENDPOINTS)
    old, young, foreign = (tmp_path / name for name in (".meshclient-a.tmp", ".meshclient-b.tmp", ".other.tmp"))
    for path in (old, young, foreign):
        path.write_text("half of a")
    for path in (old, foreign):
        os.utime(path, (1, 1))
    StateFolder(tmp_path).file(SOURCE, "orders").write(ENDPOINTS)
    assert {path.name for path in tmp_path.iterdir()} == {file.path.name, young.name, foreign.name}


def test_a_list_is_written_under_the_name_that_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(self: Path, target: Path) -> None:
        assert self.match(".meshclient-*.tmp")
        raise OSError

    monkeypatch.setattr("pathlib.Path.replace", kill)
    StateFolder(tmp_path).file(SOURCE, "orders").write(ENDPOINTS)
    assert list(tmp_path.iterdir()) == []


def test_the_home_of_nobody_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match=r"state_dir '~nobody-by-this-name/x': .* write a whole path"):
        Mesh("static://10.0.0.1:80", state_dir="~nobody-by-this-name/x")
