"""``meshclient register``: an instance in a real Consul while a command runs."""

from __future__ import annotations

import contextlib
import os
import pty
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.command import Command, argv, environment
from servers.consul import Consul
from servers.ports import free_port
from servers.process import wait_until

pytestmark = pytest.mark.registry("consul", "register", "deregister")

BOUND = 20.0
# An instance that says what happens to it.
SERVICE = """
import http.server, signal, sys, threading, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() > ready else 503)
        self.end_headers()
    def log_message(self, *_):
        pass

def told(number, frame):
    print(signal.Signals(number).name, round(time.time(), 3), flush=True)
    if number != signal.SIGUSR1 and "stubborn" not in sys.argv:
        sys.exit(7)

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
    signal.signal(number, told)
ready = time.monotonic() + float(sys.argv[2])
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("serving", flush=True)
server.serve_forever()
"""


class Running:
    """The command with its output in files, so that nothing has to be read while it runs."""

    def __init__(self, folder: Path, name: str, words: tuple[str, ...], command: tuple[str, ...], stdin: int) -> None:
        """Start it."""
        self.out, self.err = (Path(tempfile.mkstemp(dir=folder)[1]) for _ in range(2))
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                argv("register", name, *words, *(("--", *command) if command else ())),
                cwd=folder,
                env=environment({"XDG_RUNTIME_DIR": str(folder)}),
                stdin=stdin,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def ended(self) -> int:
        return self.process.wait(BOUND)

    @property
    def lines(self) -> list[str]:
        return [line.split()[0] for line in self.out.read_text().splitlines()]


@pytest.fixture
def name() -> str:
    return f"cli-{secrets.token_hex(4)}"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(tmp_path: Path, consul: Consul, name: str, port: int) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(*words: str, command: tuple[str, ...] = (), stdin: int = subprocess.DEVNULL) -> Running:
        registry = ("--registry", f"consul://127.0.0.1:{consul.port}?interval=200ms")
        begun = ("--port", str(port), "--host", "127.0.0.1", *registry, *words)
        made.append(Running(tmp_path, name, begun, command, stdin))
        return made[-1]

    yield start
    for each in made:
        if each.process.poll() is None:
            # It passes the end on to its command, which stands in a group of its own.
            each.process.send_signal(signal.SIGTERM)
            each.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.process.wait(BOUND)
            each.process.kill()


@pytest.fixture
def rows(consul: Consul, name: str) -> Callable[[], list[dict[str, Any]]]:
    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = consul.call("GET", f"/v1/health/service/{name}")
        return found

    return rows


Rows = Callable[[], list[dict[str, Any]]]
Start = Callable[..., Running]


def service(port: int, *more: str, ready: float = 0.0) -> tuple[str, ...]:
    return (sys.executable, "-c", SERVICE, str(port), str(ready), *more)


