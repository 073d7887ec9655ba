"""The world of the pages: an interpreter, a ``meshclient`` that asks it, and the servers that pages speak of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from docs.markdown import ROOT
from docs.page import Page, interruptible
from docs.shop import Shop
from docs.world import world
from servers.aws import Aws
from servers.consul import Consul
from servers.etcd import Etcd
from servers.fixtures import shared_as

_COMMAND = """\
#!{python} -SIE
import json, os, signal, socket, sys
asked = socket.socket(socket.AF_UNIX)
asked.connect({address!r})
head = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "variables": dict(os.environ)}}
socket.send_fds(asked, [json.dumps(head).encode()], [0, 1, 2])
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, lambda number, _: asked.send(bytes([number])))
code = asked.recv(1)
sys.exit(code[0] if code else 1)
"""
_KEPT = ("TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the interpreter listens; `meshclient` lies in the folder ``bin`` beside."""
    folder = tmp_path_factory.mktemp("docs")
    address = str(folder / "interpreter")
    program = Path(__file__).with_name("interpreter.py")
    with interruptible():
        running = subprocess.Popen(
            [sys.executable, str(program), address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
        )
    assert running.stdout is not None
    assert running.stdout.readline() == b"ready\n"
    command = folder / "bin" / "meshclient"
    command.parent.mkdir()
    command.write_text(_COMMAND.format(python=sys.executable, address=address), "utf-8")
    command.chmod(0o755)
    try:
        yield address
    finally:
        running.communicate()  # the end of its input is its end


@pytest.fixture(scope="session")
def instances() -> Iterator[Callable[[str], int]]:
    """The port of the HTTP instance that stands for an address."""
    # In the order of their ports, as lists are sorted.
    made = sorted((Shop() for _ in _ADDRESSES), key=lambda shop: shop.port)
    for shop, address in zip(made, _ADDRESSES, strict=True):
        shop.name = address
    ports = {shop.name: shop.port for shop in made}
    port = ports.__getitem__

    try:
        yield port
    finally:
        for each in made:
            each.stop()


@pytest.fixture(scope="session")
def served_consul(consul: Consul, instances: Callable[[str], int]) -> Callable[[], str]:
    """Consul as the pages have it: `orders` with three instances, and some other services."""

    @cache
    def address() -> str:
        for number, (service, instance) in enumerate(_LISTED):
            consul.register(service, instances(instance), instance=f"{service}-{number}", meta={"zone": "a"})
        return f"127.0.0.1:{consul.port}"

    return address


@pytest.fixture(scope="session")
def served_etcd(instances: Callable[[str], int]) -> Iterator[Callable[[], str]]:
    """etcd as the pages have it: `orders` below ``/services``."""
    with shared_as("etcd", Etcd()) as server:

        @cache
        def address() -> str:
            for service, instance in _LISTED:
                record = json.dumps({"host": "127.0.0.1", "port": instances(instance)})
                server.put(f"services/{service}/{instance}", record)
            return f"127.0.0.1:{server.port}"

        yield address


@pytest.fixture(scope="session")
def served_aws(instances: Callable[[str], int]) -> Iterator[Callable[[], str]]:
    """AWS as the pages have it: the Cloud Map namespace `prod.internal`."""
    import boto3

    with shared_as("aws", Aws()) as server:

        @cache
        def address() -> str:
            keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-central-1"}
            made = boto3.Session(**keys).client("servicediscovery", endpoint_url=server.url)
            done = made.create_http_namespace(Name="prod.internal")["OperationId"]
            namespace = made.get_operation(OperationId=done)["Operation"]["Targets"]["NAMESPACE"]
            for service in dict.fromkeys(service for service, _ in _LISTED):
                known = made.create_service(Name=service, NamespaceId=namespace)["Service"]["Id"]
                for name, instance in _LISTED:
                    where = {"AWS_INSTANCE_IPV4": "127.0.0.1", "AWS_INSTANCE_PORT": str(instances(instance))}
                    if name == service:
                        made.register_instance(ServiceId=known, InstanceId=instance.partition(":")[0], Attributes=where)
            return f"127.0.0.1:{server.port}"

        yield address


# Each is an instance of its own, on a port of this machine.
_ADDRESSES = (
    "10.0.0.1:8080",
    "10.0.0.2:8080",
    "10.0.0.3:8080",
    "10.0.1.1:8080",
    "10.0.2.1:8080",
    "127.0.0.1:8080",
    "127.0.0.1:8081",
    "127.0.0.1:8082",
)
_LISTED = (
    ("orders", "10.0.0.1:8080"),
    ("orders", "10.0.0.2:8080"),
    ("orders", "10.0.0.3:8080"),
    ("users", "10.0.1.1:8080"),
    ("payments", "10.0.2.1:8080"),
)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, instances: Callable[[str], int]) -> dict[str, Callable[[], str]]:
    """By the address that pages have, what starts the server and gives its real one."""

    def plain(address: str) -> Callable[[], str]:
        return lambda: f"127.0.0.1:{instances(address)}"

    return {address: plain(address) for address in _ADDRESSES} | {
        "127.0.0.1:8500": partial(_begun, request, "served_consul"),
        "127.0.0.1:8501": lambda: f"127.0.0.1:{request.getfixturevalue('consul_acl').port}",
        "127.0.0.1:2379": partial(_begun, request, "served_etcd"),
        "127.0.0.1:5000": partial(_begun, request, "served_aws"),
    }


def _begun(request: pytest.FixtureRequest, name: str) -> str:
    # Not before a page asks for it: the server of a registry takes a second to start.
    address: str = request.getfixturevalue(name)()
    return address


@pytest.fixture
def page(tmp_path: Path, interpreter: str, servers: dict[str, Callable[[], str]]) -> Callable[[Path], Page]:
    """A page, ready to be run."""

    def made(path: Path) -> Page:
        binaries = [str(Path(interpreter).with_name("bin")), str(Path(sys.executable).parent), os.environ["PATH"]]
        variables = {name: os.environ[name] for name in _KEPT if name in os.environ} | {
            "PATH": os.pathsep.join(binaries),
            "HOME": str(tmp_path),
            "COLUMNS": "120",
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            # Plugins of this checkout's tests: a reader has none of them, and they take a second to import.
            "PYTEST_ADDOPTS": "-p no:hypothesispytest -p no:xdist",
        }
        return Page(path, tmp_path, world((ROOT / path).read_text("utf-8"), servers), variables, interpreter)

    return made
