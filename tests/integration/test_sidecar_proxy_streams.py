"""What lasts: long bodies both ways, events, upgrades and tunnels; and what becomes of what breaks off."""

from __future__ import annotations

import asyncio

import pytest

from integration.proxied import Line, Request, fine, get, play, serving, staged
from meshclient.sidecar.proxy import ProxySettings
from meshclient.sidecar.proxy import client as proxy_client

MEGABYTE = 1 << 20
HEAD = b"POST /a HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("service", [{}, {"limit": {"concurrency": 5}}], ids=["short way", "ordinary road"])
def test_events_pass_as_they_come(service: dict[str, object]) -> None:
    async def scene() -> None:
        said = asyncio.Queue[bytes]()

        async def answer(line: Line, _: Request) -> None:
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            while event := await said.get():
                await line.send(b"%x\r\n%b\r\n" % (len(event), event))
            await line.send(b"0\r\n\r\n")

        # The call's deadline is for the head; nobody ends events for lasting.
        async with staged(answer, service={"deadline": "1s", **service}) as stage:
            client = await stage.client()
            await client.send(get())
            await client.head()
            for event in (b"data: 1\n\n", b"data: 2\n\n"):
                said.put_nowait(event)
                assert await client.until(b"\r\n" + event + b"\r\n")
            await asyncio.sleep(1.2)
            said.put_nowait(b"data: 3\n\n")
            assert await client.until(b"data: 3\n\n\r\n")
            said.put_nowait(b"")
            assert await client.until(b"0\r\n\r\n")

    play(scene(), fast=True)


def test_a_client_that_does_not_read_holds_the_server_back() -> None:
    async def scene() -> None:
        written = 0
        whole = 64 * MEGABYTE

        async def answer(line: Line, _: Request) -> None:
            nonlocal written
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % whole)
            while written < whole:
                await line.send(b"x" * 65536)
                written += 65536

        async with staged(answer) as stage:
            client = await stage.client()
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await client.send(get())
            before = -1
            while written != before or not written:
                before = written
                await asyncio.sleep(0.3)
            assert written < whole / 2
            assert stage.proxy.stats.sent < whole / 2
            client.reader._transport.resume_reading()  # type: ignore[attr-defined]
            await client.head()
            for _ in range(64):
                await client.reader.readexactly(MEGABYTE)

    play(scene(), fast=True)


