"""The registries that `discovery.py` measures: how each is started, filled and changed."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient.registration.schemes import open_registrar
from servers.aws import Aws
from servers.consul import Consul
from servers.dns import DnsServer
from servers.dynamodb_local import DynamoDbLocal
from servers.errors import NotInstalledError, ServerError
from servers.etcd import Etcd
from servers.eureka import Eureka
from servers.kubernetes import LABEL, NAMESPACE, ScriptedKubernetes, TlsFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS = ServiceName.parse("orders")
FOREVER = 3600.0


class Missing(Exception):
    """The server cannot be started here."""


@dataclass(frozen=True, slots=True)
class Registry:
    """One registry, running.

    Args:
        uri: its resolver's.
        server: what runs, with its version.
        put: list the instance of this number, and return when the write has been answered.
        remove: take it out.
        interval: seconds between two polls, or None where changes are pushed.
    """

    uri: str
    server: str
    put: Callable[[int], None]
    remove: Callable[[int], None]
    interval: float | None = None


def instance(number: int) -> Endpoint:
    return Endpoint(f"10.0.0.{number + 1}", 8080, id=f"orders-{number}")


@contextmanager
def running(server: AbstractContextManager[object]) -> Iterator[None]:
    """The server, or Missing."""
    try:
        server.__enter__()
    except (NotInstalledError, ServerError) as error:
        raise Missing(str(error)) from None
    try:
        yield
    finally:
        server.__exit__(None, None, None)


@contextmanager
def through_registrar(uri: str, server: str, interval: float | None = None) -> Iterator[Registry]:
    """A registry that is written to the way services do."""
    with asyncio.Runner() as runner:
        registrar = open_registrar(uri)

        def put(number: int) -> None:
            runner.run(registrar.register(Registration(ORDERS, instance(number), ttl=FOREVER)))

        def remove(number: int) -> None:
            runner.run(registrar.deregister(Registration(ORDERS, instance(number), ttl=FOREVER)))

        yield Registry(uri, server, put, remove, interval)
        runner.run(registrar.close())


@contextmanager
def consul() -> Iterator[Registry]:
    server = Consul()
    with running(server), through_registrar(f"consul://127.0.0.1:{server.port}", f"consul {server.version}") as made:
        yield made


@contextmanager
def file() -> Iterator[Registry]:
    listed: set[int] = set()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "services.json")

        def write() -> None:
            urls = [instance(number).url for number in sorted(listed)]
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps({"services": {"orders": {"endpoints": urls}}}), "utf-8")
            fresh.rename(path)

        def put(number: int) -> None:
            listed.add(number)
            write()

        def remove(number: int) -> None:
            listed.discard(number)
            write()

        write()
        yield Registry(f"file://{path}", "a file renamed into place", put, remove)


@contextmanager
def srv() -> Iterator[Registry]:
    server, listed = DnsServer(), set[int]()
    with running(server):

        def write() -> None:
            server.set_srv("orders", [(0, 1, 8000 + number, f"i{number}") for number in sorted(listed)], ttl=1)

        def put(number: int) -> None:
            server.update(f"add i{number} 1 A 10.0.0.{number + 1}")
            listed.add(number)
            write()

        def remove(number: int) -> None:
            listed.discard(number)
            write()

        product = f"{server.product} {server.version}"
        yield Registry(f"srv://mesh.test?nameserver={server.host}:{server.port}", product, put, remove, 1.0)


@contextmanager
def etcd() -> Iterator[Registry]:
    server = Etcd()
    with running(server), through_registrar(f"etcd://127.0.0.1:{server.port}/bench", f"etcd {server.version}") as made:
        yield made


@contextmanager
def eureka() -> Iterator[Registry]:
    server = Eureka()
    with running(server):
        uri = f"eureka://{server.authority}/eureka?interval=1s"
        with through_registrar(uri, f"eureka {server.version}", 1.0) as made:
            yield made


@contextmanager
def cloudmap() -> Iterator[Registry]:
    server = Aws()
    with running(server):
        sign()
        client = server.client("servicediscovery")
        operation = client.create_http_namespace(Name="bench")["OperationId"]
        namespace = client.get_operation(OperationId=operation)["Operation"]["Targets"]["NAMESPACE"]
        client.create_service(Name="orders", NamespaceId=namespace)
        uri = f"cloudmap://bench?region=us-east-1&endpoint_url={server.url}&interval=1s"
        with through_registrar(uri, f"{server.product} {server.version}", 1.0) as made:
            yield made


@contextmanager
def dynamodb() -> Iterator[Registry]:
    from meshclient_aws.dynamodb.table import definition

    server = DynamoDbLocal()
    with running(server):
        sign()
        server.call("CreateTable", **definition("bench"))
        uri = f"dynamodb://bench?region=us-east-1&endpoint_url={server.url}"
        with through_registrar(uri, f"dynamodb local {server.version}") as made:
            yield made


@contextmanager
def kubernetes() -> Iterator[Registry]:
    import trustme

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = TlsFiles(folder / "ca.crt", folder / "server.pem", folder / "server.key")
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(files.authority)
        certificate.cert_chain_pems[0].write_to_path(files.certificate)
        certificate.private_key_pem.write_to_path(files.key)
        (folder / "token").write_text("t0k3n-reader", "ascii")
        server = ScriptedKubernetes(files)
        with running(server):
            server.put_service("orders")
            uri = (
                f"kubernetes://{NAMESPACE}?server={server.url}&ca_file={files.authority}&token_file={folder / 'token'}"
            )
            listed: set[int] = set()

            def write() -> None:
                server.put_slice(endpoint_slice("orders", sorted(listed)))

            def put(number: int) -> None:
                listed.add(number)
                write()

            def remove(number: int) -> None:
                listed.discard(number)
                write()

            yield Registry(uri, f"{server.product} {server.version}", put, remove)


def endpoint_slice(service: str, numbers: list[int]) -> dict[str, object]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{service}-a", "labels": {LABEL: service}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [instance(number).host], "conditions": {"ready": True}} for number in numbers],
    }


def sign() -> None:
    """Give boto3 keys that the emulators take, and nothing of this machine's own."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


