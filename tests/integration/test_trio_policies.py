"""Policies on trio that wait for something of another thread's, or that need tasks; and the end of a mesh there."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
import trustme

import meshclient
from integration.trioface import on_trio, orders, until
from meshclient.core.hedge import SAMPLES
from meshclient.testing import FakeResolver
from unit.engine.tlspeers import authority_file, serving
from unit.http.face import pending
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meshclient.model.service import ServiceName
    from servers.backend import Backends


class Silent:
    """A registry that says nothing before it is told to."""

    source = "registry://silent"

    def __init__(self, url: str) -> None:
        self._known = FakeResolver({"orders": [url]})
        self.asked = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._speaks: asyncio.Event | None = None

    async def watch(self, name: ServiceName) -> AsyncIterator[Any]:
        self._loop, self._speaks = asyncio.get_running_loop(), asyncio.Event()
        self.asked.set()
        await self._speaks.wait()
        async for answer in self._known.watch(name):
            yield answer

    def speak(self) -> None:
        """From any thread."""
        assert self._loop is not None
        assert self._speaks is not None
        self._loop.call_soon_threadsafe(self._speaks.set)


@pytest.mark.parametrize("mode", ["background", "on-demand"])
def test_a_call_waits_for_the_list(backends: Backends, mode: str) -> None:
    async def work() -> None:
        async with meshclient.AsyncClient(registry, mode=mode, trust_env=False) as client:

            async def call() -> None:
                answers.append((await client.get("http://orders/")).status_code)

            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(call)
                await until(registry.asked.is_set)
                assert answers == []
                registry.speak()
        assert answers == [200] * 5

    [backend] = backends(1)
    registry = Silent(backend.url)
    answers: list[int] = []
    on_trio(work)


def test_waiting_for_the_list_ends_with_the_deadline_and_with_cancellation() -> None:
    async def work() -> None:
        async with meshclient.AsyncClient(registry, trust_env=False) as client:
            with pytest.raises(meshclient.ResolverUnavailable, match="has not answered"):
                await client.get("http://orders/", extensions={"mesh": {"deadline": 0.1}})
            watch: Any = client.mesh.service("orders").watch
            with trio.move_on_after(0.1) as scope:
                # Longer than the run may take.
                await client.get("http://orders/", extensions={"mesh": {"deadline": 600}})
            assert scope.cancelled_caught
            await until(lambda: not watch._waiters)

    registry = Silent("http://127.0.0.1:1")
    on_trio(work)


def test_a_mesh_that_is_closed_lets_those_go_who_wait_for_a_list() -> None:
    async def work() -> None:
        async with meshclient.Mesh(registry) as mesh, meshclient.AsyncClient(mesh=mesh, trust_env=False) as client:

            async def call() -> None:
                with pytest.raises(meshclient.ResolverUnavailable, match="the mesh was closed"):
                    await client.get("http://orders/")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(call)
                await until(registry.asked.is_set)
                await until(lambda: bool(mesh.service("orders").watch._waiters))  # type: ignore[attr-defined]
                await mesh.aclose()

    registry = Silent("http://127.0.0.1:1")
    on_trio(work)


def test_the_end_of_a_client_ends_the_watch(backends: Backends) -> None:
    async def work() -> None:
        async with meshclient.AsyncClient(FakeResolver({"orders": [backend.url]}), trust_env=False) as client:
            assert (await client.get("http://orders/")).status_code == 200
            job = client.mesh.service("orders").watch._job  # type: ignore[attr-defined]
            assert not job.ended.done()
        assert job.ended.done()

    [backend] = backends(1)
    on_trio(work)


def test_calls_take_turns() -> None:
    """One that is cancelled in the queue leaves it, and the one behind it comes to its turn."""
    gate, arrived = threading.Event(), threading.Event()

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            arrived.set()
            gate.wait(10)
            connection.send(OK)

    async def work() -> None:
        limit = {"concurrency": 1, "queue": 5, "patience": "8s"}
        async with orders(server.url, service={"limit": limit, "attempt_timeout": 10}) as client:

            async def call() -> None:
                answers.append((await client.get("http://orders/")).text)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(call)
                await until(arrived.is_set)
                with trio.move_on_after(0.05) as scope:
                    await call()
                assert scope.cancelled_caught
                nursery.start_soon(call)
                with pytest.raises(meshclient.DeadlineExceeded, match="nothing was sent"):
                    await client.get("http://orders/", extensions={"mesh": {"deadline": 0.1}})
                gate.set()
            assert answers == ["ok", "ok"]
            assert len(server.requests) == 2
            assert pending(client) == 0

    answers: list[str] = []
    with RawServer(rule) as server:
        on_trio(work)


def test_hedging_is_off(backends: Backends) -> None:
    async def work() -> None:
        async with orders(slow.url, service={"hedge": {"extra": 1.0, "quantile": 0.5}}) as client:
            service = client.mesh.service("orders")
            for _ in range(SAMPLES):
                service.hedging.observe(0.001, service.clock())
            for _ in range(3):
                report = (await client.get("http://orders/")).extensions["mesh"]
                assert (len(report.attempts), report.hedged) == (1, False)

    [slow] = backends(1, delay=0.1)
    on_trio(work)


def test_calls_are_mirrored() -> None:
    """Each copy is sent, and gives its place back."""

    async def work() -> None:
        services = {
            "orders": {"endpoints": [real.url], "traffic": {"mirror": {"to": "next", "share": 1.0, "limit": 5}}},
            "next": {"endpoints": [shadow.url]},
        }
        async with meshclient.AsyncClient(services=services, trust_env=False) as client:
            for _ in range(5):
                assert (await client.get("http://orders/")).text == "ok"
            await until(lambda: len(shadow.requests) == 5)
            branches = client.mesh.service("orders").branches
        assert branches is not None
        assert branches.mirror is not None
        assert branches.mirror.in_flight == 0

    with RawServer(always(OK)) as real, RawServer(always(OK)) as shadow:
        on_trio(work)
        assert (len(real.requests), len(shadow.requests)) == (5, 5)


def test_faults_on_purpose_take_their_time() -> None:
    async def work() -> None:
        service = {"faults": [{"delay": "50ms", "share": 1.0}]}
        async with orders(server.url, service=service) as client:
            response = await client.get("http://orders/")
            [attempt] = response.extensions["mesh"].attempts
            assert attempt.duration >= 0.05

    with RawServer(always(OK)) as server:
        on_trio(work)


def test_the_tls_of_a_service_holds(tmp_path: Path) -> None:
    """Its authority, and the name that its certificates are for; without them the endpoint is refused."""

    async def work() -> None:
        settings = {"ca": authority_file(tmp_path, authority), "identity": "users.internal"}
        async with orders(server.url, service={"tls": settings}) as client:
            response = await client.get("http://orders/")
            assert response.text == "ok"
            assert server.requests[0].header("host") == "orders"
        assert asked == ["users.internal"]
        for tls in ({"ca": settings["ca"]}, {"identity": "users.internal"}):
            async with orders(server.url, service={"tls": tls, "retry": False}) as client:
                with pytest.raises(httpx.ConnectError) as caught:
                    await client.get("http://orders/")
                assert "CERTIFICATE_VERIFY_FAILED" in caught.value.__notes__[0]
        unusable = {"ca": str(tmp_path / "missing.pem")}
        async with orders(server.url, service={"tls": unusable, "retry": False}) as client:
            with pytest.raises(httpx.ConnectError, match=r"missing\.pem"):
                await client.get("http://orders/")

    authority = trustme.CA()
    asked: list[str | None] = []
    context = serving(authority.issue_cert("users.internal"))
    context.sni_callback = lambda _, name, __: asked.append(name)
    with RawServer(always(OK), tls=context) as server:
        on_trio(work)


def test_a_channel_speaks_on_trio(backends: Backends) -> None:
    async def work() -> None:
        services = {"orders": {"endpoints": [backend.url]}}
        async with meshclient.Mesh(services=services) as mesh, mesh.channel("orders") as channel:
            assert (await channel.get("/echo", deadline=5)).json()["instance"] == backend.name

    [backend] = backends(1)
    on_trio(work)
