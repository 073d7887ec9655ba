"""The inbound listener before a local application."""

from __future__ import annotations

import asyncio
import secrets
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest

from integration.sidecar_life import Load, ask, backend, sidecars, until
from servers.consul import Consul
from servers.ports import free_port

INBOUND = ("-o", "json", "--listen", "off", "--inbound", "127.0.0.1:0", "--admin", "127.0.0.1:0")


def test_requests_reach_the_application_as_they_were() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            sidecar = start(*INBOUND, "--app", f"127.0.0.1:{a.port}")
            await sidecar.serving()
            trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            headers = ("Host: orders.example:8443", f"traceparent: {trace}", "Connection: close")
            got = await ask(sidecar.inbound, "/v1?a=b", *headers)
            assert (got.status, got.body) == (200, "a")
            assert a.paths["/v1?a=b"] == 1
            assert a.headers[-1]["host"] == "orders.example:8443"
            assert a.headers[-1]["traceparent"].split("-")[1] == trace.split("-")[1]
            # What the application answers is its answer, and it is asked once.
            a.status = 503
            assert (await ask(sidecar.inbound, "/once")).status == 503
            assert a.paths["/once"] == 1

    asyncio.run(scenario())


def test_an_application_that_is_not_fit_is_not_called() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            a.status = 500
            words = ("--set", "sidecar.health=/healthz", "--set", "sidecar.health_interval=50ms")
            sidecar = start(*INBOUND, "--app", f"127.0.0.1:{a.port}", *words)
            await sidecar.serving()
            got = await ask(sidecar.inbound)
            assert (got.status, got.headers["mesh-error"], got.headers["retry-after"]) == (503, "app_unavailable", "1")
            assert a.paths["/"] == 0
            # Whoever checks it hears of it from itself.
            assert (await ask(sidecar.inbound, "/healthz")).status == 500
            assert (await ask(sidecar.admin, "/ready", "Host: localhost")).status == 503
            a.status = 200
            await until(lambda: "may be called" in sidecar.err.read_text(), "it to be fit")
            assert (await ask(sidecar.inbound)).body == "a"
            assert (await ask(sidecar.admin, "/ready", "Host: localhost")).status == 200
            a.status = 500
            await until(lambda: "is not called any more" in sidecar.err.read_text(), "it not to be fit")
            assert (await ask(sidecar.inbound)).status == 503
            assert a.paths["/"] == 1

    asyncio.run(scenario())


def test_it_is_given_so_many_at_once_and_nothing_that_is_too_late() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            sidecar = start(*INBOUND, "--app", f"127.0.0.1:{a.port}", "--set", "sidecar.limit=2")
            await sidecar.serving()
            held = [asyncio.create_task(ask(sidecar.inbound, "/hold")) for _ in range(2)]
            await until(lambda: a.holding == 2, "two to be under way")
            assert (await sidecar.stats())["application"]["in_flight"] == 2
            got = await ask(sidecar.inbound)
            assert (got.status, got.headers["mesh-error"], got.headers["retry-after"]) == (503, "overloaded", "1")
            a.release.set()
            assert [each.status for each in await asyncio.gather(*held)] == [200, 200]
            got = await ask(sidecar.inbound, "/", "mesh-timeout: 0m")
            assert (got.status, got.headers["mesh-error"]) == (504, "deadline_exceeded")
            assert a.paths["/"] == 0
            assert (await ask(sidecar.inbound, "/", "mesh-timeout: 20S")).status == 200
            # One that comes in time and takes too long.
            a.release.clear()
            got = await ask(sidecar.inbound, "/hold", "mesh-timeout: 200m")
            assert (got.status, got.headers["mesh-error"]) == (504, "deadline_exceeded")

    asyncio.run(scenario())


def test_connections_that_the_application_closes_cost_no_request() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            a.closes = True
            sidecar = start(*INBOUND, "--app", f"127.0.0.1:{a.port}")
            await sidecar.serving()
            async with Load([sidecar.inbound]).running() as load:
                await load.some(300)
            assert load.failed == []

    asyncio.run(scenario())


