"""Clients that are slow, half gone or greedy, and responses that leave little to hold on to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING
from unittest.mock import AsyncMock

import httpx
import pytest

from integration.proxied import OK, Line, Request, fine, get, play, post, serving, staged
from meshclient.engine.aio.pool import AsyncPool
from meshclient.http._async.transport import AsyncMeshTransport
from meshclient.sidecar.proxy import ProxySettings, client_connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNKED = b"POST /a HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


@pytest.mark.parametrize("fast", [False, True])
def test_a_client_that_ends_with_its_last_request_gets_all_answers(fast: bool) -> None:
    """As in ``printf ... | nc``."""

    async def scene() -> None:
        go_on = asyncio.Event()

        async def answer(line: Line, request: Request) -> None:
            await go_on.wait()
            body = request.line.split(b" ")[1]
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

        async with staged(answer) as stage:
            for last in (get("/3"), post(b"hello")):
                client = await stage.client()
                client.writer.write(get("/1") + get("/2") + last)
                client.writer.write_eof()
                seen = len(stage.seen)
                await stage.when(lambda seen=seen: len(stage.seen) > seen)  # type: ignore[misc]
                go_on.set()
                raw = await client.rest()
                assert raw.count(b"HTTP/1.1 200 OK") == 3
                assert raw.index(b"/1") < raw.index(b"/2")
                assert raw.count(b"\r\nConnection: close") == 1
                go_on.clear()
            await stage.when(lambda: stage.proxy.stats.open == 0)

    play(scene(), fast=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_what_a_client_ends_in_the_middle_of_is_not_sent_on(fast: bool) -> None:
    async def scene() -> None:
        async with staged() as stage:
            for part in (get()[:-2], get()[:-2] + b"\r", post(b"hello")[:-1], CHUNKED[:-2]):
                client = await stage.client()
                client.writer.write(part)
                client.writer.write_eof()
                assert b"HTTP/1.1 200" not in await client.rest()
            await stage.when(lambda: stage.proxy.stats.open == 0)
            assert [seen for seen in stage.seen if seen.body] == []

    play(scene(), fast=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_a_client_that_asks_on_and_on_and_reads_nothing(fast: bool) -> None:
    async def answer(line: Line, _: Request) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)

    async def scene() -> None:
        async with staged(answer) as stage:
            client = await stage.client()
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            client.writer.write(get() * 1000)
            stats, before = stage.proxy.stats, -1
            while stats.requests != before or not before:
                before = stats.requests
                await asyncio.sleep(0.3)
            # The kernel's buffers hold some megabytes of them.
            assert stats.requests < 500
            client.reader._transport.resume_reading()  # type: ignore[attr-defined]
            for _ in range(1000):
                assert len((await client.response())[1].body) == 60_000

    play(scene(), fast=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_a_slow_client_gets_the_last_response_as_a_whole(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_connection, "_FAREWELL", 0.0)
    size = 30_000_000

    async def answer(line: Line, _: Request) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)

    async def scene() -> None:
        async with staged(answer) as stage:
            client = await stage.client()
            await client.send(get("/a", "Connection: close"))
            await client.head()
            got = 0
            while part := await client.reader.read(1_000_000):
                got += len(part)
                await asyncio.sleep(0.01)
            assert got == size

    play(scene(), fast=fast)


@pytest.mark.parametrize("size", [3_000_000, 100_000_000])
@pytest.mark.parametrize("close", ["Connection: close", "X: y"])
def test_a_client_that_takes_nothing_is_cut_off(size: int, close: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_connection, "_FAREWELL", 0.0)

    async def answer(line: Line, _: Request) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)

    async def scene() -> None:
        async with staged(answer, ProxySettings(body_timeout=0.3, idle_timeout=0.3)) as stage:
            client = await stage.client()
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await client.send(get("/a", close))
            await stage.when(lambda: stage.proxy.stats.requests == 1)
            await stage.when(lambda: stage.proxy.stats.open == 0)
            service = stage.mesh.service("orders")
            assert [each.pending for each in service.balancer.status(service.clock())] == [0]

    play(scene(), fast=True)


def test_a_connection_is_kept_after_a_response_in_parts() -> None:
    async def answer(line: Line, request: Request) -> None:
        close = b"Connection: close\r\n" if b"/last" in request.line else b""
        await line.send(b"HTTP/1.1 200 OK\r\n%bContent-Length: 10\r\n\r\nhello" % close)
        await line.send(b"")
        await asyncio.sleep(0.02)
        await line.send(b"world" + (b"more" if b"/more" in request.line else b""))

    async def scene() -> None:
        lines = set()

        async def watched(line: Line, request: Request) -> None:
            lines.add(id(line))
            kept.append(line)
            await answer(line, request)

        kept: list[Line] = []
        async with staged(watched) as stage:
            client = await stage.client()
            for path, connections in [("/", 1), ("/", 1), ("/last", 1), ("/", 2), ("/more", 2), ("/", 3), ("/", 3)]:
                assert (await client.ask(get(path)))[1].body == b"helloworld"
                assert len(lines) == connections

    play(scene())


def test_a_connection_that_ends_after_an_interim_response_was_no_idle_one() -> None:
    async def answer(line: Line, request: Request) -> None:
        if b"/102" in request.line:
            await line.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            line.close()
            raise ConnectionError
        await fine(line, request)

    async def scene() -> None:
        async with staged(answer, service={"retry": False}) as stage:
            client = await stage.client()
            assert (await client.ask(get()))[0] == 200
            await client.send(get("/102"))
            assert (await client.response())[0] == 102
            status, response = await client.response()
            assert status == 502
            assert b"earlier exchange" not in response.body

    play(scene())


def test_an_endpoint_that_takes_no_more_of_a_body() -> None:
    async def scene() -> None:
        gone = asyncio.Event()

        async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await stopped.wait()
            with contextlib.suppress(ConnectionError):
                while await reader.read(1 << 20):
                    pass
            gone.set()
            writer.close()

        stopped = asyncio.Event()
        server = await asyncio.start_server(stuck, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        endpoint: dict[str, object] = {"endpoints": [f"http://127.0.0.1:{port}"]}
        async with staged(settings=ProxySettings(body_timeout=0.3), service=endpoint) as stage:
            client = await stage.client()
            client.writer.write(post(b"x" * 64_000_000))
            status, response = await client.response()
            assert (status, response.values(b"mesh-error")) == (504, [b"timeout"])
            stopped.set()
            await gone.wait()
            service = stage.mesh.service("orders")
            await stage.when(lambda: [each.pending for each in service.balancer.status(service.clock())] == [0])
            assert (stage.proxy.stats.active, stage.proxy.setup.active) == (0, 0)
        server.close()

    play(scene(), fast=True)


def test_whom_max_forwards_names_answers() -> None:
    async def scene() -> None:
        async with staged() as stage:
            client = await stage.client()
            for forwards in ("0", "00"):
                for method, status in (("OPTIONS", 200), ("TRACE", 405)):
                    head = f"{method} /a HTTP/1.1\r\nHost: orders\r\nMax-Forwards: {forwards}\r\n\r\n"
                    found, response = await client.ask(head.encode())
                    assert found == status
                    assert b"OPTIONS" in response.values(b"allow")[0]
            assert stage.seen == []
            assert (await client.ask(get("/a", "Max-Forwards: 0")))[0] == 200
            assert stage.seen[0].values(b"max-forwards") == [b"0"]
            assert (stage.proxy.stats.active, stage.proxy.stats.statuses[2:5]) == (0, [3, 0, 2])

    play(scene())


def test_what_a_client_says_of_others_cannot_hide_itself() -> None:
    async def scene() -> None:
        async with staged() as stage:
            client = await stage.client()
            own = b'for=127.0.0.1;host="orders";proto=http'
            for said, kept in [
                ('for="open', b""),
                (r'for="a\"', b""),
                (r'for="a\"b"', rb'for="a\"b", '),
                ("for=x", b"for=x, "),
            ]:
                await client.ask(get("/", f"Forwarded: {said}"))
                assert stage.seen[-1].values(b"forwarded") == [kept + own]

    play(scene())


def test_prefixes_are_of_whole_segments() -> None:
    async def scene() -> None:
        async with staged(prefixes={"/o": "orders"}) as stage:
            client = await stage.client()
            for target, path in [("/o", b"/"), ("/o/1", b"/1"), ("/o?x=1", b"/?x=1"), ("/o//1", b"/1")]:
                assert (await client.ask(get(target, host="x")))[0] == 200
                assert stage.seen[-1].line.split(b" ")[1] == path
            assert (await client.ask(get("/of-others", host="x")))[0] == 404

    play(scene())


def test_nothing_is_read_after_a_tunnel_that_was_not_opened() -> None:
    async def scene() -> None:
        async with serving(fine) as port:
            pass
        async with staged(connect=[f"127.0.0.1:{port}"]) as stage:
            client = await stage.client()
            target = f"127.0.0.1:{port}"
            connect = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
            assert (await client.ask(connect + get("/smuggled")))[0] == 502
            assert await client.rest() == b""
            assert stage.seen == []

    play(scene())


class _Body(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"hello"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([(b"x", b"a\r\nb: c")], 502),
        ([(b"x\r\ny", b"a")], 502),
        ([(b"", b"a")], 502),
        ([(b"x", b"\0")], 502),
        ([(b"content-length", b"6")], 0),
        ([(b"content-length", b"4")], 0),
        ([(b"content-length", b"5")], 200),
    ],
)
def test_whatever_a_transport_says_cannot_be_taken_for_something_else(
    fields: list[tuple[bytes, bytes]], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with staged() as stage:
            # What no connection of the engine's would bring.
            answer = httpx.Response(200, headers=fields, stream=_Body())
            monkeypatch.setattr(AsyncMeshTransport, "handle_async_request", AsyncMock(return_value=answer))
            client = await stage.client()
            # One that comes in parts goes the ordinary way.
            await client.send(CHUNKED[:-5])
            if status:
                assert (await client.response())[0] == status
            else:
                await client.head()
                await client.rest()
            assert stage.proxy.stats.cut == (not status)

    play(scene())


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    def full(line: str) -> None:
        json.loads(line)
        raise OSError(28, "No space left on device")

    async def scene() -> None:
        async with staged(settings=ProxySettings(log=full)) as stage:
            client = await stage.client()
            for _ in range(2):
                assert (await client.ask(get()))[0] == 200
            assert (await client.ask(b"x\r\n\r\n"))[0] == 400
            assert (stage.proxy.stats.active, stage.proxy.setup.active) == (0, 0)

    play(scene())


def test_empty_lines_before_a_request() -> None:
    async def scene() -> None:
        async with staged() as stage:
            client = await stage.client()
            await client.send(b"\r\n" * 200_000 + get())
            status, response = await client.response()
            assert (status, response.body) == (200, OK[-2:])

    play(scene())


def test_a_fault_of_ours_is_answered_and_holds_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with staged() as stage:
            service = stage.mesh.service("orders")
            assert (await stage.ask(get()))[0] == 200
            monkeypatch.setattr(AsyncPool, "take", lambda _: None)
            monkeypatch.setattr(AsyncPool, "acquire", AsyncMock(side_effect=ZeroDivisionError("broken")))
            status, response = await stage.ask(get())
            assert (status, response.values(b"mesh-error")) == (500, [b"internal"])
            assert [each.pending for each in service.balancer.status(service.clock())] == [0]
            assert (stage.proxy.stats.active, stage.proxy.setup.active) == (0, 0)

    play(scene())
    assert "broken" in caplog.text


def test_lines_without_white_space_go_the_ordinary_road_too() -> None:
    """The short road hands heads on as they are; the ordinary one takes them apart."""

    async def scene() -> None:
        async with staged(service={"limit": {"concurrency": 9}}) as stage:
            request = get("/a", "Accept:*/*", "X-Empty:", "X-Tab:\tb ", "X-Url: http://a:1/")
            status, _ = await stage.ask(request)
            assert status == 200
            (seen,) = stage.seen
            names = (b"accept", b"x-empty", b"x-tab", b"x-url")
            assert [seen.values(name) for name in names] == [[b"*/*"], [b""], [b"b"], [b"http://a:1/"]]

    play(scene())
