"""An ASGI application in a real Consul while uvicorn serves it, and what its callers see of the end."""

from __future__ import annotations

import secrets
import signal
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from integration.load import Tally, call_in_threads
from integration.registered_process import Server, rows
from meshclient.mesh.mesh import Mesh
from servers.ports import free_port
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers.consul import Consul

pytestmark = pytest.mark.registry("consul", "register", "deregister")

BOUND = 60.0
SERVICE = """
import asyncio, os
from meshclient import Mesh
from meshclient.integrations.asgi import Registered

async def shop(scope, receive, send):
    if scope["type"] == "lifespan":
        if os.environ.get("LIFESPAN") != "known":
            raise RuntimeError("no lifespan here")
        for word in ("startup", "shutdown"):
            await receive()
            print(word, flush=True)
            await send({"type": f"lifespan.{word}.complete"})
        return
    slow = scope["path"] == "/slow"
    if slow:
        print("slow begins", flush=True)
    await asyncio.sleep(0.02)
    while slow and not os.path.exists(os.environ["XDG_RUNTIME_DIR"] + "/gate"):
        await asyncio.sleep(0.01)
    if slow:
        print("slow ends", flush=True)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})

port = int(os.environ["PORT"])
terms = {"health": "/healthz", "propagation": float(os.environ["PROPAGATION"]) if "PROPAGATION" in os.environ else None}
app = Registered(shop, Mesh(os.environ["REGISTRY"]), os.environ["NAME"], host="127.0.0.1", port=port, **terms)
"""


class Instance(Server):
    """uvicorn with the service above."""

    def __init__(self, folder: Path, consul: Consul, name: str, *options: str, **variables: str) -> None:
        """Start it."""
        folder.joinpath("shop.py").write_text(SERVICE)
        self.port = free_port()
        registry = f"consul://127.0.0.1:{consul.port}?interval=200ms"
        words = ("-m", "uvicorn", "shop:app", "--host", "127.0.0.1", "--port", str(self.port), *options)
        told = {"LIFESPAN": "known", **variables, "PORT": str(self.port), "REGISTRY": registry, "NAME": name}
        super().__init__(folder, *words, **told)


@pytest.fixture
def name() -> str:
    return f"shop-{secrets.token_hex(4)}"


@pytest.fixture
def instance(tmp_path: Path, consul: Consul, name: str) -> Iterator[Callable[..., Instance]]:
    made: list[Instance] = []

    def start(*options: str, **variables: str) -> Instance:
        made.append(Instance(tmp_path, consul, name, *options, **variables))
        return made[-1]

    yield start
    for each in made:
        each.kill()


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load_costs_callers_nothing(
    consul: Consul, instance: Callable[..., Instance], name: str, workers: int
) -> None:
    leaving, staying = instance("--workers", str(workers)), instance()
    wait_until(lambda: len(rows(consul, name)) == 2, BOUND, "both instances")
    tally = Tally()
    with Mesh(f"consul://127.0.0.1:{consul.port}") as mesh, meshclient.Client(mesh=mesh) as http:

        def scenario() -> None:
            tally.wait(40)
            leaving.send(signal.SIGTERM)
            # A supervisor of several workers ends in its own way.
            assert leaving.ended() == (-signal.SIGTERM if workers == 1 else 0), leaving.said
            moment = time.monotonic()
            tally.wait(40)
            assert set(tally.since(moment)) == {staying.port}

        call_in_threads(http, f"http://{name}/", 100.0, tally, scenario)
    assert {port for call in tally.calls for port in call.ports} == {leaving.port, staying.port}
    # Not even behind the caller's back.
    assert (tally.failures, tally.retries) == ([], 0)
    assert [row["Service"]["Port"] for row in rows(consul, name, passing=False)] == [staying.port]


def test_a_request_in_flight_is_answered_before_the_server_stops(
    consul: Consul, instance: Callable[..., Instance], name: str, tmp_path: Path
) -> None:
    server = instance(PROPAGATION="0")
    wait_until(lambda: rows(consul, name), BOUND, "the registration")
    answers: list[int] = []
    thread = threading.Thread(
        target=lambda: answers.append(httpx.get(f"http://127.0.0.1:{server.port}/slow", timeout=2 * BOUND).status_code)
    )
    thread.start()
    wait_until(lambda: "slow begins" in server.said, BOUND, "the request")
    server.send(signal.SIGTERM)
    wait_until(lambda: not rows(consul, name, passing=False), BOUND, "the farewell")
    time.sleep(0.3)  # long enough for an end that comes too early
    (tmp_path / "gate").touch()
    thread.join(BOUND)
    assert answers == [200]
    assert server.ended() == -signal.SIGTERM
    assert server.said.index("slow ends") < server.said.index("Shutting down")


@pytest.mark.parametrize("lifespan", ["known", "unknown"])
def test_the_end_of_the_lifespan_takes_the_instance_out(
    consul: Consul, instance: Callable[..., Instance], name: str, lifespan: str
) -> None:
    server = instance(LIFESPAN=lifespan)
    wait_until(lambda: rows(consul, name), BOUND, "the registration")
    server.send(signal.SIGINT)
    server.ended()
    assert rows(consul, name, passing=False) == []
    words = [line for line in server.said.splitlines() if line in ("startup", "shutdown")]
    assert words == (["startup", "shutdown"] if lifespan == "known" else [])
    assert "Traceback" not in server.said


def test_without_a_lifespan_the_first_request_registers(
    consul: Consul, instance: Callable[..., Instance], name: str
) -> None:
    server = instance("--lifespan", "off", PROPAGATION="0")

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{server.port}/").status_code == 200
        except httpx.ConnectError:
            return False

    wait_until(answers, BOUND, "the server")
    wait_until(lambda: rows(consul, name), BOUND, "the registration")
    server.send(signal.SIGTERM)
    assert server.ended() == -signal.SIGTERM
    assert rows(consul, name, passing=False) == []


def test_workers_are_one_instance_until_the_last_has_left(
    consul: Consul, instance: Callable[..., Instance], name: str
) -> None:
    # How long readers need is not the matter here.
    server = instance("--workers", "2", PROPAGATION="0")
    wait_until(lambda: len(rows(consul, name)) == 1, BOUND, "the registration")
    wait_until(lambda: server.said.count("startup\n") == 2, BOUND, "both workers")
    writes = f"/v1/catalog/service/{name}"
    first = consul.call("GET", writes)[0]["CreateIndex"]
    # uvicorn puts a new worker in the place of each in turn.
    server.send(signal.SIGHUP)
    wait_until(lambda: server.said.count("shutdown\n") == 2, 2 * BOUND, "the new workers")
    (row,) = consul.call("GET", writes)
    assert row["CreateIndex"] == first, "listed without a gap"
    server.send(signal.SIGTERM)
    server.ended()
    assert rows(consul, name, passing=False) == []


def test_a_wrong_configuration_fails_the_startup(tmp_path: Path, consul: Consul, name: str) -> None:
    server = Instance(tmp_path, consul, "no name!")
    try:
        assert server.ended() != 0
    finally:
        server.kill()
    assert "'no name!'" in server.said
    assert "Application startup failed" in server.said
