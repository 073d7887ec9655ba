"""``meshclient register`` and signals: which of them its command gets, and when."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from cli.command import argv, environment
from cli.registering import BOUND, Rows, Start, service
from servers.process import wait_until

pytestmark = pytest.mark.registry("consul", "register", "deregister")


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
    ran = start("--propagation", "1h", command=service(port))
    wait_until(rows, BOUND, "the registration")
    os.killpg(ran.process.pid, signal.SIGTERM)
    wait_until(lambda: not rows(), BOUND, "the farewell")
    assert ran.lines == ["serving"]
    ran.process.send_signal(signal.SIGTERM)
    assert ran.ended() == 7
    assert ran.lines == ["serving", "SIGTERM"]


def test_on_a_terminal_the_command_stays_in_the_foreground(start: Start, rows: Rows, port: int) -> None:
    ours, theirs = pty.openpty()
    try:
        ran = start("--propagation", "0s", "--grace", "300ms", command=service(port, "stubborn"), stdin=theirs)
        wait_until(rows, BOUND, "the registration")
        # As a terminal does at Ctrl-C.
        os.killpg(ran.process.pid, signal.SIGINT)
        assert ran.ended() == 128 + signal.SIGKILL
        assert ran.lines == ["serving", "SIGINT"], "once"
        assert rows() == []
    finally:
        os.close(ours)
        os.close(theirs)


def test_on_a_terminal_a_signal_from_elsewhere_reaches_the_command(start: Start, rows: Rows, port: int) -> None:
    ours, theirs = pty.openpty()
    try:
        ran = start("--propagation", "1h", command=service(port, "twice"), stdin=theirs)
        wait_until(rows, BOUND, "the registration")
        os.killpg(ran.process.pid, signal.SIGINT)
        wait_until(lambda: ran.lines == ["serving", "SIGINT"] and not rows(), BOUND, "the farewell")
        ran.process.send_signal(signal.SIGTERM)
        assert ran.ended() == 7
        assert ran.lines == ["serving", "SIGINT", "SIGTERM"]
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_command_that_takes_its_time_gets_every_further_signal(start: Start, rows: Rows, port: int) -> None:
    ran = start("--propagation", "0s", "--grace", "1h", command=service(port, "twice"))
    wait_until(rows, BOUND, "the registration")
    ran.process.send_signal(signal.SIGTERM)
    wait_until(lambda: ran.lines == ["serving", "SIGTERM"], BOUND, "the signal")
    ran.process.send_signal(signal.SIGINT)
    assert ran.ended() == 7
    assert ran.lines == ["serving", "SIGTERM", "SIGINT"]


def test_without_a_command_the_end_of_the_terminal_takes_the_instance_out(start: Start, rows: Rows) -> None:
    ran = start("--propagation", "0s")
    wait_until(rows, BOUND, "the registration")
    ran.process.send_signal(signal.SIGHUP)
    assert ran.ended() == 128 + signal.SIGHUP
    assert rows() == []


@pytest.mark.parametrize("serves", [False, True])
def test_under_nohup_the_end_of_the_terminal_changes_nothing(start: Start, rows: Rows, port: int, serves: bool) -> None:
    ran = start("--propagation", "0s", command=service(port) if serves else (), before=("nohup",))
    wait_until(rows, BOUND, "the registration")
    ran.process.send_signal(signal.SIGHUP)
    ran.process.send_signal(signal.SIGTERM)
    assert ran.ended() == (7 if serves else 128 + signal.SIGTERM)
    assert ran.lines == (["serving", "SIGTERM"] if serves else [])


def test_without_a_standard_input_the_command_runs(tmp_path: Path, port: int) -> None:
    words = argv(
        "register", "orders", "--port", str(port), "--registry", "consul://127.0.0.1:1", "--", "sh", "-c", "exit 4"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *words],
        env=environment({"XDG_RUNTIME_DIR": str(tmp_path)}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=3 * BOUND,
        check=False,
    )
    assert (done.returncode, done.stderr) == (4, "sh ended before orders was registered\n")
