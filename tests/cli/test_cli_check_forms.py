"""``meshclient check``: its forms, its options, and the exit codes it can end with."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.golden import assert_golden
from cli.ground import BOUND, Ground, Listener, run, well
from cli.schemas import assert_valid
from meshclient.cli.invocation import Invocation
from servers.process import wait_until

# An error, a warning, what is in order, and what could not be looked at. Nobody listens at port 1.
CONFIG = """\
state_dir = "state"

[services.orders]
endpoints = ["http://127.0.0.1:1"]
deadline = "1s"
attempt_timeout = "2s"
"""
CHANGING = (r"(\d+|any number of) files may", "20000 files may")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    return Ground.bare(tmp_path, monkeypatch)


@pytest.fixture
def listener() -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def listen(reply: Callable[[bytes], bytes]) -> Listener:
        made.append(Listener(reply))
        return made[-1]

    yield listen
    for each in made:
        each.stop()


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "name"])
def test_the_forms(form: str, here: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    here.write(CONFIG)
    # Quiet, since on a busy machine it would tell what it is looking at.
    assert run("-q", "-o", form) == 1
    written = capsys.readouterr()
    assert written.err == ""
    assert_golden(f"check.{form}.txt", written.out, CHANGING)
    documents = [written.out] if form == "json" else written.out.splitlines() if form == "jsonl" else []
    for document in documents:
        assert_valid(json.loads(document))
    if form == "table":
        assert max(map(len, written.out.splitlines())) <= 80


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "name"])
def test_the_list(form: str, here: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    here.patch.delenv("COLUMNS")
    assert run("--list", "-o", form) == 0
    written = capsys.readouterr().out
    assert_golden(f"check_list.{form}.txt", written)
    documents = [written] if form == "json" else written.splitlines() if form == "jsonl" else []
    for document in documents:
        assert_valid(json.loads(document))


def test_where_signs_cannot_be_shown_there_are_letters(here: Ground) -> None:
    here.write(CONFIG)
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    here.patch.setattr(sys, "stdout", stream)
    assert run("-q") == 1
    stream.seek(0)
    written = stream.read()
    assert "?" not in written
    rows = [line.split() for line in written.splitlines()]
    assert ["x", "MC501"] in [row[:2] for row in rows]
    assert ["!", "MC106"] in [row[:2] for row in rows]
    assert "+" in {row[0] for row in rows if row}


def test_from_which_level_on_it_fails(here: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    here.write(CONFIG)
    assert run("--only", "config", "-o", "name") == 0
    assert capsys.readouterr().out == "MC106\n"
    assert run("--only", "config", "--fail-on", "warning") == 1
    assert "failed: 1 warning" in capsys.readouterr().out
    assert run("--fail-on", "warning", "--skip", "MC106", "--skip", "mc501") == 0
    assert "passed: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "endpoint"], "did you mean 'endpoints'?"),
        (["--skip", "MC999"], "neither a category nor the id of a finding"),
        (["--fail-on", "info"], "'info' is not one of"),
        (["--wait", "soon"], "--wait"),
        (["or ders"], "is not a service name"),
    ],
)
def test_a_wrong_command_line(words: list[str], said: str, here: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    here.write(CONFIG)
    assert run(*words) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert said in written.err


def test_it_waits_until_all_is_well_and_tells_of_it(
    here: Ground, listener: Callable[..., Listener], capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[bytes] = []
    told: list[str] = []
    impatient = threading.Event()

    def say(_: Invocation, text: str) -> None:
        told.append(text)
        if text.startswith("looking at endpoints (0 of 1) for "):
            impatient.set()

    def reply(request: bytes) -> bytes:
        answers.append(request)
        if len(answers) > 1:
            return well()
        assert impatient.wait(BOUND)
        return b"SSH-2.0-OpenSSH_9.2\r\n"

    here.patch.setattr(Invocation, "say", say)
    here.patch.setattr("meshclient.cli.check._PATIENCE", 0.05)
    here.patch.setattr("meshclient.cli.check._PAUSE", 0.05)
    here.static(f"http://127.0.0.1:{listener(reply).port}")
    assert run("--wait", "60s", "--timeout", f"{BOUND:g}s", "-o", "name") == 0
    assert capsys.readouterr().out == ""
    assert any(text.startswith("waiting, ") and text.endswith(" left: MC508") for text in told)
    assert len(answers) == 2


def test_it_does_not_wait_for_ever_and_is_quiet_where_asked(here: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    here.write(CONFIG)
    assert run("--wait", "50ms", "-q", "-o", "name") == 1
    written = capsys.readouterr()
    assert (written.out, written.err) == ("MC106\nMC501\n", "")


def test_an_endpoint_gets_one_connection_and_one_request(
    here: Ground, listener: Callable[..., Listener], capsys: pytest.CaptureFixture[str]
) -> None:
    asked, unasked = listener(well), listener(well)
    here.write(
        f'[services.orders]\nendpoints = ["http://127.0.0.1:{asked.port}"]\nhealth = {{ path = "/healthz" }}\n'
        f'[services.stock]\nendpoints = ["http://127.0.0.1:{unasked.port}"]\nhealth = {{ tcp = true }}\n'
    )
    assert run("--fail-on", "warning", "-o", "name") == 0
    assert capsys.readouterr().out == ""
    (request,) = asked.requests
    assert request.startswith(b"HEAD /healthz HTTP/1.1\r\nHost: orders\r\nUser-Agent: meshclient-check/")
    assert (asked.accepted, unasked.accepted) == (1, 1)
    # It is written down by the listener's own thread.
    wait_until(lambda: unasked.requests == [b""], 20, "the end of the connection without a request")


def test_what_is_not_wanted_is_not_looked_at(
    here: Ground, listener: Callable[..., Listener], capsys: pytest.CaptureFixture[str]
) -> None:
    left_alone = listener(well)
    here.static(f"http://127.0.0.1:{left_alone.port}")
    assert run("--only", "config", "--only", "MC203") == 0
    assert "ENDPOINTS" not in capsys.readouterr().out
    assert left_alone.accepted == 0
