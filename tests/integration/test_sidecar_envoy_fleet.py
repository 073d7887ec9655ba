"""`meshclient xds`: Envoys that get their configuration over gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
import sys
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from integration.envoyplane import until
from meshclient import Mesh
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.config.wire_shape import TlsConfig
from meshclient.model.listening import Listening
from meshclient.sidecar.envoy.ads.server import Certificates
from meshclient.sidecar.envoy.ads.service import AdsService
from meshclient.sidecar.envoy.bootstrap import fleet_bootstrap
from meshclient.testing.fake_resolver import FakeResolver
from servers.envoy import Envoy
from servers.fixtures import started
from servers.ports import free_port
from unit.engine.tlspeers import Files, authority_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from servers.backend import Backends


@asynccontextmanager
async def fleet(
    registry: FakeResolver,
    services: dict[str, Any],
    port: int,
    listen: str = "127.0.0.1:0",
    certificates: Certificates | None = None,
) -> AsyncIterator[tuple[AdsService, int]]:
    """A configuration server whose Envoys listen at `port`."""
    async with Mesh(registry, services=services, discovery={"hold": False}) as mesh:
        settings = SidecarConfig(outbound=f"127.0.0.1:{port}", admin="")
        service = AdsService(mesh, settings, trusted="/etc/ssl/certs/ca-certificates.crt")
        try:
            yield service, await service.start(listen, certificates)
        finally:
            await service.aclose()


def bootstrap(server: int, node: str, tls: TlsConfig | None = None) -> dict[str, object]:
    place = Listening("127.0.0.1" if tls is None else "localhost", server)
    made = fleet_bootstrap(SidecarConfig(max_connections=0), place, place, node=node, zone="", tls=tls)
    del made["admin"]
    return made


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def instance(port: int, host: str) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as calls:
        try:
            reply = await calls.get(f"http://127.0.0.1:{port}/", headers={"host": host})
        except httpx.TransportError:
            return ""
    return str(reply.json()["instance"]) if reply.status_code == 200 else ""


def test_an_envoy_follows_and_outlives_its_server(backends: Backends, running: ExitStack, tmp_path: Path) -> None:
    one, other = backends(2)
    registry = FakeResolver({"orders": [one.url], "broken": [one.url]})
    bad = tmp_path / "certificate.pem"
    bad.write_text("none")
    services: dict[str, Any] = {"orders": {}, "broken": {"tls": {"cert": str(bad)}}}
    port = free_port()

    async def run() -> None:
        async with fleet(registry, services, port) as (service, at):
            envoy = await asyncio.to_thread(started, Envoy(config=bootstrap(at, "first")))
            running.callback(envoy.stop)

            async def of(host: str, name: str) -> None:
                async def so() -> bool:
                    return await instance(port, host) == name

                await until(so)

            await of("orders", one.name)
            assert service.stats() == {"services": 2, "envoys": 1, "refused": {}}
            registry.set("orders", [other.url])
            await of("orders", other.name)
            # A cluster that is another, not only its endpoints: it waits for them anew.
            registry.set("orders", [one.url.replace("127.0.0.1", "localhost")])
            await of("orders", one.name)
            registry.set("orders", [other.url])
            await of("orders", other.name)

            registry.set("broken", [f"https://127.0.0.1:{one.port}"])

            async def refused() -> bool:
                return "certificate.pem" in json.dumps(service.stats()["refused"])

            await until(refused)
            await of("broken", one.name)
            registry.set("broken", [one.url])

            async def taken() -> bool:
                return service.stats()["refused"] == {}

            await until(taken)
        assert await instance(port, "orders") == other.name
        async with fleet(registry, services, port, f"127.0.0.1:{at}"):
            registry.set("orders", [one.url])
            await of("orders", one.name)

    asyncio.run(run())


def test_envoys_and_their_server_know_each_other_by_certificates(
    backends: Backends, running: ExitStack, tmp_path: Path
) -> None:
    (one,) = backends()
    registry = FakeResolver({"orders": [one.url]})
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    chain, key = b"".join(each.bytes() for each in leaf.cert_chain_pems), leaf.private_key_pem.bytes()
    shown = Files.write(tmp_path, authority.issue_cert("envoy"))
    tls = TlsConfig(authority_file(tmp_path, authority), shown.cert, shown.key)
    server = Certificates(chain, key, clients=authority.cert_pem.bytes())
    port = free_port()

    def heard_without(at: int) -> bytes:
        """What the server says first to a client that shows no certificate."""
        context = ssl.create_default_context(cafile=tls.ca)
        context.set_alpn_protocols(["h2"])
        with (
            contextlib.suppress(ConnectionError, ssl.SSLError),
            socket.create_connection(("localhost", at), 30) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as safe,
        ):
            return safe.recv(1)
        return b""

    async def run() -> None:
        async with fleet(registry, {"orders": {}}, port, "localhost:0", server) as (service, at):
            assert await asyncio.to_thread(heard_without, at) == b""
            envoy = await asyncio.to_thread(started, Envoy(config=bootstrap(at, "known", tls)))
            running.callback(envoy.stop)

            async def served() -> bool:
                return await instance(port, "orders") == one.name

            await until(served)
            assert service.stats()["envoys"] == 1

    asyncio.run(run())


def test_the_command_serves_until_it_is_interrupted(backends: Backends, running: ExitStack, tmp_path: Path) -> None:
    (backend,) = backends()
    port, at = free_port(), free_port()
    config = tmp_path / "meshclient.toml"
    config.write_text(
        f'[services.orders]\nendpoints = ["{backend.url}"]\nhedge = true\n[sidecar]\noutbound = "127.0.0.1:{port}"\n'
    )
    command = [sys.executable, "-m", "meshclient", "xds", "--config", str(config), "--listen", f"127.0.0.1:{at}"]
    written = subprocess.run([*command, "--bootstrap"], capture_output=True, text=True, timeout=60, check=True).stdout
    made = {key: value for key, value in json.loads(written).items() if key not in ("admin", "overload_manager")}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    running.callback(process.kill)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("serving"):
            break
    assert said[-1] == f"serving 1 services to Envoys at 127.0.0.1:{at}\n"
    assert [line for line in said if "hedge" in line]
    envoy = started(Envoy(config=made))
    running.callback(envoy.stop)

    async def serves() -> bool:
        return await instance(port, "orders") == backend.name

    asyncio.run(until(serves))
    process.terminate()
    with contextlib.closing(process.stderr):
        assert process.wait(30) == 0
