"""``meshclient run``: a command with a sidecar beside it."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import LIMIT, Command, argv, environment
from servers.process import wait_until

# Says who asked it for what.
SEEN: list[tuple[str, str]] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        SEEN.append((self.headers["Host"], self.path))
        body = b"from the backend"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    SEEN.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_our_own_client_finds_it_and_adds_nothing(meshclient_command: Command, upstream: str) -> None:
    program = (
        "import meshclient, json\n"
        "with meshclient.Client() as client:\n"
        "    answer = client.get('http://orders/v1')\n"
        "    mesh = answer.extensions['mesh']\n"
        "    print(json.dumps([answer.status_code, answer.text, str(mesh.endpoint), client.mesh.config.resolver]))\n"
        "    defaults = client.mesh.config.defaults\n"
        "    assert (defaults.retry, defaults.ejection, defaults.throttle) == (None, None, None)\n"
    )
    ran = meshclient_command("run", "--upstream", upstream, "--", sys.executable, "-c", program)
    assert ran.code == 0, ran.err
    status, text, endpoint, resolver = json.loads(ran.out)
    assert (status, text) == (200, "from the backend")
    assert resolver == f"static://{endpoint.removeprefix('http://')}"
    assert f"outbound listens at {endpoint.removeprefix('http://')}" in ran.err
    assert [path for _, path in SEEN] == ["/v1"]


def test_it_may_be_reached_by_a_unix_socket(meshclient_command: Command, upstream: str) -> None:
    program = "import meshclient; print(meshclient.Client().get('http://orders/').text)"
    words = ("--upstream", upstream, "--listen", "unix:a.sock", "--admin", "off")
    ran = meshclient_command("run", *words, "--", sys.executable, "-W", "ignore", "-c", program)
    assert (ran.code, ran.out) == (0, "from the backend\n"), ran.err
    assert not (meshclient_command.folder / "a.sock").exists()


def test_programs_that_know_of_no_mesh_find_it_as_their_proxy(meshclient_command: Command, upstream: str) -> None:
    program = (
        "import urllib.request as r\n"
        "print(r.urlopen('http://orders/path').read().decode())\n"
        # Of this host: asked without us.
        f"print(r.urlopen({upstream!r} + '/direct').read().decode())\n"
    )
    words = ("--service", "orders", "--upstream", upstream, "--admin", "off")
    ran = meshclient_command("run", *words, "--", sys.executable, "-c", program, http_proxy="", HTTP_PROXY="")
    assert (ran.code, ran.out) == (0, "from the backend\n" * 2), ran.err
    assert [path for _, path in SEEN] == ["/path", "/direct"]


def test_it_ends_as_the_command_ends(meshclient_command: Command) -> None:
    words = ("run", "-q", "--upstream", "http://127.0.0.1:9", "--", "sh", "-c")
    assert meshclient_command(*words, "exit 7").code == 7
    assert meshclient_command(*words, "kill -KILL $$").code == 128 + signal.SIGKILL


def test_what_is_wrong_is_said_before_the_command_is_started(meshclient_command: Command, tmp_path: Path) -> None:
    started = tmp_path / "started"
    touch = (sys.executable, "-c", f"open({str(started)!r}, 'w')")
    ran = meshclient_command("run", "--upstream", "http://127.0.0.1:9", "--listen", "nowhere", "--", *touch)
    assert ran.code == 2
    assert "is not an address to listen at" in ran.err
    assert not started.exists()
    ran = meshclient_command("run", "--upstream", "http://127.0.0.1:9", "--", "/no/such/program")
    assert ran.code == 2
    assert "cannot start '/no/such/program'" in ran.err
    assert "write the command and its arguments after --" in ran.err


def test_signals_are_handed_on(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "def told(number, frame):\n"
        "    print(signal.Signals(number).name, flush=True)\n"
        "    if number == signal.SIGTERM: sys.exit(3)\n"
        "for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1): signal.signal(number, told)\n"
        "print('serving', flush=True)\n"
        "signal.alarm(90)\n"
        "while True: signal.pause()\n"
    )
    out = tmp_path / "out"
    with out.open("w") as file:
        process = subprocess.Popen(
            argv("run", "-q", "--upstream", "http://127.0.0.1:9", "--", sys.executable, "-c", program),
            cwd=tmp_path,
            env=environment({}),
            stdin=subprocess.DEVNULL,
            stdout=file,
            start_new_session=True,
        )
    try:
        told = ["serving"]
        wait_until(lambda: out.read_text().split() == told, LIMIT, "the command")
        for number in (signal.SIGUSR1, signal.SIGHUP):
            process.send_signal(number)
            told.append(number.name)
            wait_until(lambda: out.read_text().split() == told, LIMIT, "the signal")
        # As a service manager does to the whole group: the command hears of it once.
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(LIMIT) == 3
        assert out.read_text().split() == [*told, "SIGTERM"]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(LIMIT)
