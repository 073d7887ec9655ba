"""What orchestrators ask: does it answer, is it to be called?"""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

import meshclient
from integration.hop import BOUND, asgi_server, wsgi_server
from integration.registered_process import Server, rows
from meshclient.discovery.resolver import PollingResolver
from meshclient.integrations.asgi import MeshMiddleware, Registered
from meshclient.integrations.wsgi import MeshMiddleware as WsgiMiddleware
from meshclient.model.snapshot import Ready
from servers.ports import free_port
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from meshclient.integrations.asgi import Message, Receive, Send
    from servers.consul import Consul

COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])
ROUTES = {"/": 200, "/own": 200, "/own-too": 418}


async def asgi(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})
        return
    status = ROUTES.get(scope["path"], 404)  # type: ignore[call-overload]
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": b"own"})


def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response(f"{ROUTES.get(environ['PATH_INFO'], 404)} Own", [("X-Own", "1")])
    yield b"own"


@contextmanager
def served(colour: str, **options: Any) -> Iterator[httpx.Client]:
    server = (
        wsgi_server(WsgiMiddleware(wsgi, **options))
        if colour == "sync"
        else asgi_server(MeshMiddleware(asgi, **options))
    )
    with server as url, httpx.Client(base_url=url, timeout=BOUND) as http:
        yield http


@COLOURS
def test_they_answer_where_the_application_has_nothing(colour: str) -> None:
    with served(colour) as http:
        for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
            answer = http.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": status})
            assert answer.headers["cache-control"] == "no-store"
            assert "x-own" not in answer.headers
            assert http.head(path).content == b""
            assert http.post(path).status_code == 404
        assert http.get("/healthz/").status_code == 404


@COLOURS
def test_the_applications_own_routes_are_not_hidden(colour: str) -> None:
    with served(colour, health="/own", ready="/own-too") as http:
        assert (http.get("/own").text, http.get("/own").headers["x-own"]) == ("own", "1")
        assert http.get("/own-too").status_code == 418
        assert http.get("/healthz").text == "own"


@COLOURS
def test_they_are_where_one_says_so(colour: str) -> None:
    with served(colour, health="/own", ready="", probes_first=True) as http:
        assert http.get("/own").json() == {"status": "ok"}
        assert http.get("/readyz").status_code == 404


class Gradual(PollingResolver):
    """Has no answer at first."""

    def __init__(self) -> None:
        super().__init__(source="gradual://", interval=0.05)
        self.known = threading.Event()

    async def fetch(self, name: Any) -> Any:
        if not self.known.is_set():
            raise OSError("the registry is down")
        return Ready((meshclient.Endpoint("127.0.0.1", 9),))


@COLOURS
def test_ready_is_who_has_the_lists_it_needs(colour: str) -> None:
    resolver = Gradual()
    with meshclient.Mesh(resolver) as mesh, served(colour, mesh=mesh, needs=["orders"]) as http:
        answer = http.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, ["orders: no list of its endpoints yet"])
        assert http.get("/healthz").status_code == 200
        resolver.known.set()
        wait_until(lambda: http.get("/readyz").status_code == 200, BOUND, "readiness")
        resolver.known.clear()
        # An outage of the registry later on is not this server's fault.
        wait_until(lambda: mesh.service("orders").snapshot.state == "failed", BOUND, "an outage")
        assert http.get("/readyz").status_code == 200


@COLOURS
def test_ready_is_who_is_registered(colour: str) -> None:
    lease: Any = None
    with served(colour, lease=lambda: lease) as http:
        assert http.get("/readyz").json()["missing"] == ["registered: not begun"]
        lease = SimpleNamespace(listed=False, elsewhere=False, registration=SimpleNamespace(health="/healthz"))
        assert http.get("/readyz").json()["missing"] == ["registered: not listed, or leaving"]
        assert http.get("/readyz?verbose&exclude=registered").status_code == 200
        lease.listed = True
        assert http.get("/readyz").status_code == 200
        lease.listed, lease.elsewhere = False, True
        assert http.get("/readyz").status_code == 200
        lease.elsewhere = False
        # A registry that lists who is ready must not be waited for.
        lease.listed, lease.registration.health = False, "/readyz"
        assert http.get("/readyz").status_code == 200


def test_registration_through_the_lifespan_is_found(consul: Consul) -> None:
    port, name = free_port(), f"ready-{secrets.token_hex(4)}"
    registry = f"consul://127.0.0.1:{consul.port}?interval=200ms"
    with meshclient.Mesh(registry) as mesh:
        app = Registered(MeshMiddleware(asgi), mesh, name, host="127.0.0.1", port=port, propagation=0)
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{port}/readyz"
        try:
            wait_until(lambda: server.started, BOUND, "uvicorn's start")
            wait_until(lambda: httpx.get(url).status_code == 200, BOUND, "readiness")
            assert app.lease is not None
            assert app.lease.listed
            app.lease.close()
            assert httpx.get(url).json()["missing"] == ["registered: not listed, or leaving"]
        finally:
            server.should_exit = True
            thread.join(BOUND)


WORKERS = """
import os
import meshclient
from integration.test_inbound_probes import asgi
from meshclient.integrations.asgi import MeshMiddleware, Registered

mesh = meshclient.Mesh(os.environ["REGISTRY"])
told = {"host": "127.0.0.1", "port": int(os.environ["PORT"]), "propagation": 0.0}

async def named(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-pid", str(os.getpid()).encode())]})
        await send({"type": "http.response.body"})
    else:
        await asgi(scope, receive, send)

app = Registered(MeshMiddleware(named), mesh, os.environ["NAME"], **told)
"""


def test_all_workers_of_a_host_are_ready(consul: Consul, tmp_path: Path) -> None:
    port, name = free_port(), f"ready-{secrets.token_hex(4)}"
    tmp_path.joinpath("workers.py").write_text(WORKERS)
    told = {"NAME": name, "PORT": str(port), "REGISTRY": f"consul://127.0.0.1:{consul.port}?interval=200ms"}
    words = ("-m", "uvicorn", "workers:app", "--host", "127.0.0.1", "--port", str(port), "--workers", "2")
    server = Server(tmp_path, *words, **told)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: bool(rows(consul, name)), 3 * BOUND, "the instance")
        ready: set[str] = set()

        def both() -> bool:
            # The two requests of a connection go to one worker.
            with httpx.Client(base_url=url) as http:
                worker = http.get("/").headers["x-pid"]
                if http.get("/readyz").status_code == 200:
                    ready.add(worker)
            return len(ready) == 2

        wait_until(both, 2 * BOUND, "readiness of both workers")
    finally:
        server.kill()
