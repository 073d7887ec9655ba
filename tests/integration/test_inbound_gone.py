"""Callers who go away while they are being served, and bodies that are read meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI

from integration.hop import BOUND, asgi_server
from meshclient.integrations.asgi import MeshMiddleware
from meshclient.integrations.caller import LISTEN_AFTER
from servers.process import wait_until

if TYPE_CHECKING:
    from meshclient.integrations.asgi import Message, Receive, Send

# Beyond the time after which the middleware begins to listen.
LATER = 0.12
OK: list[Message] = [
    {"type": "http.response.start", "status": 200, "headers": []},
    {"type": "http.response.body", "body": b"some", "more_body": True},
    {"type": "http.response.body", "body": b"more"},
]


class Work:
    """An application, and what became of the work in it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.begun = threading.Event()
        self.cancelled = False
        self.done: list[str] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        self.begun.set()
        try:
            await getattr(self, self.kind)(receive, send)
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    async def wait(self, _receive: Receive, _send: Send) -> None:
        await asyncio.sleep(5 * LATER)
        self.done.append("wait")

    async def stream(self, _receive: Receive, send: Send) -> None:
        await send(OK[0])
        for _ in range(1000):
            await send(OK[1])
            await asyncio.sleep(0.02)
        self.done.append("stream")

    async def after(self, _receive: Receive, send: Send) -> None:
        for message in OK:
            await send(message)
        await asyncio.sleep(5 * LATER)
        self.done.append("after")

    async def listen(self, receive: Receive, _send: Send) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            self.done.append(str(message["type"]))
        self.done.append(str((await receive())["type"]))
        # What it still has to do.
        await asyncio.sleep(LATER)
        self.done.append("cleaned")

    async def slow_reader(self, receive: Receive, send: Send) -> None:
        digest = hashlib.sha256()
        more = True
        while more:
            await asyncio.sleep(LATER if not self.done else 0)
            self.done.append("part")
            message = await receive()
            digest.update(message["body"])  # type: ignore[arg-type]
            more = bool(message.get("more_body"))
        await asyncio.sleep(LATER)
        await send(OK[0])
        await send({"type": "http.response.body", "body": digest.hexdigest().encode()})


def left(work: Work, *, disconnect: bool) -> None:
    """Ask, and go."""
    with asgi_server(MeshMiddleware(work, disconnect=disconnect)) as url:
        with suppress(httpx.ReadTimeout), httpx.stream("GET", url, timeout=LATER) as answer:
            assert next(answer.iter_raw()).startswith(b"some")
        wait_until(lambda: work.cancelled or len(work.done) > 1 or work.done == ["wait"], BOUND, "the end of the work")


@pytest.mark.parametrize("kind", ["wait", "stream"])
def test_nothing_is_done_for_who_has_gone(kind: str) -> None:
    work = Work(kind)
    left(work, disconnect=True)
    assert (work.cancelled, work.done) == (True, [])


def test_without_being_told_to_it_goes_on() -> None:
    work = Work("wait")
    left(work, disconnect=False)
    assert (work.cancelled, work.done) == (False, ["wait"])


def test_an_application_that_listens_itself_decides() -> None:
    work = Work("listen")
    left(work, disconnect=True)
    wait_until(lambda: work.done[-1] == "cleaned", BOUND, "its own end")
    assert (work.cancelled, work.done) == (False, ["http.request", "http.disconnect", "cleaned"])


def test_what_is_done_after_the_response_is_for_nobody_who_could_go() -> None:
    work = Work("after")
    with asgi_server(MeshMiddleware(work, disconnect=True)) as url:
        assert httpx.get(url).text == "somemore"
        wait_until(lambda: bool(work.done), BOUND, "the work after it")
    assert not work.cancelled


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_a_body_that_is_read_late_is_whole(size: int) -> None:
    work = Work("slow_reader")
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with asgi_server(MeshMiddleware(work, disconnect=True)) as url:
        assert httpx.post(url, content=content).text == hashlib.sha256(content).hexdigest()
    assert not work.cancelled


def test_a_response_goes_out_part_by_part() -> None:
    """The second part comes when the caller has the first, with everything on."""
    got = threading.Event()

    async def app(scope: Message, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send(OK[0])
            await send(OK[1])
            while not got.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.01)
            await send(OK[2])

    options = {"disconnect": True, "limit": 4, "max_lag": 1.0, "load_report": True}
    wrapped = MeshMiddleware(app, **options)  # type: ignore[arg-type]
    with asgi_server(wrapped) as url, httpx.stream("GET", url, headers={"mesh-timeout": "9S"}) as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"some"
        got.set()
        assert list(parts) == [b"more"]


def test_threads_that_nobody_waits_for_keep_their_places() -> None:
    """A thread cannot be ended: what callers who come and go have at work is bounded all the same."""
    go_on = threading.Event()
    at_work: list[int] = []
    app = FastAPI()

    @app.get("/")
    def view() -> None:
        at_work.append(1)
        go_on.wait(BOUND)

    wrapped = MeshMiddleware(app, disconnect=True, limit=2)
    with asgi_server(wrapped) as url:
        for _ in range(4):
            with suppress(httpx.ReadTimeout):
                assert httpx.get(url, timeout=2 * LATER).status_code == 503
        with suppress(httpx.ReadTimeout):
            assert httpx.get(url, timeout=2 * LATER, headers={"mesh-timeout": "50m"}).status_code == 503
        assert (len(at_work), wrapped.in_flight) == (2, 2)
        go_on.set()
        wait_until(lambda: wrapped.in_flight == 0, BOUND, "the end of their threads")
        assert httpx.get(url).status_code == 200


def test_an_application_that_waits_for_the_end_hears_of_it() -> None:
    """Also where its response is what ends it, while the middleware listens."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(2 * LISTEN_AFTER)

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await send(OK[0])
        await send(OK[2])
        await watching

    async def served() -> int:
        complete = asyncio.Event()
        messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await complete.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message == OK[2]:
                complete.set()

        wrapped = MeshMiddleware(app, disconnect=True, limit=1)
        await asyncio.wait_for(wrapped({"type": "http", "path": "/", "method": "GET", "headers": []}, receive, send), 5)
        return wrapped.in_flight

    assert asyncio.run(served()) == 0
