"""``meshclient register``: an instance in a real Consul while a command runs."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from cli.command import Command
from cli.registering import BOUND, Rows, Start, service
from servers.ports import free_port
from servers.process import wait_until

pytestmark = pytest.mark.registry("consul", "register", "deregister")


@pytest.mark.parametrize(("number", "word"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")])
def test_the_command_gets_the_signal_after_callers_have_noticed(
    start: Start, rows: Rows, port: int, number: signal.Signals, word: str
) -> None:
    ran = start(command=service(port))
    wait_until(rows, BOUND, "the registration")
    sent = time.time()
    ran.process.send_signal(number)
    assert ran.ended() == 7, "the command's own"
    assert rows() == []
    assert ran.lines == ["serving", word]
    assert float(ran.out.read_text().split()[-1]) - sent >= 1.0, "Consul's readers need a second"


def test_an_instance_enters_when_it_is_ready(start: Start, rows: Rows, port: int) -> None:
    words = ("--health", "/healthz", "--tag", "v2", "--tag", "blue", "--zone", "eu-1a", "--id", "one")
    ran = start(*words, "--propagation", "0s", command=service(port, ready=False))
    wait_until(lambda: ran.lines.count("unready") >= 2, BOUND, "checks that fail")
    assert rows() == []
    # The command is ready from its first signal on.
    ran.process.send_signal(signal.SIGUSR1)
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
    ran = start("--propagation", "0s", "--grace", "300ms", command=service(port, "stubborn"))
    wait_until(rows, BOUND, "the registration")
    ran.process.send_signal(signal.SIGTERM)
    assert ran.ended() == 128 + signal.SIGKILL
    assert "has not ended within the grace" in ran.err.read_text()


def test_without_a_command_the_instance_stays_until_a_signal(start: Start, rows: Rows) -> None:
    ran = start("--propagation", "0s")
    wait_until(rows, BOUND, "the registration")
    wait_until(lambda: "is registered" in ran.err.read_text(), BOUND, "a word about it")
    ran.process.send_signal(signal.SIGTERM)
    assert ran.ended() == 128 + signal.SIGTERM
    assert (rows(), ran.out.read_text()) == ([], "")


def test_quiet_says_nothing(start: Start, rows: Rows) -> None:
    ran = start("-q", "--propagation", "0s")
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


def test_a_command_that_dies_at_once_is_told(start: Start, rows: Rows, name: str) -> None:
    ran = start(command=("sh", "-c", "exit 3"))
    assert ran.ended() == 3
    assert ran.err.read_text() == f"sh ended before {name} was registered\n"
    assert rows() == []
