"""``meshclient watch``: one line for each change."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import LIMIT, Command
from cli.here import Here
from cli.schemas import assert_valid


def write(path: Path, *endpoints: str) -> None:
    """Put a registry file in place."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"services": {"orders": {"endpoints": list(endpoints)}}}), "utf-8")
    fresh.replace(path)


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in an empty folder."""
    return Here(tmp_path, capsys, monkeypatch)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry file with one endpoint."""
    path = tmp_path / "mesh.json"
    write(path, "http://a:1")
    return path


@pytest.fixture
def watching(meshclient_command: Command, registry: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, following that file for four changes."""
    process = meshclient_command.start("watch", "orders", "--resolver", f"file://{registry}", "--count", "4")
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


def test_each_change_is_a_line(watching: subprocess.Popen[str], registry: Path) -> None:
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    assert list(first) == [
        *("schema", "time", "service", "state", "endpoints", "source", "version", "age_seconds", "cause"),
        *("added", "removed", "changed"),
    ]
    assert (first["schema"], first["state"], first["added"]) == ("meshclient.watch/v1", "ready", ["http://a:1"])
    assert first["time"].endswith("Z")
    assert_valid(first)

    write(registry, "http://a:1", "http://b:2")
    second = json.loads(watching.stdout.readline())
    assert (second["added"], second["removed"], second["version"]) == (["http://b:2"], [], 2)

    registry.unlink()
    third = json.loads(watching.stdout.readline())
    assert_valid(third)
    assert (third["state"], third["added"], third["removed"]) == ("failed", [], [])
    assert "cannot be read" in third["cause"]
    assert len(third["endpoints"]) == 2

    write(registry, "http://b:2")
    fourth = json.loads(watching.stdout.readline())
    assert (fourth["state"], fourth["removed"]) == ("ready", ["http://a:1"])
    assert watching.wait(LIMIT) == 0


def test_it_ends_when_its_time_is_over(here: Here) -> None:
    ran = here("watch", "orders", "--resolver", "static://a:1", "--for", "100ms")
    assert (ran.code, len(ran.lines)) == (0, 1)


def test_no_answer_at_all_is_an_error(meshclient_command: Command, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        resolver = f"srv://mesh.test?nameserver=127.0.0.1:{deaf.getsockname()[1]}"
        ran = meshclient_command("watch", "orders", "--resolver", resolver, "--for", "300ms")
    assert (ran.code, ran.out) == (5, "")
    assert "no answer came within the time given" in ran.err
    assert "; --for allows more time" in ran.err


@pytest.mark.parametrize("end", [("--for", "300ms"), ("--count", "1")])
def test_a_registry_that_was_never_reachable_is_an_error(here: Here, tmp_path: Path, end: tuple[str, str]) -> None:
    ran = here("watch", "orders", "--resolver", f"file://{tmp_path}/missing.json", *end)
    (line,) = ran.lines
    assert (ran.code, line["state"], line["age_seconds"]) == (5, "failed", None)
    assert "cannot resolve 'orders'" in ran.err
    assert "allows more" not in ran.err


def test_an_outage_after_an_answer_is_no_error(meshclient_command: Command, registry: Path) -> None:
    process = meshclient_command.start("watch", "orders", "--resolver", f"file://{registry}", "--count", "2")
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["state"] == "ready"
        registry.unlink()
        second = json.loads(process.stdout.readline())
        assert (second["state"], second["age_seconds"] >= 0) == ("failed", True)
        assert process.wait(LIMIT) == 0
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


@pytest.mark.parametrize("form", ["table", "wide"])
def test_a_table_that_is_asked_for_is_printed_for_each_change(here: Here, form: str) -> None:
    ran = here("watch", "orders", "--resolver", "static://a:1", "--count", "1", "-o", form)
    caption, titles, row = ran.out.splitlines()
    assert caption.startswith("orders: ready, static://a:1, version 1, age ")
    assert ("METADATA" in titles) == (form == "wide")
    assert row.split()[0] == "http://a:1"
    assert ran.code == 0


def test_names_are_refused(here: Here) -> None:
    ran = here("watch", "orders", "--resolver", "static://a:1", "--count", "1", "-o", "name")
    assert (ran.code, ran.out) == (2, "")
    assert "names alone do not tell where a change ends" in ran.err


def test_on_a_terminal_it_is_a_table(tmp_path: Path) -> None:
    import pty

    from cli.command import argv, environment

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv("watch", "orders", "--resolver", "static://a:1", "--count", "1"),
        cwd=tmp_path,
        env=environment({"TERM": "xterm", "COLUMNS": "200"}),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        pass
    finally:
        os.close(ours)
    assert process.wait(LIMIT) == 0
    assert b"orders: ready, static://a:1, version 1" in shown
    assert b"http://a:1" in shown
    assert b'"schema"' not in shown