@pytest.mark.parametrize(("number", "word"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")])
def test_the_command_gets_the_signal_after_callers_have_noticed(
    start: Start, rows: Rows, port: int, number: signal.Signals, word: str
) -> None:
    ran = start(command=service(port))
    wait_until(rows, BOUND, "the registration")
    ran.process.send_signal(number)
    wait_until(lambda: not rows(), BOUND, "the farewell")
    out = time.time()
    assert ran.lines == ["serving"]
    assert ran.ended() == 7, "the command's own"
    assert ran.lines == ["serving", word]
    told = float(ran.out.read_text().split()[-1])
    assert told - out > 0.5, "Consul's readers need a second"


def test_an_instance_enters_when_it_is_ready(start: Start, rows: Rows, port: int) -> None:
    ran = start("--health", "/healthz", "--tag", "v2", "--tag", "blue", "--zone", "eu-1a", "--id", "one",
                command=service(port, ready=1.0))  # fmt: skip
    wait_until(lambda: "serving" in ran.lines, BOUND, "the server")
    assert rows() == []
    (row,) = wait_until(rows, BOUND, "the registration")
    entry = row["Service"]
    assert (entry["ID"], entry["Tags"], entry["Meta"]) == ("one", ["v2", "blue"], {"zone": "eu-1a"})


def test_a_command_that_never_serves_is_not_registered(start: Start, rows: Rows) -> None:
    ran = start(command=(sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"))
    wait_until(lambda: "is not registered until" in ran.err.read_text(), BOUND, "a word about it")
    assert rows() == []
    ran.process.send_signal(signal.SIGTERM)
    assert ran.ended() == 128 + signal.SIGTERM


@pytest.mark.parametrize(("end", "status"), [("SystemExit(5)", 5), ("os.kill(os.getpid(), 9)", 128 + 9)])
def test_a_command_that_ends_by_itself_is_taken_out_at_once(
    start: Start, rows: Rows, tmp_path: Path, end: str, status: int
) -> None:
    gate, port = tmp_path / "gate", free_port()
    program = f"""
import http.server, os, threading, time
server = http.server.ThreadingHTTPServer(("127.0.0.1", {port}), http.server.BaseHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
while not os.path.exists({str(gate)!r}): time.sleep(0.01)
raise {end}
"""
    ran = start("--port", str(port), command=(sys.executable, "-c", program))
    wait_until(rows, BOUND, "the registration")
    gate.touch()
    assert ran.ended() == status
    assert rows() == []


def test_a_command_that_does_not_end_is_killed(start: Start, rows: Rows, port: int) -> None:
    ran = start("--grace", "300ms", command=service(port, "stubborn"))
    wait_until(rows, BOUND, "the registration")
    ran.process.send_signal(signal.SIGTERM)
    assert ran.ended() == 128 + signal.SIGKILL
    assert "has not ended within the grace" in ran.err.read_text()


def test_other_signals_are_handed_on(start: Start, rows: Rows, port: int) -> None:
    ran = start(command=service(port))
    wait_until(rows, BOUND, "the registration")
    ran.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: ran.lines == ["serving", "SIGUSR1"], BOUND, "the signal")
    assert len(rows()) == 1


def test_a_second_signal_does_not_wait(start: Start, rows: Rows, port: int) -> None:
    ran = start("--propagation", "1h", command=service(port))
    wait_until(rows, BOUND, "the registration")
    ran.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not rows(), BOUND, "the farewell")
    assert ran.lines == ["serving"]
    ran.process.send_signal(signal.SIGTERM)
    assert ran.ended() == 7


def test_a_signal_to_the_process_group_does_not_reach_the_command(start: Start, rows: Rows, port: int) -> None:
    ran = start(command=service(port))
    wait_until(rows, BOUND, "the registration")
    os.killpg(ran.process.pid, signal.SIGTERM)
    wait_until(lambda: not rows(), BOUND, "the farewell")
    assert ran.lines == ["serving"]
    assert ran.ended() == 7


def test_on_a_terminal_the_command_stays_in_the_foreground(start: Start, rows: Rows, port: int) -> None:
    ours, theirs = pty.openpty()
    try:
        ran = start("--grace", "300ms", command=service(port, "stubborn"), stdin=theirs)
        wait_until(rows, BOUND, "the registration")
        # As a terminal does at Ctrl-C.
        os.killpg(ran.process.pid, signal.SIGINT)
        assert ran.ended() == 128 + signal.SIGKILL
        assert ran.lines == ["serving", "SIGINT"], "once"
        assert rows() == []
    finally:
        os.close(ours)
        os.close(theirs)


def test_without_a_command_the_instance_stays_until_a_signal(start: Start, rows: Rows) -> None:
    ran = start()
    wait_until(rows, BOUND, "the registration")
    wait_until(lambda: "is registered" in ran.err.read_text(), BOUND, "a word about it")
    ran.process.send_signal(signal.SIGTERM)
    assert ran.ended() == 128 + signal.SIGTERM
    assert (rows(), ran.out.read_text()) == ([], "")


def test_quiet_says_nothing(start: Start, rows: Rows) -> None:
    ran = start("-q")
    wait_until(rows, BOUND, "the registration")
    ran.process.send_signal(signal.SIGTERM)
    ran.ended()
    assert ran.err.read_text() == ""


@pytest.mark.parametrize(
    ("words", "code", "texts"),
    [
        (("orders",), 2, ["--port"]),
        (("orders", "--port", "0"), 2, ["--port", "1<=x<=65535"]),
        (("orders", "--port", "80"), 2, ["no registry to register at"]),
        (("orders", "--port", "80", "--registry", "dns://"), 2, ["registrar scheme 'dns' is unknown"]),
        (("orders", "--port", "80", "--registry", "consul://h?x=1"), 2, ["has no option 'x'"]),
        (("no name!", "--port", "80", "--registry", "consul://127.0.0.1:1"), 2, ["cannot be registered", "no name!"]),
        (
            ("orders", "--port", "80", "--registry", "consul://127.0.0.1:1", "--health", "x"),
            2,
            ["health='x' is not a path"],
        ),
        (("orders", "--port", "80", "--registry", "consul://127.0.0.1:1", "--ttl", "0"), 2, ["--ttl"]),
        (
            ("orders", "--port", "80", "--registry", "consul://127.0.0.1:1", "--", "/nowhere/serve"),
            2,
            ["cannot start '/nowhere/serve'", "No such file"],
        ),
    ],
)
def test_wrong_turns_are_told(meshclient_command: Command, words: tuple[str, ...], code: int, texts: list[str]) -> None:
    ran = meshclient_command("register", *words)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert all(text in ran.err for text in texts), ran.err
    assert "Traceback" not in ran.err
