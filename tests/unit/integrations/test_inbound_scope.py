"""What the middleware makes of a scope, without a server."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.engine.sweep import sweep
from meshclient.integrations import caller
from meshclient.integrations.asgi import MeshMiddleware, Registered
from meshclient.integrations.caller import LISTEN_AFTER
from meshclient.integrations.wsgi import MeshMiddleware as WsgiMiddleware
from meshclient.telemetry.propagation.context import TRACE, TraceContext

if TYPE_CHECKING:
    from meshclient.integrations.asgi import Application, Message, Receive, Send


class Server:
    """As much of one as a request needs."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        return {"type": "http.request", "body": b""}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def ask(self, app: Application, path: str = "/", **scope: Any) -> int:
        """The status."""
        full = {"type": "http", "method": "GET", "path": path, "headers": [], **scope}
        asyncio.run(app(full, self.receive, self.send))  # type: ignore[arg-type]
        return int(str(self.sent[0]["status"]))


async def absent(_scope: Message, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize(
    ("path", "root", "status"),
    [
        ("/healthz", "", 200),
        ("/api/healthz", "/api", 200),
        ("/api/healthz", "", 404),
        ("/healthz", "/api", 200),
    ],
)
def test_probes_where_the_application_is_mounted(path: str, root: str, status: int) -> None:
    assert Server().ask(MeshMiddleware(absent), path, root_path=root) == status


def test_a_request_without_a_trace_may_begin_one() -> None:
    seen: list[TraceContext | None] = []

    async def app(_scope: Message, _receive: Receive, send: Send) -> None:
        seen.extend((TRACE.get(), await asyncio.create_task(other())))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def other() -> TraceContext | None:
        return TRACE.get()

    for _ in range(2):
        assert Server().ask(MeshMiddleware(app, new_trace=True)) == 200
    assert None not in seen
    assert seen[0] is seen[1]
    assert seen[0] != seen[2]
    brought = [(b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    Server().ask(MeshMiddleware(app, new_trace=True), headers=brought)
    assert seen[-1] is not None
    assert seen[-1].span_id == "b7ad6b7169203331"


def test_a_head_without_headers_gets_the_report_alone() -> None:
    server = Server()
    middleware = MeshMiddleware(absent, load_report=True)
    assert middleware._admission is not None
    middleware._admission._load.report = "TEXT eps=0"
    assert server.ask(middleware) == 404
    assert server.sent[0]["headers"] == [(b"endpoint-load-metrics", b"TEXT eps=0")]


def test_an_answer_to_head_has_no_body() -> None:
    heads: list[Any] = []

    def start(*head: Any) -> Any:
        heads.append(head)

    environ = {"REQUEST_METHOD": "HEAD", "PATH_INFO": "/", "HTTP_MESH_TIMEOUT": "0m"}
    parts = WsgiMiddleware(lambda *_: [b"own"])(environ, start)
    assert b"".join(parts) == b""
    [(status, fields, _)] = heads
    assert status.startswith("504")
    assert int(dict(fields)["Content-Length"]) > 0


def test_a_body_that_is_whole_is_the_applications_own() -> None:
    """A server knows its length by that of the list."""
    body = [b"own"]

    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return body

    middleware = WsgiMiddleware(app, limit=1)
    for _ in range(2):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_MESH_TIMEOUT": "9S"}
        assert middleware(environ, lambda *_: lambda _: None) is body
        assert middleware.in_flight == 0


def test_the_applications_own_cancellation_is_not_ours() -> None:
    """A server that ends cancels the task, whatever the caller still waits for."""

    async def app(*_: object) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        middleware = MeshMiddleware(app, disconnect=True, limit=1)
        server = Server()
        scope: Message = {"type": "http", "method": "GET", "path": "/", "headers": [(b"mesh-timeout", b"9S")]}
        task = asyncio.create_task(middleware(scope, server.receive, server.send))
        await asyncio.sleep(0.01)
        assert middleware.in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (server.sent, middleware.in_flight) == ([], 0)

    asyncio.run(main())


def test_one_that_is_cancelled_by_both_is_cancelled() -> None:
    async def app(*_: object) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(60)

    async def main() -> None:
        server = Server()
        scope: Message = {"type": "http", "method": "GET", "path": "/", "headers": [(b"mesh-timeout", b"20m")]}
        task = asyncio.create_task(MeshMiddleware(app)(scope, server.receive, server.send))
        while not task.cancelling():  # noqa: ASYNC110 - by the deadline
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.sent == []

    asyncio.run(main())


def test_the_end_of_the_response_is_not_the_callers_going() -> None:
    """A server says to whoever asks that the caller has gone as soon as it has the last part."""
    over = asyncio.Event()

    async def receive() -> Message:
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            over.set()
            await asyncio.sleep(0.05)

    async def app(_scope: Message, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(2 * LISTEN_AFTER)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
        done.append("sent")

    done: list[str] = []
    scope: Message = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(MeshMiddleware(app, disconnect=True)(scope, receive, send))
    assert done == ["sent"]


@pytest.mark.parametrize("threads", [0, 2], ids=["task", "thread"])
def test_a_stream_that_lasts_is_not_looked_at_until_its_caller_goes(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    looks = iter([True] * threads)
    monkeypatch.setattr(caller, "_in_thread", lambda _: next(looks, False))
    ended: list[str] = []

    async def app(_scope: Message, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def main() -> None:
        asked, gone = asyncio.Event(), asyncio.Event()

        async def receive() -> Message:
            asked.set()
            await gone.wait()
            return {"type": "http.disconnect"}

        scope: Message = {"type": "http", "method": "GET", "path": "/", "headers": []}
        request = asyncio.ensure_future(MeshMiddleware(app, disconnect=True)(scope, receive, Server().send))
        await asked.wait()
        while sweep()._watched:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        gone.set()
        await asyncio.wait_for(request, 60)

    asyncio.run(asyncio.wait_for(main(), 60))
    assert ended == ["cancelled"]


def test_the_server_is_asked_in_the_context_of_the_request() -> None:
    """A server may begin the next request where it was asked to read on."""
    number: ContextVar[int] = ContextVar("number")
    asked: list[tuple[int, int]] = []

    async def app(scope: Message, _receive: Receive, send: Send) -> None:
        done: asyncio.Event = scope["asked"]  # type: ignore[assignment]
        await done.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def request(own: int) -> None:
        number.set(own)
        done = asyncio.Event()

        async def receive() -> Message:
            asked.append((own, number.get()))
            done.set()
            return {"type": "http.request", "body": b""}

        scope: Message = {"type": "http", "method": "GET", "path": "/", "headers": [], "asked": done}
        await wrapped(scope, receive, Server().send)

    async def main() -> None:
        await asyncio.gather(*(request(own) for own in range(3)))

    wrapped = MeshMiddleware(app, disconnect=True)
    asyncio.run(main())
    assert {own for own, _ in asked} == {0, 1, 2}
    assert all(own == found for own, found in asked)


def test_registered_tells_the_middleware_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lease:
        listed = elsewhere = False

        class registration:  # noqa: N801 - an attribute
            health = "/healthz"

    app = Registered(MeshMiddleware(absent), None, "orders", port=80)  # type: ignore[arg-type]
    app.lease = Lease()  # type: ignore[assignment]
    server = Server()
    assert server.ask(app, "/readyz") == 503
    Lease.listed = True
    assert Server().ask(app, "/readyz") == 200
    assert app.in_flight == 0