def test_a_server_that_does_not_read_holds_the_client_back() -> None:
    async def scene() -> None:
        go_on = asyncio.Event()
        got = 0

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal got
            await reader.readuntil(b"\r\n\r\n")
            await go_on.wait()
            while got < 64 * MEGABYTE:
                got += len(await reader.read(1 << 16))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(slow, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with staged(service={"endpoints": [f"http://127.0.0.1:{port}"], "attempt_timeout": "20s"}) as stage:
            client = await stage.client()
            await client.send(b"POST /a HTTP/1.1\r\nHost: orders\r\nContent-Length: %d\r\n\r\n" % (64 * MEGABYTE))
            client.writer.write(b"x" * (64 * MEGABYTE))
            stats, before = stage.proxy.stats, -1
            while stats.received != before:
                before = stats.received
                await asyncio.sleep(0.3)
            assert stats.received < 32 * MEGABYTE
            go_on.set()
            assert (await client.response())[0] == 200
            assert got == 64 * MEGABYTE
        server.close()

    play(scene(), fast=True)


def test_a_body_that_breaks_off_is_never_forwarded_as_whole() -> None:
    async def scene() -> None:
        heads, ends = asyncio.Queue[bytes](), asyncio.Queue[bytes]()

        async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.put_nowait(await reader.readuntil(b"\r\n\r\n"))
            rest = b""
            try:
                while part := await reader.read(1 << 16):
                    rest += part
            except ConnectionError:
                pass
            ends.put_nowait(rest)
            writer.close()

        server = await asyncio.start_server(watch, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with staged(service={"endpoints": [f"http://127.0.0.1:{port}"]}) as stage:
            for sent, fin in ((HEAD + b"5\r\nhello\r\n", True), (HEAD + b"5\r\nhello\r\n", False)):
                client = await stage.client()
                await client.send(sent)
                await heads.get()
                client.close() if fin else client.reset()
                assert b"0\r\n\r\n" not in await ends.get()
            long = b"POST /a HTTP/1.1\r\nHost: orders\r\nContent-Length: 1000000\r\n\r\n"
            client = await stage.client()
            await client.send(long + b"x" * 1000)
            await heads.get()
            client.close()
            assert len(await ends.get()) <= 1000
            # A malformed one is refused, and the server's connection is cut as well.
            client = await stage.client()
            await client.send(HEAD + b"5\r\nhello\r\n")
            await heads.get()
            status, _ = await client.ask(b"5;\nhello\r\n")
            assert status == 400
            assert await client.rest() == b""
            assert b"0\r\n\r\n" not in await ends.get()
            # A short one is not even begun.
            client = await stage.client()
            await client.send(b"POST /a HTTP/1.1\r\nHost: orders\r\nContent-Length: 10\r\n\r\nshort")
            await stage.when(lambda: stage.proxy.stats.active == 1)
            client.close()
            await stage.when(lambda: stage.proxy.stats.open == 0)
            assert heads.empty()
            assert stage.proxy.stats.active == 0
        server.close()

    play(scene(), fast=True)


def test_a_response_that_breaks_off_is_not_handed_on_as_whole() -> None:
    async def answer(line: Line, request: Request) -> None:
        framing = b"Content-Length: 100" if b"/length" in request.line else b"Transfer-Encoding: chunked"
        await line.send(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n5\r\nhello\r\n" % framing)
        line.close()
        raise ConnectionError

    async def scene() -> None:
        async with staged(answer, service={"retry": False}) as stage:
            for path in ("/length", "/chunks"):
                client = await stage.client()
                await client.send(get(path))
                await client.head()
                rest = await client.rest()
                assert len(rest) < 100
                assert not rest.endswith(b"0\r\n\r\n")
            old = await stage.client()
            await old.send(b"GET /chunks HTTP/1.0\r\nHost: orders\r\n\r\n")
            await old.head()
            try:
                while await old.reader.read(100):
                    pass
            except ConnectionResetError:
                ended = "reset"
            else:
                ended = "as if it were whole"
            assert ended == "reset"
            assert stage.proxy.stats.cut == 3

    play(scene(), fast=True)


def test_a_client_that_goes_away_ends_what_was_done_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # It takes no longer than one that only says that it has asked all.
    monkeypatch.setattr(proxy_client, "_BREATH", -1.0)

    async def scene() -> None:
        begun, gone = asyncio.Event(), asyncio.Event()

        async def wait(line: Line, request: Request) -> None:
            if b"/body" in request.line:
                await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst")
            begun.set()
            await line.rest()
            gone.set()

        async with staged(wait, service={"attempt_timeout": "90s", "deadline": "90s"}) as stage:
            for path in ("/head", "/body"):
                client = await stage.client()
                await client.send(get(path))
                await begun.wait()
                client.close()
                await gone.wait()
                begun.clear()
                gone.clear()
            await stage.when(lambda: stage.proxy.stats.open == 0)
            service = stage.mesh.service("orders")
            assert [each.pending for each in service.balancer.status(service.clock())] == [0]

    play(scene(), fast=True)


def test_other_protocols_are_tunnelled_after_an_upgrade() -> None:
    async def answer(line: Line, request: Request) -> None:
        assert request.values(b"connection") == [b"Upgrade"]
        assert request.values(b"upgrade") == [b"echo"]
        await line.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhi:")
        while part := await line.reader.read(1 << 16):
            await line.send(part)
        raise ConnectionError

    async def scene() -> None:
        async with staged(answer) as stage:
            client = await stage.client()
            await client.send(get("/", "Connection: keep-alive, Upgrade", "Upgrade: echo") + b"early")
            head = await client.head()
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"\r\nUpgrade: echo\r\n" in head
            assert await client.until(b"early") == b"hi:early"
            for _ in range(20):
                await client.send(b"x" * 100_000)
                await client.reader.readexactly(100_000)
            assert stage.proxy.stats.tunnels == 1
            client.close()
            await stage.when(lambda: stage.proxy.stats.tunnels == 0 and stage.proxy.stats.open == 0)

    play(scene(), fast=True)


def test_an_upgrade_that_the_server_does_not_want() -> None:
    async def scene() -> None:
        async with staged() as stage:
            client = await stage.client()
            status, response = await client.ask(get("/", "Connection: Upgrade", "Upgrade: echo"))
            assert (status, response.body) == (200, b"ok")
            # HTTP/2 is no protocol that could be tunnelled past the rules.
            await client.ask(get("/h2", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA"))
            assert stage.seen[1].values(b"upgrade") == []
            assert stage.seen[1].values(b"http2-settings") == []

    play(scene(), fast=True)


def test_a_tunnel_to_an_allowed_host() -> None:
    async def scene() -> None:
        async with serving(fine) as port, staged(connect=[f"127.0.0.1:{port}"]) as stage:
            client = await stage.client()
            target = f"127.0.0.1:{port}"
            await client.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")
            for _ in range(3):
                status, response = await client.ask(get(host=target))
                assert (status, response.body) == (200, b"ok")
                assert response.values(b"via") == []
            assert stage.seen == []
            client.close()
            await stage.when(lambda: stage.proxy.stats.open == 0)
            status, _ = await stage.ask(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status == 403

    play(scene(), fast=True)


def test_a_tunnel_through_which_nothing_goes_is_closed() -> None:
    async def scene() -> None:
        gone = asyncio.Event()

        async def silent(line: Line, _: Request) -> None:
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await line.rest()
            gone.set()

        settings = ProxySettings(tunnel_timeout=0.3)
        async with serving(silent) as port, staged(settings=settings, connect=[f"127.0.0.1:{port}"]) as stage:
            client = await stage.client()
            target = f"127.0.0.1:{port}"
            await client.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")
            status, _ = await client.ask(get(host=target))
            assert status == 200
            assert await client.rest() == b""
            async with asyncio.timeout(20):
                await gone.wait()
            await stage.when(lambda: stage.proxy.stats.tunnels == stage.proxy.stats.open == 0)

    play(scene(), fast=True)


def test_slow_clients_are_sent_away() -> None:
    settings = ProxySettings(header_timeout=0.2, idle_timeout=0.2, body_timeout=0.2)

    async def scene() -> None:
        async with staged(settings=settings) as stage:
            idle = await stage.client()
            assert await idle.rest() == b""
            for sent in (b"G", b"GET /a HTTP/1.1\r\nHost: orders\r\n", HEAD + b"5\r\nhel"):
                slow = await stage.client()
                await slow.send(sent)
                status, response = await slow.response()
                assert (status, response.values(b"mesh-error")) == (408, [b"timeout"])
                assert await slow.rest() == b""
            assert stage.seen == []

    play(scene(), fast=True)
