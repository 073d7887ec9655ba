"""Commands against a process that runs, and against what is none: what they answer, and with which exit code."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.command import FOREIGN
from cli.golden import assert_golden
from cli.schemas import assert_valid
from meshclient.cli import attached
from meshclient.cli.invocation import Invocation
from meshclient.cli.main import main
from meshclient.cli.server_sent import EventReader
from meshclient.testing.fake_mesh import FakeMesh
from servers.process import wait_until

TOKEN = "f3a1c0ffee5badc0de" * 2
BOUND = 30.0


def fine(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200)


@pytest.fixture
def mesh() -> Iterator[FakeMesh]:
    with FakeMesh({"orders": [fine, fine], "users": fine}) as made, made.client() as http:
        for _ in range(4):
            http.get("mesh://orders/")
        yield made


@pytest.fixture
def path(mesh: FakeMesh, tmp_path: Path) -> Path:
    mesh.serve_admin(f"unix:{tmp_path}/mesh.sock")
    return tmp_path / "mesh.sock"


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MESHCLIENT_ADMIN") or name in FOREIGN]:
        monkeypatch.delenv(name)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_process_is_asked_by_each_spelling_of_its_address(
    path: Path, mesh: FakeMesh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tcp = mesh.serve_admin("127.0.0.1:0").address
    for address in (
        f"unix:{path}",
        str(path),
        "./mesh.sock",
        f"unix:{path.parent}/{{pid}}.sock",
        tcp,
        f"http://{tcp}/",
    ):
        if "{pid}" in address:
            mesh.serve_admin(address)
        assert main(["endpoints", "orders", "--admin", address, "-o", "name"]) == 0
        assert capsys.readouterr().out == "http://orders-1.test:80\nhttp://orders-2.test:80\n"
    monkeypatch.setenv("MESHCLIENT_ADMIN", f"unix:{path}")
    assert main(["endpoints", "-o", "name"]) == 0
    monkeypatch.delenv("MESHCLIENT_ADMIN")
    path.with_name("meshclient.toml").write_text(f'[sidecar]\nadmin = "{tcp}"\n')
    assert main(["endpoints", "-o", "name"]) == 0


def test_what_a_process_answers_is_as_the_schemas_say(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("endpoints", "circuits", "stats"):
        for form in ("json", "jsonl"):
            assert main([command, "--admin", str(path), "-o", form]) == 0
            out = capsys.readouterr().out
            for text in [out] if form == "json" else out.splitlines():
                assert_valid(json.loads(text))
    assert main(["stats", "--admin", str(path), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pid"] == os.getpid()
    assert [(each["service"], each["calls"], each["errors"]) for each in told["services"]] == [("orders", 4, 0)]


def test_the_configuration_of_a_process_is_asked_for(path: Path) -> None:
    document = attached.configuration(Invocation(), f"unix:{path}", None)
    assert document["schema"] == "meshclient.config_show/v1"
    values = {each["path"]: each["value"] for each in document["settings"]}
    assert values["defaults.retry.backoff"] == "0ms..0ms"


def test_where_nobody_listens_it_says_how_to_listen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--admin", "unix:mesh.sock"]) == 9
    assert_golden("attached.nobody.txt", capsys.readouterr().err)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["circuits", "--admin", address]) == 9
        assert f"no process can be asked at {address}\n  why: " in capsys.readouterr().err
    assert main(["top", "--admin", f"unix:{tmp_path}/{{pid}}.sock"]) == 9
    assert "no process listens at a socket of this name" in capsys.readouterr().err


def test_processes_that_moved_aside_are_named(path: Path, mesh: FakeMesh, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("mesh.1.sock", "mesh.2.sock"):
        mesh.serve_admin(f"unix:{path.parent}/{name}")
    mesh._inspection.open[0].close()
    assert main(["endpoints", "--admin", f"unix:{path}"]) == 9
    both = f"unix:{path.parent}/mesh.1.sock, unix:{path.parent}/mesh.2.sock"
    assert f"processes that were given this address are at {both}: name one" in capsys.readouterr().err
    assert main(["endpoints", "--admin", f"unix:{path.parent}/mesh.{{pid}}.sock"]) == 2
    assert "2 processes are at" in capsys.readouterr().err


def test_the_token_is_missing_wrong_and_right(
    mesh: FakeMesh, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = mesh.serve_admin("127.0.0.1:0", token=TOKEN).address
    assert main(["stats", "--admin", address]) == 2
    assert f"{address} asks for a token\n  fix: give its admin_token_file with --admin-token-file" in (
        capsys.readouterr().err
    )
    file = tmp_path / "token"
    file.write_text("somebody-elses")
    assert main(["tap", "--admin", address, "--admin-token-file", str(file)]) == 2
    assert f"{address} got a wrong token\n" in capsys.readouterr().err
    file.write_text(f"{TOKEN}\n")
    assert main(["stats", "--admin", address, "--admin-token-file", str(file)]) == 0
    monkeypatch.setenv("MESHCLIENT_ADMIN_TOKEN_FILE", str(file))
    assert main(["stats", "--admin", address]) == 0
    assert main(["stats", "--admin", address, "--admin-token-file", "nowhere"]) == 2
    assert "the token file nowhere cannot be read" in capsys.readouterr().err
    for text in ("", "two\nlines", "\N{EURO SIGN}"):
        file.write_text(text)
        assert main(["stats", "--admin", address, "--admin-token-file", str(file)]) == 2
        assert f"the file {file} holds no token\n  why: a token is one word" in capsys.readouterr().err


def test_wrong_words_are_told_with_what_would_be_right(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["endpoints", "odrers", "--admin", str(path)]) == 3
    assert "  why: in use: orders\n  fix: see `meshclient stats`" in capsys.readouterr().err
    assert main(["stats", "--admin", "https://127.0.0.1:7190"]) == 2
    assert "is not the address of an administration" in capsys.readouterr().err
    assert main(["stats", "--admin", "mesh"]) == 2
    assert "write --admin unix:run/mesh.sock, or --admin 127.0.0.1:7190" in capsys.readouterr().err
    assert main(["tap", "--admin", str(path), "-o", "name"]) == 2
    assert main(["stats", "--adnim", str(path)]) == 2


def test_top_needs_a_terminal_and_textual(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["top", "--admin", str(path)]) == 2
    assert "the live screen needs a terminal\n  fix: see `meshclient stats`" in capsys.readouterr().err
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("meshclient.cli.tui.app.Top.run", lambda _self: pytest.fail("the screen was taken"))
    assert main(["top", "--admin", str(path)]) == 2
    assert "the live screen needs a terminal\n" in capsys.readouterr().err
    monkeypatch.setattr("meshclient.cli.top.find_spec", lambda _name: None)
    assert main(["top", "--admin", str(path)]) == 2
    assert "pip install 'meshclient[tui]'" in capsys.readouterr().err


def ask_while_tapped(mesh: FakeMesh, path: Path, *actions: str) -> threading.Thread:
    """Carry out actions once somebody reads events."""

    def act() -> None:
        admin = mesh._inspection.open[0]._admin
        assert admin is not None
        wait_until(lambda: admin.broadcast.readers, BOUND, "a reader of events")
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), trust_env=False) as http:
            for action in actions:
                http.post(f"http://localhost{action}").raise_for_status()

    thread = threading.Thread(target=act)
    thread.start()
    return thread


EJECT = "/eject?service=orders&endpoint=orders-1.test:80&for=10m"
ACTIONS = (EJECT, "/isolate?service=orders", "/reset?service=orders")
CHANGING = ((r"\d\d:\d\d:\d\d(?= )", "HH:MM:SS"), (r'"time": "[^"]+"', '"time": "TIME"'))


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl"])
def test_decisions_are_followed(form: str, mesh: FakeMesh, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acting = ask_while_tapped(mesh, path, *ACTIONS)
    assert main(["tap", "--admin", str(path), "--count", "4", "-o", form]) == 0
    acting.join(BOUND)
    out, err = capsys.readouterr()
    assert err == f"following process {os.getpid()} at unix:{path}\n"
    assert_golden(f"tap.{form}.txt", out, *CHANGING)
    if form in {"json", "jsonl"}:
        for line in out.splitlines():
            assert_valid(json.loads(line))


def test_a_tap_may_be_of_one_service_and_for_a_time(
    mesh: FakeMesh, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.warm("users")
    acting = ask_while_tapped(mesh, path, EJECT, "/isolate?service=users")
    assert main(["tap", "--admin", str(path), "--service", "users", "--count", "1", "-q", "--color", "never"]) == 0
    acting.join(BOUND)
    assert capsys.readouterr().out.partition("  ")[2] == (
        "users  circuit closed to isolated: it was isolated by hand\n"
    )
    assert main(["tap", "--admin", str(path), "--service", "nobody", "--for", "100ms"]) == 0
    assert capsys.readouterr().out == ""


def test_the_end_of_the_process_ends_a_tap(mesh: FakeMesh, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def end() -> None:
        admin = mesh._inspection.open[0]._admin
        assert admin is not None
        wait_until(lambda: admin.broadcast.readers, BOUND, "a reader of events")
        mesh.close()

    thread = threading.Thread(target=end)
    thread.start()
    assert main(["tap", "--admin", str(path), "--service", "nobody"]) == 9
    thread.join(BOUND)
    told = capsys.readouterr().err
    assert told.startswith("no service 'nobody' is in use there so far; in use: orders\n")
    assert f"the process at unix:{path} has ended, or closed its administration\n" in told


def test_events_may_come_in_any_pieces() -> None:
    stream = ": still here\n\nevent: state\ndata: {}\n\nretry: 2000\n\ndata: a\ndata: b\n\nevent: cut\ndata: of"
    known = [("state", "{}"), ("message", "a\nb")]
    assert EventReader().feed(stream) == known
    reader = EventReader()
    assert [event for character in stream for event in reader.feed(character)] == known
