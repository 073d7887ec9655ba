"""The files for deployment: each checked by what will read it, as far as that can be had on this machine."""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

from house import deployed
from house.deployed import DEPLOY
from house.source import ROOT

COMMANDS = dict(deployed.commands())
SIDECARS = [where for where, words in COMMANDS.items() if "sidecar" in words]


@pytest.fixture
def configured(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The configuration that the file named by the parameter brings along."""
    if not str(request.param).startswith("kubernetes"):
        return DEPLOY / "meshclient.toml"
    path = tmp_path / "meshclient.toml"
    path.write_text(deployed.manifest("ConfigMap")["data"]["meshclient.toml"], "utf-8")
    return path


@pytest.mark.parametrize("where", COMMANDS)
def test_a_command_has_no_option_that_there_is_not(where: str) -> None:
    assert deployed.parsed(COMMANDS[where]).params


@pytest.mark.parametrize(("where", "configured"), [(each, each) for each in SIDECARS], indirect=["configured"])
def test_a_sidecar_can_be_started_so(where: str, configured: Path) -> None:
    found = deployed.loaded(COMMANDS[where], configured)
    assert found.warnings == ()
    assert found.config.resolver or found.config.sidecar.upstreams


def test_the_image_is_not_roots_and_is_asked_for_its_health() -> None:
    words = [word for word, _ in deployed.instructions()]
    assert {"FROM", "USER", "HEALTHCHECK", "ENTRYPOINT", "CMD", "STOPSIGNAL"} <= set(words)
    assert set(words) <= {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
                          "ENTRYPOINT", "CMD"}  # fmt: skip
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", deployed.instruction("USER"))
    # Nothing that runs as root comes after the last FROM but the making of the user.
    last = max(number for number, word in enumerate(words) if word == "FROM")
    assert [rest.split()[0] for word, rest in deployed.instructions()[last:] if word == "RUN"] == ["useradd"]
    assert words.index("USER") > last
    images = [rest.split()[0] for word, rest in deployed.instructions() if word == "FROM"]
    assert all(":" in image and not image.endswith(":latest") for image in images)


def test_the_image_is_made_of_files_that_there_are() -> None:
    for word, rest in deployed.instructions():
        if word == "COPY" and not rest.startswith("--from="):
            *sources, _ = rest.split()
            assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_image_pins_what_it_installs() -> None:
    program = re.search(r"sed -n '([^']*)'", deployed.instruction("RUN") + str(deployed.instructions()))
    assert program
    script = program[1].replace("\\\\", "\\")
    pins = subprocess.run(
        ["sed", "-n", script, "constraints/dev.txt"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"httptools", "hatchling", "uvloop", "pyyaml", "boto3"} <= {pin.partition("==")[0] for pin in pins}
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", pin) for pin in pins)


def test_all_ask_for_health_in_the_same_way() -> None:
    command = ["python", "-I", "-S", "/opt/meshclient/ready.py"]
    assert deployed.instruction("HEALTHCHECK").endswith(f"CMD {str(command).replace(chr(39), chr(34))}")
    assert "deploy/ready.py /opt/meshclient/ready.py" in [rest for _, rest in deployed.instructions()]
    assert deployed.task()["containerDefinitions"][1]["healthCheck"]["command"] == ["CMD", *command]
    sidecar = deployed.manifest("Deployment")["spec"]["template"]["spec"]["initContainers"][0]
    assert sidecar["readinessProbe"]["exec"]["command"] == command
    assert sidecar["livenessProbe"]["exec"]["command"] == [*command, "/live"]


class _Admin(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/live" else 503)
        self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


@pytest.fixture
def admin() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Admin) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def _ready(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(DEPLOY / "ready.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_health_check_tells_ready_from_not_ready(admin: int) -> None:
    assert _ready("/live", str(admin)).returncode == 0
    down = _ready("/ready", str(admin))
    assert (down.returncode, down.stderr) == (1, f"127.0.0.1:{admin}/ready: 503\n")


def test_the_health_check_fails_where_nobody_listens(admin: int) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Admin) as gone:
        port = gone.server_port
    assert _ready("/ready", str(port)).returncode == 1


def test_compose_names_what_there_is() -> None:
    services = deployed.compose()["services"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        mode = service.get("network_mode", "")
        if mode:
            assert mode.startswith("service:")
            assert mode.removeprefix("service:") in services
            # It has no network of its own to publish ports of.
            assert "ports" not in service
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", ()))


def test_ecs_would_take_the_task_definition() -> None:
    session = Session()
    shape = session.get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    report = ParamValidator().validate(deployed.task(), shape)
    assert not report.has_errors(), report.generate_report()
    names = {container["name"] for container in deployed.task()["containerDefinitions"]}
    volumes = {volume["name"] for volume in deployed.task()["volumes"]}
    for container in deployed.task()["containerDefinitions"]:
        assert {each["containerName"] for each in container.get("dependsOn", ())} <= names
        assert {each["sourceVolume"] for each in container.get("mountPoints", ())} <= volumes
        # Fargate's limit, in seconds.
        assert container["stopTimeout"] <= 120


def test_ecs_would_not_take_a_word_it_does_not_know() -> None:
    shape = Session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    assert ParamValidator().validate({**deployed.task(), "sidecar": True}, shape).has_errors()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    program = unit_program = deployed.unit("ExecStart").split()[0]
    assert program == "/opt/meshclient/bin/meshclient"
    text = (DEPLOY / "meshclient-sidecar.service").read_text("utf-8")
    assert _verified(tmp_path, text.replace(unit_program, sys.executable)) == ""
    assert "Unknown key" in _verified(tmp_path, text.replace(unit_program, sys.executable) + "Wanted=x\n")


def _verified(folder: Path, text: str) -> str:
    path = folder / "meshclient-sidecar.service"
    path.write_text(text, "utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    # Of other units on the machine it may say what it likes.
    return "\n".join(line for line in done.stderr.splitlines() if path.name in line)
