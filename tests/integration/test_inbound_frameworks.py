"""The glue of Starlette, FastAPI and Flask beyond what the examples show."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

import meshclient
from integration.hop import BOUND, Seen, asgi_app, asgi_server, wsgi_server
from meshclient.errors import ConfigError
from meshclient.http.ambient import AMBIENT
from meshclient.integrations import fastapi, flask, starlette
from meshclient.integrations.asgi import MeshMiddleware
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.websockets import WebSocket


async def at_once() -> int:
    return 200


@pytest.fixture
def orders() -> Iterator[str]:
    with asgi_server(asgi_app(Seen(), at_once)) as url:
        yield url


@pytest.fixture
def mesh(orders: str) -> Iterator[meshclient.Mesh]:
    with meshclient.Mesh(services={"orders": {"endpoints": [orders]}}) as made:
        yield made


def test_a_client_for_the_life_of_a_starlette_application(mesh: meshclient.Mesh) -> None:
    seen: list[Any] = []

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        answer = await app.state.meshclient.get("http://orders/")
        yield {"own": answer.status_code}
        seen.append(app.state.meshclient.is_closed)

    async def cart(request: Request) -> PlainTextResponse:
        http = starlette.client(request)
        seen.append(http)
        return PlainTextResponse((await http.get("http://orders/")).text + str(request.state.own))

    lifespan = starlette.lifespan(mesh, own, headers={"x-ours": "1"})
    app = Starlette(routes=[Route("/", cart)], lifespan=lifespan)
    with asgi_server(app) as url:
        assert [httpx.get(url).text for _ in range(2)] == ["ok200"] * 2
    first, second, open_still = seen
    assert first is second
    assert first.headers["x-ours"] == "1"
    assert (open_still, first.is_closed) == (False, True)


def test_without_a_lifespan_it_says_what_is_missing() -> None:
    async def cart(request: Request) -> PlainTextResponse:
        with pytest.raises(RuntimeError, match=r"no client: FastAPI\(lifespan=lifespan\(mesh"):
            starlette.client(request)
        return PlainTextResponse("said")

    with asgi_server(Starlette(routes=[Route("/", cart)])) as url:
        assert httpx.get(url).text == "said"


@pytest.mark.filterwarnings("ignore:Using `httpx` with")
def test_websockets_and_their_clients(mesh: meshclient.Mesh) -> None:
    """Without a server: uvicorn has no websockets of its own."""
    from starlette.testclient import TestClient

    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        word = await socket.receive_text()
        await socket.send_text(word + (await starlette.client(socket).get("http://orders/")).text)
        await socket.close()

    app = Starlette(
        routes=[WebSocketRoute("/echo", echo)],
        lifespan=starlette.lifespan(mesh),
        middleware=[Middleware(MeshMiddleware, limit=1, disconnect=True, load_report=True)],
    )
    with TestClient(app) as test, test.websocket_connect("/echo", headers={"mesh-timeout": "0m"}) as socket:
        socket.send_text("all is ")
        assert socket.receive_text() == "all is ok"


def test_starlettes_own_ways_of_answering(mesh: meshclient.Mesh) -> None:
    """Streams, work after the response, and middleware that runs the application in a task of its own."""
    done: list[str] = []

    async def stream(_: Request) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            for part in "abc":
                await asyncio.sleep(0.05)
                yield f"{part}{AMBIENT.get().ends < float('inf')} "

        return StreamingResponse(parts(), background=BackgroundTask(after))

    async def after() -> None:
        await asyncio.sleep(0.2)
        done.append(f"until {AMBIENT.get().ends}")

    async def own(request: Request, call_next: Any) -> Any:
        answer = await call_next(request)
        answer.headers["x-own"] = "1"
        return answer

    app = Starlette(
        routes=[Route("/", stream)],
        middleware=[
            Middleware(MeshMiddleware, limit=1, disconnect=True),
            Middleware(BaseHTTPMiddleware, dispatch=own),
        ],
    )
    with asgi_server(app) as url:
        for _ in range(2):
            answer = httpx.get(url, headers={"mesh-timeout": "9S"})
            assert (answer.text, answer.headers["x-own"]) == ("aTrue bTrue cTrue ", "1")
            wait_until(lambda: bool(done), BOUND, "the work after it")
            assert done == ["until inf"]
            done.clear()
        with httpx.stream("GET", url) as leaving:
            next(leaving.iter_raw())
        time.sleep(0.3)
        assert httpx.get(url).status_code == 200


def test_a_dependency_of_fastapi(mesh: meshclient.Mesh) -> None:
    app = FastAPI(lifespan=fastapi.lifespan(mesh))
    app.add_middleware(fastapi.MeshMiddleware, limit=8)

    @app.get("/cart")
    async def cart(http: Annotated[meshclient.AsyncClient, Depends(fastapi.client)]) -> dict[str, str]:
        return {"order": (await http.get("http://orders/")).text}

    @app.get("/openapi")
    async def described() -> list[str]:
        return list(app.openapi()["paths"]["/cart"]["get"])

    with asgi_server(app) as url:
        assert httpx.get(f"{url}/cart").json() == {"order": "ok"}
        # It is no parameter of the route.
        assert "parameters" not in httpx.get(f"{url}/openapi").json()


def flask_app(orders: str) -> Flask:
    app = Flask(__name__)
    app.config["MESHCLIENT"] = {
        "services": {"orders": {"endpoints": [orders]}, "gone": {"endpoints": ["http://127.0.0.1:9"]}},
        "inbound": {"limit": 8, "health": "/alive"},
    }

    @app.get("/<name>")
    def ask(name: str) -> str:
        time.sleep(0.1 if name == "gone" else 0)
        return flask.client().get(f"http://{name}/").text

    return app


def test_flasks_configuration(orders: str) -> None:
    app = flask_app(orders)
    middleware = flask.init_app(app, ready="/well")
    with wsgi_server(app) as url:
        assert httpx.get(f"{url}/orders").text == "ok"
        # The server closes the body after it has sent it.
        wait_until(lambda: middleware.in_flight == 0, BOUND, "its end")
        # The route of its own would take them.
        assert httpx.get(f"{url}/alive").status_code == 500
    wrong = Flask("wrong")
    wrong.config["MESHCLIENT"] = {"inbounds": {}}
    with pytest.raises(ConfigError, match=r"app.config\[\"MESHCLIENT\"\] has no key 'inbounds'"):
        flask.init_app(wrong)


@pytest.mark.parametrize("kind", [None, Exception, meshclient.MeshError])
def test_flasks_error_handlers_come_first(orders: str, kind: Any) -> None:
    app = flask_app(orders)
    flask.init_app(app)
    if kind is not None:
        app.register_error_handler(kind, lambda _: ("own", 418))
    with wsgi_server(app) as url:
        late = httpx.get(f"{url}/gone", headers={"mesh-timeout": "50m"})
        assert late.status_code == (418 if kind else 504)
        # With time left it is an error of httpx's, and the application's.
        assert httpx.get(f"{url}/gone", headers={"mesh-timeout": "9S"}).status_code == (
            418 if kind is Exception else 500
        )