REGISTRIES: Mapping[str, Callable[[], AbstractContextManager[Registry]]] = {
    "consul": consul,
    "etcd": etcd,
    "dynamodb": dynamodb,
    "kubernetes": kubernetes,
    "file": file,
    "srv": srv,
    "cloudmap": cloudmap,
    "eureka": eureka,
}


@contextmanager
def crowded_consul(services: int, endpoints: int) -> Iterator[str]:
    server = Consul()
    with running(server):
        for number in range(services):
            server.register_many(f"service-{number}", endpoints)
        yield f"consul://127.0.0.1:{server.port}"


@contextmanager
def crowded_etcd(services: int, endpoints: int) -> Iterator[str]:
    server = Etcd()
    with running(server):
        for number in range(services):
            server.register_many(f"service-{number}", endpoints)
        yield f"etcd://127.0.0.1:{server.port}/svc"


@contextmanager
def crowded_file(services: int, endpoints: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "services.json")
        urls = [f"http://10.0.{number}.1:8080" for number in range(endpoints)]
        tables = {f"service-{number}": {"endpoints": urls} for number in range(services)}
        path.write_text(json.dumps({"services": tables}), "utf-8")
        yield f"file://{path}"


# Fills a registry with services of so many endpoints each, and gives the URI of its resolver.
CROWDS: Mapping[str, Callable[[int, int], AbstractContextManager[str]]] = {
    "consul": crowded_consul,
    "etcd": crowded_etcd,
    "file": crowded_file,
}


def hanging(tcp: int, udp: int) -> list[str]:
    """Resolvers whose server accepts at `tcp`, or takes datagrams at `udp`, and never answers."""
    keys = "region=us-east-1&timeout=10s"
    sign()
    deaf = [
        f"cloudmap://prod?{keys}&endpoint_url=http://127.0.0.1:{tcp}",
        f"dynamodb://registry?{keys}&endpoint_url=http://127.0.0.1:{tcp}",
        f"consul://127.0.0.1:{tcp}",
        f"etcd://127.0.0.1:{tcp}/mesh",
        f"eureka://127.0.0.1:{tcp}/eureka",
        f"srv://mesh.test?nameserver=127.0.0.1:{udp}&timeout=10s",
    ]
    return list(itertools.chain(deaf, deaf[:2] * 4))
