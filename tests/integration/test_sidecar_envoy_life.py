"""The first and the last moment of an envoy data plane: a start that cannot be, and a process that is killed."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.envoyplane import client, plane, until
from integration.sidecar_life import ANY, ask, sidecars
from meshclient import Mesh
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.errors import ConfigError
from meshclient.sidecar.envoy.plane import EnvoyPlane
from meshclient.sidecar.envoy.route import routes

if TYPE_CHECKING:
    from servers.backend import Backends


def test_an_address_that_is_taken_is_an_error(backends: Backends) -> None:
    (instance,) = backends()

    async def run(folder: str) -> None:
        async with Mesh(services={"orders": {"endpoints": [instance.url]}}) as mesh:
            settings = SidecarConfig(outbound=f"127.0.0.1:{instance.port}", admin="")
            with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{instance.port}.*[Aa]ddress"):
                await EnvoyPlane(mesh, settings, Path(folder) / "plane").start()

    with tempfile.TemporaryDirectory(prefix="envoy-") as folder:
        asyncio.run(run(folder))


def test_routes_that_envoy_refuses_at_once_are_an_error(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    (instance,) = backends()

    def twice(picture: Any) -> dict[str, object]:
        made: Any = routes(picture)
        return {**made, "virtual_hosts": [*made["virtual_hosts"], made["virtual_hosts"][0] | {"name": "twin"}]}

    monkeypatch.setattr("meshclient.sidecar.envoy.resources.routes", twice)

    async def run() -> None:
        with pytest.raises(ConfigError, match="Duplicate entry of domain orders"):
            async with plane(None, services={"orders": {"endpoints": [instance.url]}}):
                pass

    asyncio.run(run())


def test_a_service_that_envoy_refuses_at_once_keeps_no_other_back(backends: Backends, tmp_path: Path) -> None:
    (instance,) = backends()
    certificate = tmp_path / "certificate.pem"
    certificate.write_text("none")
    broken = {"endpoints": ["https://127.0.0.1:1"], "tls": {"cert": str(certificate)}}

    async def run() -> None:
        services = {"broken": broken, "orders": {"endpoints": [instance.url]}}
        async with plane(None, services=services) as made, client(made) as calls:
            assert "certificate.pem" in str(made.stats()["stale_because"])
            assert (await calls.get("/", headers={"host": "orders"})).status_code == 200
            refused = await calls.get("/", headers={"host": "broken"})
            assert (refused.status_code, refused.headers["mesh-error"]) == (503, "not_ready")
            assert refused.headers["retry-after"] == "1"

    asyncio.run(run())


def test_its_bootstrap_opens_no_port_for_its_admin(backends: Backends) -> None:
    (instance,) = backends()

    async def run() -> None:
        async with plane(None, services={"orders": {"endpoints": [instance.url]}}) as made:
            bootstrap = json.loads((made._folder.path / "bootstrap.json").read_text())
            assert bootstrap["admin"]["address"]["pipe"]["path"].endswith("admin.sock")
            assert made._folder.path.stat().st_mode & 0o077 == 0

    asyncio.run(run())


def test_it_drains_without_a_failed_request(backends: Backends) -> None:
    (instance,) = backends()
    instance.control(delay=0.05)

    async def run() -> None:
        services = {"orders": {"endpoints": [instance.url]}}
        async with plane(None, services=services) as made:
            started = asyncio.Event()

            async def one() -> int:
                async with client(made) as calls:
                    started.set()
                    return (await calls.get("/", headers={"host": "orders"})).status_code

            under_way = [asyncio.create_task(one()) for _ in range(10)]

            async def arrived() -> bool:
                return (await made.counts()).get("downstream_rq_total", 0) >= 10

            await until(arrived)
            assert await made.drain(20) == 0
            assert await asyncio.gather(*under_way) == [200] * 10
            assert made.stats()["pid"] is None

    asyncio.run(run())


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def program_of(pid: int) -> str:
    """Of a process; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def test_its_counts_are_told_and_it_ends_with_a_process_that_is_killed(backends: Backends) -> None:
    (instance,) = backends()

    async def run(folder: str) -> None:
        async with sidecars() as start:
            words = ("--data-plane", "envoy", "--service", "orders", "--upstream", instance.url)
            # Nobody is left to remove Envoy's own.
            one = start(*ANY, *words, TMPDIR=folder)
            await one.serving()
            assert (await ask(one.port)).status == 200
            told = {
                'meshclient_sidecar_calls_total{service_peer_name="orders",http_response_status_code="200"} 1.0',
                'meshclient_sidecar_requests_total{listener="outbound",status="2xx"} 1.0',
            }

            async def counted() -> bool:
                metrics = await ask(one.admin, "/metrics", f"Host: 127.0.0.1:{one.admin}")
                return told <= set(metrics.body.splitlines())

            await until(counted)
            pid = (await one.stats())["envoy"]["pid"]
            assert program_of(pid) == "envoy"
            one.send(signal.SIGKILL)
            await one.ended()

            async def gone() -> bool:
                return program_of(pid) != "envoy"

            await until(gone)
            assert not listens(one.port)

    with tempfile.TemporaryDirectory(prefix="envoy-") as folder:
        asyncio.run(run(folder))
