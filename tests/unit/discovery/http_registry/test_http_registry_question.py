"""What becomes of a question that is not answered, on real sockets and for what httpx can raise."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.discovery.http_registry.client import open_client
from meshclient.discovery.http_registry.question import Question, plain_http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Unreachable(Exception):
    """That of a plugin."""


class Late(Unreachable):
    """Another one."""


QUESTION = Question("Foo at h:1", "service 'web' (GET /x)", 0.3, Unreachable, Late)


def told(exc: Exception, question: Question = QUESTION) -> Unreachable:
    """What becomes of `exc`."""
    with pytest.raises(Unreachable) as caught, question.told():
        raise exc
    assert caught.value.__suppress_context__
    return caught.value


@pytest.mark.parametrize(
    ("exc", "kind", "text"),
    [
        (TimeoutError(), Late, "did not answer for service 'web' (GET /x) within 300ms"),
        (httpx.ReadTimeout(""), Late, "did not answer for service 'web' (GET /x) within 300ms"),
        (httpx.ConnectTimeout(""), Late, "cannot be reached for service 'web' (GET /x): no connection in time"),
        (httpx.ConnectError("refused"), Unreachable, "cannot be reached for service 'web' (GET /x): refused"),
        (httpx.ConnectError(""), Unreachable, "cannot be reached for service 'web' (GET /x): ConnectError"),
        (httpx.DecodingError("x"), Unreachable, "sent an answer with broken compression for service 'web' (GET /x): x"),
        (httpx.ReadError(""), Unreachable, "broke off its answer for service 'web' (GET /x): ReadError"),
        (ssl.SSLError("alert"), Unreachable, "broke off its answer for service 'web' (GET /x): ('alert',)"),
    ],
)
def test_each_failure_has_a_class_and_words(exc: Exception, kind: type[Unreachable], text: str) -> None:
    error = told(exc)
    assert type(error) is kind
    assert str(error) == f"Foo at h:1 {text}"


def test_without_a_class_of_their_own_late_answers_are_unreachable() -> None:
    assert type(told(TimeoutError(), Question("Foo", "it", 1, Unreachable))) is Unreachable


def test_a_hint_is_added() -> None:
    hinted = Question("Foo", "it", 1, Unreachable, hint=plain_http)
    assert str(told(httpx.ConnectError(""), hinted)).endswith("; does it speak plain HTTP there (scheme=http)?")
    assert "scheme=http" in str(told(httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER]"), hinted))
    assert "scheme" not in str(told(httpx.ConnectError("refused"), hinted))
    assert "scheme" not in str(told(httpx.ReadError(""), hinted))


@pytest.mark.parametrize("exc", [asyncio.CancelledError(), ValueError("a fault of ours"), Late("told already")])
def test_anything_else_is_not_a_failure_of_the_server(exc: BaseException) -> None:
    with pytest.raises(type(exc)) as caught, QUESTION.told():
        raise exc
    assert caught.value is exc


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    """A server on loopback whose connections are handled by `serve`; yields its port."""
    handled: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handled.add(asyncio.current_task())
        with suppress(OSError):
            await serve(reader, writer)
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server, asyncio.timeout(10):
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            await asyncio.gather(*filter(None, handled))


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def ask(port: int, *, scheme: str = "http", limit: float = 5.0) -> httpx.Response:
    asked = Question(f"Foo at 127.0.0.1:{port}", "it", limit, Unreachable, Late, plain_http)
    context = ssl.create_default_context() if scheme == "https" else None
    async with open_client(context, timeout=limit) as client, asked.timed():
        return await client.get(f"{scheme}://127.0.0.1:{port}/")


def test_a_server_that_is_silent_is_late() -> None:
    async def check() -> None:
        async with serving(silent) as port, asyncio.timeout(5):
            await ask(port, limit=0.2)

    with pytest.raises(Late, match="did not answer for it within 200ms"):
        asyncio.run(check())


def test_a_handshake_that_is_not_answered_leaves_no_connection_behind() -> None:
    """One that is cancelled within it would stay open until the collector finds it."""

    async def check() -> None:
        gone = asyncio.Event()
        clients: list[httpx.AsyncClient] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            gone.set()

        async with serving(serve) as port, asyncio.timeout(5):
            clients.append(open_client(ssl.create_default_context(), timeout=0.4))
            with pytest.raises(Late, match="cannot be reached for it: no connection in time"):
                async with Question("Foo", "it", 0.4, Unreachable, Late).timed():
                    await clients[0].get(f"https://127.0.0.1:{port}/")
            await gone.wait()  # while the client is still open
            await clients[0].aclose()

    asyncio.run(check())


def test_the_wrong_one_of_http_and_https_is_told() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        await writer.drain()

    async def check() -> None:
        async with serving(serve) as port:
            await ask(port, scheme="https")

    with pytest.raises(Unreachable, match=r"cannot be reached for it: .*scheme=http\)"):
        asyncio.run(check())


def test_the_environments_proxy_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async def check() -> str:
        async with serving(serve) as port:
            monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
            return (await ask(port)).text

    assert asyncio.run(check()) == "ok"
