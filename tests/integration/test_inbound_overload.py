"""More than a server can do: some are refused at once, all who are let in are counted, callers hear of the load."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from integration.hop import BOUND, asgi_server, wsgi_server
from meshclient.core.balance.load_report import HEADER, LoadReport, LoadWeights
from meshclient.integrations.asgi import MeshMiddleware
from meshclient.integrations.wsgi import MeshMiddleware as WsgiMiddleware
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self
    from wsgiref.types import StartResponse, WSGIEnvironment

    from meshclient.integrations.asgi import Message, Receive, Send

COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])


class House:
    """A served application: /hold waits for `gate`, /fail raises, /500 and /cut fail otherwise, /block blocks."""

    def __init__(self, colour: str, **options: Any) -> None:
        self.gate = threading.Event()
        self.inside = 0
        self.middleware: Any = (
            WsgiMiddleware(self.wsgi, **options) if colour == "sync" else MeshMiddleware(self.asgi, **options)
        )
        with ExitStack() as stack:
            server: Any = wsgi_server if colour == "sync" else asgi_server
            self.url = stack.enter_context(server(self.middleware))
            self.http = stack.enter_context(httpx.Client(base_url=self.url, timeout=BOUND))
            stack.callback(self.gate.set)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def asgi(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        path = scope["path"]
        self.inside += 1
        try:
            while path == "/hold" and not self.gate.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.01)
            if path == "/block":
                time.sleep(0.6)  # noqa: ASYNC251 - what is to be noticed
            if path == "/fail":
                raise LookupError(path)
            status = 500 if path == "/500" else 200
            await send({"type": "http.response.start", "status": status, "headers": [(b"x-own", b"1")]})
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
            if path == "/cut":
                raise LookupError(path)
            await send({"type": "http.response.body", "body": b"more"})
        finally:
            self.inside -= 1

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/fail":
            raise LookupError(path)
        return self._body(path, start_response)

    def _body(self, path: str, start_response: StartResponse) -> Iterable[bytes]:
        self.inside += 1
        try:
            if path == "/hold":
                self.gate.wait(BOUND)
            start_response("500 Mine" if path == "/500" else "200 OK", [("X-Own", "1")])
            yield b"some"
            if path == "/cut":
                raise LookupError(path)
            yield b"more"
        finally:
            self.inside -= 1


def empty(house: House) -> None:
    wait_until(lambda: house.middleware.in_flight == 0, BOUND, "all places given back")


@COLOURS
def test_what_finds_no_place_is_refused_and_what_is_critical_is_served(colour: str) -> None:
    options = {"limit": 2, "retry_after": 2.5, "critical": ["/pay", "/admin/*"], "trust_priority": True}
    with House(colour, **options) as house, ThreadPoolExecutor(2) as pool:
        held = [pool.submit(house.http.get, "/hold") for _ in range(2)]
        wait_until(lambda: house.inside == 2, BOUND, "two requests inside")
        refused = house.http.get("/any%0D%0Ax-evil:%201", headers={"x-request-id": "evil"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "3")
        assert refused.headers["content-type"] == "application/problem+json"
        assert (refused.json()["title"], refused.json()["status"]) == ("Service Unavailable", 503)
        assert "nothing was done" in refused.json()["detail"]
        assert "evil" not in refused.text + str(refused.headers)
        assert house.http.get("/anything", headers={"priority": "u=1, i"}).status_code == 503
        for path in ("/pay", "/admin/users"):
            assert house.http.get(path).text == "somemore"
        assert house.http.get("/anything", headers={"priority": "i, u=0"}).status_code == 200
        assert house.http.get("/healthz").status_code == 200
        assert house.middleware.in_flight == 2
        house.gate.set()
        assert [each.result().status_code for each in held] == [200, 200]
        empty(house)
        assert house.http.get("/anything").status_code == 200


@COLOURS
def test_a_priority_is_not_believed_unless_it_is_to_be(colour: str) -> None:
    with House(colour, limit=1) as house, ThreadPoolExecutor(1) as pool:
        held = pool.submit(house.http.get, "/hold")
        wait_until(lambda: house.inside == 1, BOUND, "a request inside")
        assert house.http.get("/anything", headers={"priority": "u=0"}).status_code == 503
        house.gate.set()
        held.result()


@COLOURS
def test_every_ending_gives_the_place_back(colour: str) -> None:
    with House(colour, limit=1) as house:
        for path, status in (("/ok", 200), ("/fail", 500), ("/500", 500), ("/cut", 200)) * 2:
            # Without a length it is told by the end of the connection, or not at all.
            with suppress(*([httpx.RemoteProtocolError] if path == "/cut" else [])):
                assert house.http.get(path).status_code == status
            empty(house)


def test_a_cancelled_request_gives_its_place_back() -> None:
    with House("async", limit=1) as house:
        assert house.http.get("/hold", headers={"mesh-timeout": "50m"}).status_code == 504
        empty(house)
        assert house.inside == 0


def test_a_caller_who_goes_gives_its_place_back() -> None:
    with House("async", limit=1, disconnect=True) as house:
        with pytest.raises(httpx.ReadTimeout):
            house.http.get("/hold", timeout=0.1)
        empty(house)
        assert house.inside == 0


def test_a_loop_that_stands_still_refuses_until_it_does_not() -> None:
    with House("async", max_lag=0.4, retry_after=1) as house:
        # The machine may be busy by itself.
        wait_until(lambda: house.http.get("/block").status_code == 200, BOUND, "a place")
        refused = house.http.get("/ok")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "keep up" in refused.json()["detail"]
        assert house.http.get("/readyz").status_code == 200
        wait_until(lambda: house.http.get("/ok").status_code == 200, BOUND, "the end of the overload")


@COLOURS
def test_the_load_is_told_in_the_words_that_balancers_read(colour: str) -> None:
    with House(colour, limit=4, load_report=True) as house, ThreadPoolExecutor(2) as pool:
        held = [pool.submit(house.http.get, "/hold") for _ in range(2)]
        wait_until(lambda: house.inside == 2, BOUND, "two requests inside")
        texts: list[str] = []

        def told() -> bool:
            house.http.get("/500")
            answer = house.http.get("/ok")
            assert answer.headers["x-own"] == "1"
            text = answer.headers.get(HEADER)
            if text is not None and text not in texts:
                texts.append(text)
            # The first is of a time when the two were not there yet.
            return len(texts) > 1

        wait_until(told, BOUND, "two reports")
        report = LoadReport.parse(texts[1])
        assert report is not None, texts
        assert report.application >= 0.5
        assert report.rate > 0
        assert report.errors > 0
        assert report.named["capacity"] == 4
        assert 2 <= report.named["in_flight"] <= 4
        assert ("loop_lag" in report.named) == (colour == "async")
        assert LoadWeights().weight(report)
        house.gate.set()
        for each in held:
            each.result()


@COLOURS
def test_nothing_is_told_that_was_not_asked_for(colour: str) -> None:
    with House(colour, limit=4) as house:
        names = {name for name, _ in house.http.get("/ok").headers.items()}
        assert names <= {"x-own", "date", "server", "transfer-encoding", "connection"}


def test_a_balancer_sends_less_to_who_has_more_to_do() -> None:
    """Two servers, of which one has most of its places taken by others."""
    rule = LoadWeights(blackout=0.0)
    with House("async", limit=8, load_report=True) as busy, House("async", limit=8, load_report=True) as idle:
        services = {"shop": {"endpoints": [busy.url, idle.url], "load_reports": True}}
        with ThreadPoolExecutor(7) as pool, meshclient.Client(services=services) as http:
            held = [pool.submit(busy.http.get, "/hold") for _ in range(7)]
            wait_until(lambda: busy.inside == 7, BOUND, "others at the busy one")
            http.get("http://shop/ok")
            nodes = http.mesh.service("shop").balancer._nodes

            def both() -> bool:
                http.get("http://shop/ok")
                reported = [node.reported for node in nodes.values()]
                return all(each.since is not None and each.latest > each.since for each in reported)

            wait_until(both, BOUND, "two reports of each")
            weights = {node.endpoint.url: node.reported.weight for node in nodes.values()}
            now = max(node.reported.latest for node in nodes.values())
            factors = rule.factors([node.reported for node in nodes.values()], now)
            assert weights[busy.url] < weights[idle.url]
            assert dict(zip(weights, factors, strict=True))[busy.url] < 1
            busy.gate.set()
            for each in held:
                each.result()
