"""A chain of services: what the first caller has no time left for ends everywhere, and repeats do not multiply."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from integration.hop import BOUND, Seen, asgi_app, asgi_server, wsgi_server
from meshclient.http.ambient import AMBIENT, NOTHING, parse_timeout
from meshclient.integrations.asgi import MeshMiddleware
from meshclient.integrations.wsgi import MeshMiddleware as WsgiMiddleware
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from meshclient.integrations.asgi import Application, Message, Receive, Send


def wsgi_app(seen: Seen, work: Callable[[], int]) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        names = {key: key.removeprefix("HTTP_").lower().replace("_", "-") for key in environ if key.startswith("HTTP_")}
        with seen.request({name: environ[key] for key, name in names.items()}):
            start_response(f"{work()} Whatever", [("Content-Length", "2")])
            return [b"ok"]

    return app


class Chain:
    """Services a, b and c, each of which calls the next one."""

    def __init__(self, last: Callable[[], object], colour: str) -> None:
        self.a, self.b, self.c = Seen(), Seen(), Seen()
        with ExitStack() as held:
            url = held.enter_context(asgi_server(MeshMiddleware(asgi_app(self.c, last))))
            for name, seen in (("c", self.b), ("b", self.a)):
                url = held.enter_context(self._hop(colour, seen, name, url))
            self.url = url
            self._held = held.pop_all()

    @contextmanager
    def _hop(self, colour: str, seen: Seen, name: str, url: str) -> Iterator[str]:
        services = {name: {"endpoints": [url], "retry": {"backoff": "1ms..2ms"}}}
        with meshclient.Mesh(services=services) as mesh:
            if colour == "async":

                async def work() -> int:
                    async with meshclient.AsyncClient(mesh=mesh) as http:
                        return (await http.get(f"http://{name}/")).status_code

                with asgi_server(MeshMiddleware(asgi_app(seen, work))) as served:
                    yield served
            else:
                with meshclient.Client(mesh=mesh) as http:
                    app = wsgi_app(seen, lambda: http.get(f"http://{name}/").status_code)
                    with wsgi_server(WsgiMiddleware(app)) as served:
                        yield served

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def hops(self) -> tuple[Seen, Seen, Seen]:
        return self.a, self.b, self.c


async def forever() -> int:
    await asyncio.Event().wait()
    return 200


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_when_the_first_caller_gives_up_the_work_ends_everywhere(colour: str) -> None:
    with Chain(forever, colour) as chain, meshclient.Client(services={"a": {"endpoints": [chain.url]}}) as http:
        with pytest.raises(meshclient.DeadlineExceeded):
            http.get("http://a/", extensions={"mesh": {"deadline": 0.8}})
        wait_until(lambda: not any(hop.under_way for hop in chain.hops), BOUND, "the end of all work")
        assert [len(hop.headers) for hop in chain.hops] == [1, 1, 1]
        assert chain.c.cancelled == 1
        left = [parse_timeout(hop.headers[0]["mesh-timeout"]) or 0 for hop in chain.hops]
        assert 0.8 >= left[0] > left[1] > left[2] > 0


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_repeat_is_not_multiplied_by_the_next_hop(colour: str) -> None:
    async def fail() -> int:
        return 503

    services = {"a": {"retry": {"backoff": "1ms..2ms"}}}
    with Chain(fail, colour) as chain:
        services["a"]["endpoints"] = [chain.url]  # type: ignore[assignment]
        with meshclient.Client(services=services) as http:
            assert http.get("http://a/").status_code == 503
        # Three attempts at each of three hops would be 3, 9 and 27. Only who serves an original repeats.
        assert [len(hop.headers) for hop in chain.hops] == [3, 5, 7]
        assert [hop.headers[0].get("mesh-attempt") for hop in chain.hops] == [None, None, None]
        assert sum("mesh-attempt" in seen for seen in chain.b.headers) == 4
        assert all(int(seen["mesh-attempt"]) > 1 for seen in chain.c.headers[1:])


class Probe:
    """An application that says what holds for the calls made in it."""

    def __init__(self) -> None:
        self.called = 0
        self.afterwards: list[object] = []

    def tell(self) -> bytes:
        self.called += 1
        ambient = AMBIENT.get()
        return json.dumps([ambient is NOTHING, ambient.ends - time.monotonic(), ambient.chained]).encode()

    async def asgi(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        while (await receive()).get("more_body"):
            pass
        body = self.tell()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})
        self.afterwards.append(AMBIENT.get().ends)

    def wsgi(self, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield self.tell()


@contextmanager
def served(colour: str, probe: Probe) -> Iterator[httpx.Client]:
    server = asgi_server(MeshMiddleware(probe.asgi)) if colour == "async" else wsgi_server(WsgiMiddleware(probe.wsgi))
    with server as url, httpx.Client(base_url=url) as http:
        yield http


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_nothing_of_one_request_holds_for_the_next_on_its_connection(colour: str) -> None:
    """uvicorn reads on after a pause, as a large body makes it, in the context of the request whose body it was."""
    probe = Probe()
    with served(colour, probe) as http:
        headers = {"grpc-timeout": "9S", "mesh-attempt": "2"}
        content = bytes(1_000_000 if colour == "async" else 0)
        nothing, left, chained = http.put("/", content=content, headers=headers).json()
        assert not nothing
        assert 0 < left <= 9
        assert chained
        assert http.get("/").json()[0] is True


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_what_cannot_end_in_time_is_not_begun(colour: str) -> None:
    probe = Probe()
    with served(colour, probe) as http:
        answer = http.get("/", headers={"mesh-timeout": "0m"})
    assert answer.status_code == 504
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["title"], said["status"]) == ("Gateway Timeout", 504)
    assert "nothing was done" in said["detail"]
    assert not probe.called


def test_what_is_done_after_the_response_has_no_deadline() -> None:
    probe = Probe()
    with served("async", probe) as http:
        assert http.get("/", headers={"mesh-timeout": "9S"}).status_code == 200
        wait_until(lambda: bool(probe.afterwards), BOUND, "the end of the application")
    assert probe.afterwards == [float("inf")]


def test_an_answer_that_does_not_come_becomes_a_504() -> None:
    seen = Seen()
    with asgi_server(MeshMiddleware(asgi_app(seen, forever))) as url:
        answer = httpx.get(url, headers={"mesh-timeout": "100m"})
    assert answer.status_code == 504
    assert "given up" in answer.json()["detail"]
    assert seen.cancelled == 1


def test_a_deadline_that_an_application_lets_pass_becomes_a_504_without_cancelling() -> None:
    with meshclient.Mesh(services={"slow": {"endpoints": ["http://127.0.0.1:9"]}}) as mesh:

        async def work() -> int:
            await asyncio.sleep(0.1)
            async with meshclient.AsyncClient(mesh=mesh) as http:
                return (await http.get("http://slow/")).status_code

        with asgi_server(MeshMiddleware(asgi_app(Seen(), work), cancel=False)) as url:
            answer = httpx.get(url, headers={"mesh-timeout": "50m"})
    assert answer.status_code == 504


def test_a_body_that_does_not_end_in_time_is_cut_short() -> None:
    async def app(scope: Message, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
            await forever()

    with asgi_server(MeshMiddleware(app)) as url, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url, headers={"mesh-timeout": "100m"})


def test_other_kinds_of_connection_go_through_untouched() -> None:
    heard: list[Any] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        heard.extend((scope, receive, send, AMBIENT.get()))

    async def nothing(*_: object) -> Any:
        """Neither received nor sent."""

    wrapped: Application = MeshMiddleware(app)
    for kind in ("websocket", "lifespan"):
        heard.clear()
        scope: Message = {"type": kind, "headers": [(b"mesh-timeout", b"0m")]}
        asyncio.run(wrapped(scope, nothing, nothing))  # type: ignore[arg-type]
        assert heard == [scope, nothing, nothing, NOTHING]
