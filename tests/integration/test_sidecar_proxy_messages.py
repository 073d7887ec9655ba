"""What the proxy makes of messages on their way: heads, bodies and their framing, both ways."""

from __future__ import annotations

import asyncio
import json

import pytest

from integration.proxied import Line, Request, fine, get, play, post, staged
from meshclient.sidecar.proxy import ProxySettings

TRACE = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_request_passes_without_what_was_for_the_proxy() -> None:
    async def scene() -> None:
        async with staged() as stage:
            fields = ("Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Authorization: x")
            status, response = await stage.ask(get("/a?b=%7e", *fields, "X-Kept: yes", TRACE, "Via: 1.0 other"))
            assert (status, response.body) == (200, b"ok")
            (seen,) = stage.seen
            assert seen.line == b"GET /a?b=%7e HTTP/1.1"
            assert seen.values(b"host") == [b"orders"]
            assert seen.values(b"x-kept") == [b"yes"]
            assert seen.values(b"via") == [b"1.0 other, 1.1 meshclient"]
            assert seen.values(b"x-forwarded-for") == [b"127.0.0.1"]
            assert seen.values(b"forwarded") == [b'for=127.0.0.1;host="orders";proto=http']
            assert seen.values(b"traceparent") == [TRACE.partition(": ")[2].encode()]
            assert len(seen.values(b"mesh-timeout")) == 1
            for name in (b"connection", b"x-hop", b"keep-alive", b"proxy-authorization"):
                assert seen.values(name) == []

    play(scene())


def test_a_response_passes_without_what_was_for_the_proxy() -> None:
    async def answer(line: Line, _: Request) -> None:
        await line.send(
            b"HTTP/1.1 418 I am a teapot\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n"
            b"Date: Sat, 21 Nov 2026 23:51:17 GMT\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 3\r\n\r\ntea"
        )

    async def scene() -> None:
        async with staged(answer) as stage:
            status, response = await stage.ask(get())
            assert response.line == b"HTTP/1.1 418 I am a teapot"
            assert (status, response.body) == (418, b"tea")
            assert response.values(b"set-cookie") == [b"a=1", b"b=2"]
            assert response.values(b"date") == [b"Sat, 21 Nov 2026 23:51:17 GMT"]
            assert response.values(b"via") == [b"1.1 meshclient"]
            for name in (b"connection", b"x-hop", b"keep-alive", b"mesh-error"):
                assert response.values(name) == []

    play(scene())


def test_requests_on_one_connection_are_answered_in_turn() -> None:
    async def answer(line: Line, request: Request) -> None:
        body = request.line.split(b" ")[1]
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def scene() -> None:
        async with staged(answer) as stage:
            client = await stage.client()
            await client.send(b"".join([get(f"/{n}") for n in range(500)]))
            bodies = [(await client.response())[1].body for _ in range(500)]
            assert bodies == [b"/%d" % n for n in range(500)]
            assert stage.proxy.stats.requests == 500

    play(scene())


