"""The examples that need more than Python: registries of AWS, three services, a program for Node, a template."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.aws import Aws
from servers.consul import Consul
from servers.fixtures import shared_as
from servers.requirement import required

FOLDER = Path(__file__).parents[2] / "examples"
KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with shared_as("aws", Aws()) as server:
        yield server


def run(*words: str) -> list[str]:
    """The lines it writes, as a user runs it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MESHCLIENT_", "CONSUL_", "AWS_"))}
    done = subprocess.run(
        words,
        env={**kept, **KEYS, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_three_services_are_one_trace() -> None:
    path, count, *hops = run(sys.executable, "-W", "error", str(FOLDER / "chain" / "chain.py"))
    assert path == "web -> orders -> stock"
    assert count == "5 hops in 1 trace"
    assert hops[1:] == ["client: GET orders", "server: GET / orders", "client: GET stock", "server: GET / stock"]


def test_an_instance_in_a_table_of_dynamodb(aws: Aws) -> None:
    options = f"region=us-east-1&endpoint_url={aws.url}"
    meshclient = str(Path(sys.executable).with_name("meshclient"))
    run(meshclient, "aws", "dynamodb-table", "examples", "--region", "us-east-1", "--endpoint-url", aws.url)
    program = str(FOLDER / "dynamodb.py")
    answer, end = run(sys.executable, program, f"dynamodb://examples?{options}&streams=off&interval=200ms")
    assert re.fullmatch(r"answered by 127\.0\.0\.1:\d+, listed by dynamodb://examples.*", answer)
    assert end == "left"


def test_a_service_moves_from_consul_to_cloud_map(aws: Aws, consul: Consul) -> None:
    aws.client("servicediscovery").create_http_namespace(Name="examples")
    cloudmap = f"cloudmap://examples?region=us-east-1&endpoint_url={aws.url}&create=on&interval=200ms"
    program = str(FOLDER / "migration.py")
    first, second = run(sys.executable, program, f"consul://127.0.0.1:{consul.port}", cloudmap)
    assert first.startswith(f"200, listed by consul://127.0.0.1:{consul.port}")
    assert second.startswith("200, listed by cloudmap://examples")


def test_a_program_for_node_beside_a_sidecar() -> None:
    if (node := shutil.which("node")) is None:
        assert not required(), "install node"
        pytest.skip("node is not installed")
    code = (
        "import subprocess, sys; sys.path.insert(0, sys.argv[1])\n"
        "from instances import instances\n"
        "with instances(2) as urls:\n"
        "    upstreams = [word for url in urls for word in ('--upstream', url)]\n"
        "    sidecar = [sys.executable, '-m', 'meshclient', 'run', '--service', 'orders', *upstreams, '--']\n"
        "    sys.exit(subprocess.run([*sidecar, *sys.argv[2:]], check=False).returncode)\n"
    )
    (line,) = run(sys.executable, "-c", code, str(FOLDER), node, str(FOLDER / "node" / "order.mjs"))
    assert re.fullmatch(r"200 answered by 127\.0\.0\.1:\d+", line)


def test_the_template_for_ecs_is_sound() -> None:
    lint = str(Path(sys.executable).with_name("cfn-lint"))
    assert run(lint, "--non-zero-exit-code", "informational", str(FOLDER / "ecs" / "template.yaml")) == []
