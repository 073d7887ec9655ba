"""Envoy as the data plane: fed from a registry, changed under load, killed, given what it refuses."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from integration.envoyplane import client, plane, until, unused_port
from meshclient import Mesh
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.testing.fake_resolver import FakeResolver
from servers.ports import free_port

if TYPE_CHECKING:
    from servers.backend import Backends

SWAPS = 12
CALLERS = 8


async def answers(calls: httpx.AsyncClient, host: str, path: str = "/") -> str:
    """Which instance answers."""
    response = await calls.get(path, headers={"host": host})
    return str(response.json()["instance"]) if response.status_code == 200 else str(response.status_code)


def watches_of(pid: object) -> int:
    """The inotify instances of a process."""
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return sum("inotify" in link for link in links)


def test_endpoints_swapped_under_load_fail_no_request(backends: Backends) -> None:
    instances = backends(3)
    registry = FakeResolver({"orders": [instances[0].url]})

    async def run() -> None:
        async with plane(registry, services={"orders": {}}) as made, client(made) as calls:
            over = asyncio.Event()
            seen: dict[str, int] = {}

            async def load() -> None:
                while not over.is_set():
                    who = await answers(calls, "orders")
                    seen[who] = seen.get(who, 0) + 1

            async with asyncio.TaskGroup() as group:
                for _ in range(CALLERS):
                    group.create_task(load())
                for number in range(1, SWAPS + 1):
                    instance = instances[number % 3]
                    registry.set("orders", [instance.url])

                    async def swapped(name: str = instance.name) -> bool:
                        return await answers(calls, "orders") == name

                    await until(swapped)
                over.set()
            assert set(seen) == {"b0", "b1", "b2"}
            assert made.stats()["updates_refused"] == 0

    asyncio.run(run())


def test_of_many_changes_at_once_the_last_holds_and_learning_goes_on(backends: Backends) -> None:
    one, other = backends(2)
    registry = FakeResolver({"orders": [one.url], "late": [other.url]})

    def storm() -> None:
        for number in range(200):
            registry.set("orders", [f"http://127.0.0.1:{1000 + number}"])
        registry.set("orders", [other.url])

    async def run() -> None:
        async with plane(registry, services={"orders": {}}) as made, client(made) as calls:
            changing = asyncio.create_task(asyncio.to_thread(storm))
            assert await answers(calls, "late") == other.name
            await changing

            async def last() -> bool:
                return await answers(calls, "orders") == other.name

            await until(last)
            assert made.stats()["updates_refused"] == 0

    asyncio.run(run())


def test_killed_it_is_started_again_and_goes_on(backends: Backends) -> None:
    one, other = backends(2)
    registry = FakeResolver({"orders": [one.url]})

    async def run() -> None:
        async with plane(registry, services={"orders": {}}) as made:
            pid = made.stats()["pid"]
            assert isinstance(pid, int)
            os.kill(pid, signal.SIGKILL)

            async def back() -> bool:
                try:
                    async with client(made) as calls:
                        return await answers(calls, "orders") == one.name
                except httpx.TransportError:
                    return False

            await until(back)
            assert made.stats()["restarts"] == 1
            assert made.stats()["pid"] not in (pid, None)
            registry.set("orders", [other.url])
            async with client(made) as calls:

                async def changed() -> bool:
                    return await answers(calls, "orders") == other.name

                await until(changed)

    asyncio.run(run())


def test_what_envoy_refuses_is_seen_and_the_last_good_state_stays(backends: Backends, tmp_path: Path) -> None:
    instance, other = backends(2)
    registry = FakeResolver({"orders": [instance.url], "broken": [instance.url]})
    no_certificate = tmp_path / "certificate.pem"
    no_certificate.write_text("none")
    services = {"orders": {}, "broken": {"tls": {"cert": str(no_certificate)}}}

    async def run() -> None:
        async with plane(registry, services=services) as made:
            registry.set("broken", [f"https://127.0.0.1:{other.port}"])

            async def refused() -> bool:
                return made.stats()["updates_refused"] != 0

            await until(refused)
            assert "certificate.pem" in str(made.stats()["stale_because"])
            async with client(made) as calls:
                assert await answers(calls, "orders") == instance.name
                assert await answers(calls, "broken") == instance.name
                # One that is wrong keeps nobody else back.
                registry.set("late", [other.url])
                assert await answers(calls, "late") == other.name
                assert await answers(calls, "broken") == instance.name
            assert "certificate.pem" in str(made.stats()["stale_because"])
            pid = made.stats()["pid"]
            assert isinstance(pid, int)
            os.kill(pid, signal.SIGKILL)

            async def back() -> bool:
                try:
                    async with client(made) as calls:
                        return await answers(calls, "broken") == instance.name
                except httpx.TransportError:
                    return False

            await until(back)
            registry.set("broken", [instance.url, f"http://127.0.0.1:{unused_port()}"])

            async def current() -> bool:
                return made.stats()["stale_because"] is None

            await until(current)

    asyncio.run(run())


def test_what_was_refused_is_offered_again(backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshclient.sidecar.envoy.publisher.OFFER", 0.1)
    (instance,) = backends()
    registry = FakeResolver({"orders": [instance.url]})
    certificate = tmp_path / "certificate.pem"

    async def run() -> None:
        services = {"orders": {"tls": {"cert": str(certificate), "verify": False}}}
        certificate.write_text("none")
        async with plane(registry, services=services) as made:
            registry.set("orders", [f"https://127.0.0.1:{instance.port}"])

            async def refused() -> bool:
                return made.stats()["updates_refused"] != 0

            await until(refused)
            trustme.CA().issue_cert("caller").private_key_and_cert_chain_pem.write_to_path(str(certificate))

            async def current() -> bool:
                return made.stats()["stale_because"] is None

            await until(current)

    asyncio.run(run())


def test_a_hundred_services_share_one_file(backends: Backends) -> None:
    one, other = backends(2)
    names = [f"s{number}" for number in range(100)]
    registry = FakeResolver({name: [one.url] for name in names})

    async def run() -> None:
        async with plane(registry, services={name: {} for name in names}) as made, client(made) as calls:
            for name in ("s0", "s50", "s99"):
                assert await answers(calls, name) == one.name
            assert 0 < watches_of(made.stats()["pid"]) < 10
            registry.set("s50", [other.url])

            async def changed() -> bool:
                return await answers(calls, "s50") == other.name

            await until(changed)
            assert await answers(calls, "s51") == one.name

    asyncio.run(run())


def test_a_service_that_nobody_named_is_learned_by_its_first_call(backends: Backends) -> None:
    (instance,) = backends()
    registry = FakeResolver({"orders": [instance.url], "late": [instance.url]})

    async def run() -> None:
        async with plane(registry, services={"orders": {}}, replay=2000) as made, client(made) as calls:
            sent = await calls.post("/echo", headers={"host": "late"}, content=b"x" * 1000)
            assert sent.status_code == 200
            assert "x" * 1000 in sent.text
            assert made.stats()["services"] == 2
            for host, status, error in (("unknown", 503, "no_endpoints"), ("localhost", 404, "no_route")):
                refused = await calls.get("/", headers={"host": host})
                assert (refused.status_code, refused.headers["mesh-error"]) == (status, error)
                assert refused.headers["content-type"] == "application/problem+json"
            large = await calls.post("/", headers={"host": "larger"}, content=b"x" * 5000)
            assert (large.status_code, large.headers["mesh-error"]) == (503, "not_ready")

    asyncio.run(run())


def test_what_it_does_not_do_is_known_at_the_start_and_said_later(caplog: pytest.LogCaptureFixture) -> None:
    services = {"orders": {"endpoints": ["http://127.0.0.1:1"], "cache": "private"}}

    async def run() -> None:
        async with plane(None, services=services) as made:
            assert [line for line in made.unmapped if line == "cache: every request is sent (orders)"]
            async with Mesh(services={"orders": services["orders"] | {"hedge": True}}) as mesh:
                await made.swap(mesh, SidecarConfig(outbound="127.0.0.1:0", admin=""))
            assert [line for line in made.unmapped if line.startswith("hedge: ")]

    with caplog.at_level(logging.WARNING, "meshclient.envoy"):
        asyncio.run(run())
    assert [record.getMessage() for record in caplog.records] == [
        "Envoy does not do all that is configured: hedge: Envoy sends no second attempt beside a late one (orders)"
    ]


def test_it_goes_by_another_mesh_at_another_port_without_a_restart(backends: Backends) -> None:
    one, other = backends(2)

    async def run() -> None:
        async with plane(None, services={"orders": {"endpoints": [one.url]}}) as made:
            pid, before = made.stats()["pid"], made.address
            async with client(made) as calls:
                assert await answers(calls, "orders") == one.name
            async with Mesh(services={"users": {"endpoints": [other.url]}}) as mesh:
                await made.swap(mesh, SidecarConfig(outbound=f"127.0.0.1:{free_port()}", admin=""))
                assert made.address != before
                async with client(made) as calls:
                    assert await answers(calls, "users") == other.name
                    assert await answers(calls, "orders") == "404"
                assert made.stats()["pid"] == pid

    asyncio.run(run())