@pytest.mark.parametrize("size", [0, 5, 60_000, 300_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_arrives_as_it_was(size: int, chunked: bool) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def scene() -> None:
        async with staged() as stage:
            client = await stage.client()
            if chunked:
                await client.send(b"POST /a HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n")
                for at in range(0, size, 10_000):
                    part = body[at : at + 10_000]
                    await client.send(b"%x;ext=1\r\n%b\r\n" % (len(part), part))
                await client.send(b"0\r\nX-Trailer: 1\r\n\r\n")
            else:
                await client.send(post(body))
            assert (await client.response())[0] == 200
            # The connection is good for another one.
            assert (await client.ask(get("/next")))[0] == 200
            first, second = stage.seen
            assert first.body == body
            assert len(first.values(b"content-length") + first.values(b"transfer-encoding")) == 1
            assert second.line == b"GET /next HTTP/1.1"

    play(scene())


def test_head_and_statuses_without_a_body() -> None:
    async def answer(line: Line, request: Request) -> None:
        if request.head.startswith(b"HEAD"):
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        elif b"/304" in request.line:
            await line.send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: x\r\n\r\n")
        else:
            await line.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def scene() -> None:
        async with staged(answer) as stage:
            client = await stage.client()
            status, response = await client.ask(b"HEAD /a HTTP/1.1\r\nHost: orders\r\n\r\n")
            assert (status, response.values(b"content-length")) == (200, [b"1000"])
            await client.send(get("/304"))
            assert (await client.response())[0] == 304
            await client.send(get("/204"))
            status, response = await client.response()
            assert (status, response.values(b"content-length")) == (204, [])

    play(scene())


@pytest.mark.parametrize("service", [{}, {"limit": {"concurrency": 5}}], ids=["short way", "ordinary road"])
def test_chunks_and_trailers_of_a_response_are_framed_anew(service: dict[str, object]) -> None:
    async def answer(line: Line, _: Request) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;evil=1\r\nhello\r\n")
        await line.send(b"6\r\n world\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=1\r\n\r\n")

    async def scene() -> None:
        async with staged(answer, service=service) as stage:
            client = await stage.client()
            await client.send(get("/a", "TE: trailers"))
            raw = await client.until(b"\r\n\r\n") + await client.until(b"\r\n\r\n")
            assert b"evil" not in raw
            assert raw.endswith(b"0\r\nX-Sum: 1\r\n\r\n")
            assert stage.seen[0].values(b"te") == [b"trailers"]
            # Whoever does not take trailers gets none, and HTTP/1.0 has no chunks.
            _, response = await stage.ask(get())
            assert response.body == b"hello world"
            old = await stage.client()
            await old.send(b"GET /a HTTP/1.0\r\nHost: orders\r\n\r\n")
            _, response = await old.response()
            assert response.body == b"hello world"
            assert response.values(b"connection") == [b"close"]

    play(scene())


def test_a_response_that_ends_with_its_connection() -> None:
    async def answer(line: Line, request: Request) -> None:
        version = b"1.0" if b"/old" in request.line else b"1.1"
        await line.send(b"HTTP/%b 200 OK\r\n\r\nuntil the end" % version)
        line.close()
        raise ConnectionError

    async def scene() -> None:
        async with staged(answer) as stage:
            client = await stage.client()
            for path in ("/new", "/old"):
                _, response = await client.ask(get(path))
                assert response.body == b"until the end"

    play(scene())


def test_interim_responses_pass_to_those_who_know_them() -> None:
    async def answer(line: Line, _: Request) -> None:
        await line.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + b"HTTP/1.1 102 Processing\r\n\r\n")
        await fine(line, Request(b"", b""))

    async def scene() -> None:
        async with staged(answer) as stage:
            client = await stage.client()
            await client.send(get())
            assert (await client.head()) == b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
            assert (await client.head()).startswith(b"HTTP/1.1 102 ")
            assert (await client.response())[0] == 200
            status, _ = await stage.ask(b"GET /a HTTP/1.0\r\nHost: orders\r\n\r\n")
            assert status == 200

    play(scene())


def test_a_body_waits_for_100_continue_of_the_server() -> None:
    async def answer(line: Line, _: Request) -> None:
        await fine(line, Request(b"", b""))

    async def scene() -> None:
        async with staged(answer) as stage:
            client = await stage.client()
            await client.send(b"POST /a HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            assert (await client.head()).startswith(b"HTTP/1.1 100 ")
            await client.send(b"hello")
            assert (await client.response())[0] == 200
            assert stage.seen[0].body == b"hello"
            assert stage.seen[0].values(b"expect") == [b"100-continue"]

    play(scene())


def test_a_body_that_nobody_wants_is_not_asked_for() -> None:
    async def scene() -> None:
        asked = asyncio.Event()

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
            asked.set()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with staged(service={"endpoints": [f"http://127.0.0.1:{port}"]}) as stage:
            client = await stage.client()
            status, response = await client.ask(
                b"POST /a HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
            )
            assert (status, response.values(b"connection")) == (413, [b"close"])
            assert asked.is_set()
        server.close()

    play(scene())


def test_refusals_are_problem_documents_that_say_what_to_do() -> None:
    async def scene() -> None:
        async with staged(settings=ProxySettings(max_head=2000, max_line=1000, max_fields=20)) as stage:
            for request, status, error in [
                (get(host="nobody.example"), 404, "no_route"),
                (b"GET /a HTTP/1.1\r\nHost: orders\r\nHost: orders\r\n\r\n", 400, "bad_request"),
                (get("/" + "x" * 1200), 414, "too_large"),
                (get("/", "X: " + "y" * 1200), 431, "too_large"),
                (get("/", *["X: y"] * 30), 431, "too_large"),
                (b"GET /a HTTP/1.1\r\nHost: orders\r\n" + b"X: yyyyy\r\n" * 300, 431, "too_large"),
                (b"GET / HTTP/2.0\r\nHost: orders\r\n\r\n", 505, "bad_request"),
                (b"GET / HTTP/1.1\nHost: orders\n\n", 400, "bad_request"),
                (b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, "no_route"),
                (get("/", "Expect: 200-ok"), 417, "expectation"),
                (get("/", "mesh-timeout: 0m"), 504, "deadline_exceeded"),
            ]:
                found, response = await stage.ask(request)
                assert (found, response.values(b"mesh-error")) == (status, [error.encode()])
                assert response.values(b"content-type") == [b"application/problem+json"]
                said = json.loads(response.body)
                assert (said["status"], said["error"]) == (status, error)
                assert said["title"]
                assert said["detail"]
            assert stage.seen == []

    play(scene())
