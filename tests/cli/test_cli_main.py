"""Options, endings and errors that all commands share."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import meshclient
from cli.command import LIMIT, Command, argv, environment
from meshclient.cli.complaint import complaint_of
from meshclient.cli.exit_status import exit_status
from meshclient.cli.main import COMMANDS, cli, main
from meshclient.http.errors import HttpDeadlineExceeded, HttpNoEndpoints
from meshclient.model.report import CallReport

STATIC = "static://127.0.0.1:8080"


def test_help_imports_no_command_and_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "from meshclient.cli.main import main\n"
        "code = main(['--help'])\n"
        "print('loaded', *[m for m in sys.modules if m in ('rich', 'httpx') or m.startswith('meshclient.cli')])\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment({}),
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=True,
    )
    loaded = set(done.stdout.splitlines()[-1].split()[1:])
    assert loaded.isdisjoint({"rich", "httpx"} | {entry.place.partition(":")[0] for entry in COMMANDS.values()})
    assert all(name in done.stdout and entry.summary in done.stdout for name, entry in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_the_first_line_of_the_commands_own_help(name: str) -> None:
    context = cli.make_context("meshclient", [name])
    command = cli.get_command(context, name)
    assert command is not None
    assert command.help is not None
    assert command.help.splitlines()[0] == COMMANDS[name].summary


def test_version(meshclient_command: Command) -> None:
    ran = meshclient_command("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"meshclient {meshclient.__version__}\n", "")


def test_an_unknown_command_is_a_usage_error_with_a_suggestion(meshclient_command: Command) -> None:
    ran = meshclient_command("reslove", "orders")
    assert ran.code == 2
    assert "did you mean 'resolve'?" in ran.err
    assert ran.out == ""


def test_an_unknown_option_is_a_usage_error(meshclient_command: Command) -> None:
    assert meshclient_command("resolve", "orders", "--nope").code == 2


def test_options_stand_before_or_after_the_command(meshclient_command: Command) -> None:
    before = meshclient_command("--resolver", STATIC, "-o", "name", "resolve", "orders")
    after = meshclient_command("resolve", "orders", "--resolver", STATIC, "-o", "name")
    assert before == after
    assert before.out == "http://127.0.0.1:8080\n"


def test_the_option_nearer_to_the_command_wins(meshclient_command: Command) -> None:
    ran = meshclient_command("-o", "json", "resolve", "orders", "-o", "name", "--resolver", STATIC)
    assert ran.out == "http://127.0.0.1:8080\n"


def test_settings_from_both_places_add_up(meshclient_command: Command) -> None:
    ran = meshclient_command(
        *("--set", "mode=on-demand", "--set", "defaults.deadline=1s"),
        *("config", "show", "--no-header", "--set", "defaults.deadline=2s"),
    )
    values = dict(row.split(None, 1) for row in ran.out.splitlines())
    assert (values["mode"].strip(), values["defaults.deadline"].strip()) == ('"on-demand"', '"2s"')


def test_the_output_variable_is_the_default_and_no_more(meshclient_command: Command) -> None:
    words = ("resolve", "orders", "--resolver", STATIC)
    assert meshclient_command(*words, MESHCLIENT_OUTPUT="json").document["state"] == "ready"
    assert meshclient_command("-o", "name", *words, MESHCLIENT_OUTPUT="json").out == "http://127.0.0.1:8080\n"
    wrong = meshclient_command(*words, MESHCLIENT_OUTPUT="xml")
    assert wrong.code == 2
    assert "MESHCLIENT_OUTPUT='xml' is no format" in wrong.err


def test_verbose_adds_the_traceback(meshclient_command: Command) -> None:
    assert "Traceback" not in meshclient_command("resolve", "orders").err
    ran = meshclient_command("-v", "resolve", "orders")
    assert ran.code == 2
    assert "Traceback (most recent call last)" in ran.err


def test_a_broken_pipe_is_quiet(meshclient_command: Command) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = meshclient_command.start("resolve", "orders", "--resolver", STATIC, stdout=writing)
    os.close(writing)
    _, errors = process.communicate(timeout=LIMIT)
    assert (process.returncode, errors) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_quietly(meshclient_command: Command, number: int, code: int) -> None:
    process = meshclient_command.start("watch", "orders", "--resolver", STATIC)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith('{"schema": "meshclient.watch/v1"')
        process.send_signal(number)
        _, errors = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
        process.wait(LIMIT)
    assert process.returncode == code
    assert errors.strip() == ""


def on_terminal(folder: Path, *words: str, **variables: str) -> str:
    """What a command shows on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv(*words),
        cwd=folder,
        env=environment({"TERM": "xterm", **variables}),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # how Linux says that the other side was closed
        pass
    finally:
        os.close(ours)
        process.wait(LIMIT)
    return shown.decode()


def test_colours_are_for_terminals(meshclient_command: Command, tmp_path: Path) -> None:
    words = ("resolve", "orders", "--resolver", STATIC)
    assert "\x1b" not in meshclient_command(*words).out
    assert "\x1b[" in meshclient_command(*words, "--color", "always").out
    assert "\x1b[" in on_terminal(tmp_path, *words)
    assert "\x1b" not in on_terminal(tmp_path, *words, NO_COLOR="1")
    assert "\x1b" not in on_terminal(tmp_path, *words, "--color", "never")


def test_json_is_never_coloured(meshclient_command: Command) -> None:
    ran = meshclient_command("resolve", "orders", "--resolver", STATIC, "-o", "json", "--color", "always")
    assert "\x1b" not in ran.out


REQUEST = httpx.Request("GET", "http://orders/")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (meshclient.ConfigError("x"), 2),
        (meshclient.ServiceNotFound("x"), 3),
        (meshclient.NoEndpoints("x"), 4),
        (HttpNoEndpoints("x", request=REQUEST), 4),
        (meshclient.ResolverUnavailable("x"), 5),
        (meshclient.PluginError("x"), 5),
        (meshclient.DeadlineExceeded("x"), 6),
        (HttpDeadlineExceeded("x", request=REQUEST), 6),
        (httpx.ReadTimeout("x"), 6),
        (meshclient.RejectedError("x"), 7),
        (httpx.ConnectError("x"), 9),
        (httpx.RemoteProtocolError("x"), 9),
        (httpx.InvalidURL("x"), 2),
        (httpx.UnsupportedProtocol("x"), 2),
        (RuntimeError("x"), 1),
    ],
)
def test_each_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_status(error) == code
    assert complaint_of(error).status == code


def test_what_a_call_says_is_laid_out_in_lines() -> None:
    error = HttpNoEndpoints("nobody is there; nothing was sent; start one", request=REQUEST)
    error.mesh = CallReport("orders")
    assert str(complaint_of(error)) == "nobody is there\n  why: nothing was sent\n  fix: start one"


def test_an_unexpected_error_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("meshclient.cli.invocation.Invocation.loaded", fail)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["config", "show"]) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capfd.readouterr().err == "error: RuntimeError: the sky fell\n  fix: see where with -v\n"