def test_it_may_listen_at_a_unix_socket_and_so_may_we() -> None:
    async def scenario(folder: Path) -> None:
        async with backend("a", path=f"{folder}/app"), sidecars() as start:
            words = ("-o", "json", "--listen", "off", "--admin", "off", "--set", "sidecar.health=/healthz")
            sidecar = start(*words, "--inbound", f"unix:{folder}/in", "--app", f"unix:{folder}/app")
            await sidecar.serving()
            assert (await ask(f"unix:{folder}/in")).body == "a"
            sidecar.send(signal.SIGTERM)
            assert await sidecar.ended() == 0
            assert not (folder / "in").exists()

    with tempfile.TemporaryDirectory(prefix="mc") as short:
        asyncio.run(scenario(Path(short)))


@pytest.mark.registry("consul", "register", "deregister")
def test_it_is_listed_while_it_is_fit_and_leaves_before_it_is_served_no_more(
    consul: Consul,
) -> None:
    name = f"orders-{secrets.token_hex(4)}"

    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = consul.call("GET", f"/v1/health/service/{name}?passing")
        return found

    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            registry = f"consul://127.0.0.1:{consul.port}?interval=200ms"
            table = f"{{ service = '{name}', registry = '{registry}', host = '127.0.0.1', propagation = '1h' }}"
            words = ("--set", "sidecar.health=/healthz", "--set", "sidecar.health_interval=50ms")
            inbound = ("-o", "json", "--listen", "off", "--admin", "127.0.0.1:0")
            port = free_port()
            a.status = 500
            sidecar = start(
                *inbound,
                *("--inbound", f"127.0.0.1:{port}", "--app", f"127.0.0.1:{a.port}"),
                *words,
                *("--set", f"sidecar.register={table}"),
            )
            await sidecar.serving()
            assert rows() == []
            a.status = 200
            await until(rows, "the registration")
            assert rows()[0]["Service"]["Port"] == port
            assert (await sidecar.stats())["application"]["registered"] is True
            held = asyncio.create_task(ask(port, "/hold"))
            await until(lambda: a.holding, "a request to be under way")
            sidecar.send(signal.SIGTERM)
            await until(lambda: not rows(), "the farewell")
            # Callers that have not noticed are served.
            assert (await ask(port)).body == "a"
            assert (await ask(sidecar.admin, "/ready", "Host: localhost")).status == 503
            sidecar.send(signal.SIGTERM)
            assert await sidecar.ended() == 128 + signal.SIGTERM
            await asyncio.gather(held, return_exceptions=True)

    asyncio.run(scenario())


@pytest.mark.registry("consul", "register", "deregister")
def test_it_stays_listed_while_another_sidecar_takes_over(consul: Consul) -> None:
    name = f"orders-{secrets.token_hex(4)}"

    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = consul.call("GET", f"/v1/health/service/{name}?passing")
        return found

    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            registry = f"consul://127.0.0.1:{consul.port}?interval=200ms"
            table = f"{{ service = '{name}', registry = '{registry}', host = '127.0.0.1', propagation = 0 }}"
            words = ("-o", "json", "--listen", "off", "--admin", "off", "--app", f"127.0.0.1:{a.port}")
            own = (*words, "--inbound", f"127.0.0.1:{free_port()}", "--set", f"sidecar.register={table}")
            old = start(*own)
            await old.serving()
            await until(rows, "the registration")
            new = start(*own, "--workers", "2", "--take-over")
            await new.serving()
            while old.process.poll() is None:
                assert len(rows()) == 1
                await asyncio.sleep(0.02)
            # One of the workers of the new one has it listed by now, or will before it leaves.
            assert len(rows()) == 1
            assert (await ask(new.inbound)).body == "a"
            new.send(signal.SIGTERM)
            assert await new.ended() == 0
            assert rows() == []

    asyncio.run(scenario())
