"""``meshclient sidecar``: what it says, what it takes, and how it complains."""

from __future__ import annotations

import json
import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.command import LIMIT, Command
from cli.golden import assert_golden
from cli.schemas import assert_valid
from meshclient.cli.main import main

UPSTREAM = ("--upstream", "http://127.0.0.1:9")


Said = Callable[..., str]


@pytest.fixture(autouse=True)
def own_runtime_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    """The complaint of a command that is run here: a process for each would take a second for each."""
    monkeypatch.chdir(tmp_path)
    logger, handler = logging.getLogger("meshclient"), signal.getsignal(signal.SIGTERM)
    before = (list(logger.handlers), logger.level, logging.getLogger("meshclient.sidecar").level)

    def said(*words: str) -> str:
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert out == ""
        return err

    yield said
    signal.signal(signal.SIGTERM, handler)
    logger.handlers[:], level, own = before
    logger.setLevel(level)
    logging.getLogger("meshclient.sidecar").setLevel(own)


def test_it_says_where_it_listens(meshclient_command: Command) -> None:
    words = ("--listen", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--admin", "off", *UPSTREAM)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        process = meshclient_command.start("sidecar", "-o", "json", *words)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert soft in {hard, 2**20}
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    assert_valid(told)
    assert_golden(
        "sidecar.json.txt", json.dumps(told, indent=2), (r'"pid": \d+', '"pid": PID'), (r"127\.0\.0\.1:\d+", "ADDRESS")
    )
    assert told["pid"] == process.pid
    outbound, inbound = told["listening"]["outbound"], told["listening"]["inbound"]
    assert told["url"] == f"http://{outbound}"
    assert not outbound.endswith(":0")
    assert err.splitlines()[:2] == [f"outbound listens at {outbound}", f"inbound listens at {inbound}"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--listen", "7140"), "'7140' is not an address to listen at: write host and port such as '127.0.0.1:7140'"),
        (("--listen", "no.such.host.invalid:7140"), "the host is not known"),
        (("--listen", "203.0.113.1:7140"), "cannot assign requested address; choose another address with --set"),
        (("--listen", "unix:/nonexistent/a.sock"), "; make it, and let this user write into it"),
        (("--app", "127.0.0.1:1", "--app-port", "1"), "--app and --app-port both say where the application listens"),
        (("--app-port", "8080"), "there is none: add --inbound 0.0.0.0:7143"),
        (("--admin", "0.0.0.0:0"), "can be reached from outside and anybody could drain this sidecar"),
        (("--upstream", "http://127.0.0.1:9/path"), "sidecar.upstreams (argument): [1]"),
        (("--set", "sidecar.drain=soon"), "sidecar.drain (argument --set)"),
        (("--set", "mode=on-demand"), "a sidecar follows its services between requests"),
        (("--set", "sidecar.admin_token_file=/nonexistent"), "cannot be read"),
        (("--inbound", "127.0.0.1:0", "--set", "sidecar.register=orders"), "sidecar.register names no registry"),
        (("--service", "a b"), "is not a service name"),
        (("--config", "nowhere.toml"), "nowhere.toml is not there"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_begun(said: Said, words: tuple[str, ...], complaint: str) -> None:
    err = said("sidecar", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *UPSTREAM, *words)
    assert complaint in err
    assert "Traceback" not in err


def test_a_port_in_use_is_said_with_the_way_out(said: Said) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        err = said("sidecar", "--listen", address, "--admin", "off", *UPSTREAM)
    assert f"sidecar.outbound: cannot listen at {address}: address already in use" in err
    assert "--take-over" in err


def test_without_a_registry_it_says_so(said: Said) -> None:
    nobody = said("sidecar", "--listen", "127.0.0.1:0", "--admin", "off")
    assert "no resolver configured" in nobody
    assert "--upstream http://127.0.0.1:8080" in nobody


def test_a_file_in_the_place_of_the_socket_is_left_alone(said: Said) -> None:
    Path("a.sock").write_text("mine")
    assert "there is a file of another kind" in said("sidecar", "--listen", "unix:a.sock", "--admin", "off", *UPSTREAM)
    assert Path("a.sock").read_text() == "mine"


def test_its_settings_are_shown_with_their_origins(meshclient_command: Command) -> None:
    (meshclient_command.folder / "meshclient.toml").write_text("[sidecar]\nprefixes = { '/orders/' = 'orders' }\n")
    shown = meshclient_command("config", "show", "-o", "json", MESHCLIENT_SIDECAR__DRAIN="3s").document
    settings = {setting["path"]: setting for setting in shown["settings"]}
    assert settings["sidecar.prefixes"]["value"] == {"/orders/": "orders"}
    assert settings["sidecar.prefixes"]["origin"]["layer"] == "file"
    assert settings["sidecar.drain"]["value"] == "3s"
    assert settings["sidecar.drain"]["origin"]["detail"] == "MESHCLIENT_SIDECAR__DRAIN"
    assert settings["sidecar.outbound"]["value"] == "127.0.0.1:7140"
