"""Administration of processes that fork, end in order, and are killed; programs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.admin_asking import BOUND, ask, events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "mesh.sock"


def python(program: str, **variables: str) -> subprocess.Popen[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MESHCLIENT_")}
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**kept, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


FORKING = """
import os, signal, sys, time, warnings
import meshclient

warnings.simplefilter("ignore", DeprecationWarning)
signal.alarm(30)
mesh = meshclient.Mesh(services={"orders": {"endpoints": ["http://127.0.0.1:1"]}})
mesh.service("orders")
admin = mesh.serve_admin(sys.stdin.readline().strip())
print(admin.address, flush=True)
sys.stdin.readline()
reading, writing = os.pipe()
for number in range(2):
    if not os.fork():
        os.close(writing)
        while not admin.address:
            time.sleep(0.01)
        os.write(1, f"{os.getpid()} {admin.address}\\n".encode())
        os.read(reading, 1)
        mesh.close()
        os._exit(0)
os.close(reading)
# The children live on.
sys.stdin.readline()
admin.close()
print("closed", flush=True)
sys.stdin.readline()
os.close(writing)
for number in range(2):
    os.wait()
mesh.close()
"""


def _line(process: subprocess.Popen[str], said: str = "") -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{said}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_each_process_of_a_fork_has_its_own(path: Path) -> None:
    process = python(FORKING)
    try:
        assert _line(process, f"unix:{path}") == f"unix:{path}"
        with events(path) as parts:
            next(parts)
            told = dict(line.split(" ", 1) for line in (_line(process), _read(process)))
            assert set(told.values()) == {f"unix:{path.with_name(f'mesh.{pid}.sock')}" for pid in told}
            for pid, address in told.items():
                assert str(ask(address).json()["pid"]) == pid
            assert ask(f"unix:{path}").json()["pid"] == process.pid
            assert _line(process) == "closed"
            # The children have let go of what their parent had accepted, and of what it listened on.
            for _ in parts:
                pass
        assert not path.exists()
        assert {str(ask(address).json()["pid"]) for address in told.values()} == set(told)
        out, err = process.communicate("\n", timeout=BOUND)
        assert (process.returncode, out, err) == (0, "", "")
        assert list(path.parent.iterdir()) == []
    finally:
        process.kill()
        process.communicate()


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


CONFIGURED = """
import os, signal, sys, time
import meshclient

mesh = meshclient.Mesh(services={"orders": {"endpoints": ["http://127.0.0.1:1"]}})
mesh.service("orders")
while not mesh._inspection.open[0].address:
    time.sleep(0.01)
if sys.stdin.readline().strip() == "die":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_orderly_end_removes_the_socket_and_another_does_not(path: Path) -> None:
    killed = python(CONFIGURED, MESHCLIENT_ADMIN=f"unix:{path}")
    assert killed.communicate("die\n", timeout=BOUND)[1] == ""
    assert killed.returncode == -9
    assert path.is_socket()
    ended = python(CONFIGURED, MESHCLIENT_ADMIN=f"unix:{path}")
    out, err = ended.communicate("\n", timeout=BOUND)
    assert (ended.returncode, out, err) == (0, "", "")
    assert not path.exists()
