"""The policies of the library hold for what passes, and what the proxy counts and says of it."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING

import pytest

from integration.proxied import OK, Line, Request, fine, get, play, post, serving, staged
from meshclient import Mesh
from meshclient.http._async.departure import AsyncDeparture
from meshclient.sidecar.proxy import OutboundRoute, ProxySettings, Refusal
from meshclient.sidecar.proxy import proxy as proxy_module
from meshclient.telemetry.prometheus import exposition

if TYPE_CHECKING:
    from pathlib import Path

    from meshclient.sidecar.proxy import RequestHead


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_another_endpoint_answers_where_one_cannot() -> None:
    async def broken(line: Line, _: Request) -> None:
        line.close()
        raise ConnectionError

    async def failing(line: Line, _: Request) -> None:
        await line.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad")

    async def scene() -> None:
        async with serving(broken) as first, serving(failing) as second, serving(fine) as third:
            ports = (first, second, third, _free_port())
            endpoints = [f"http://127.0.0.1:{port}" for port in ports]
            retry = {"attempts": 4, "budget": "100%"}
            async with staged(service={"endpoints": endpoints, "retry": retry}) as stage:
                client = await stage.client()
                for _ in range(40):
                    assert (await client.ask(get()))[0] == 200
                # What may have been executed is not sent again; a connection that was refused is no such thing.
                statuses = {(await client.ask(post(b"once")))[0] for _ in range(10)}
                assert statuses <= {200, 502, 503}
                states = {each.endpoint.port: each for each in stage.mesh.service("orders").balancer.status(0.0)}
                assert sum(each.pending for each in states.values()) == 0

    play(scene())


def test_a_small_body_is_sent_again_and_a_stream_is_not() -> None:
    async def scene() -> None:
        tries = 0

        async def first_fails(line: Line, _: Request) -> None:
            nonlocal tries
            tries += 1
            await line.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" if tries % 2 else OK)

        async with staged(first_fails) as stage:
            client = await stage.client()
            put = b"PUT /a HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\nhello"
            assert (await client.ask(put))[0] == 200
            assert [seen.body for seen in stage.seen] == [b"hello", b"hello"]
            assert stage.seen[1].values(b"mesh-attempt") == [b"2"]
            assert (await client.ask(post(b"hello")))[0] == 503
            assert (await client.ask(post(b"hello", "Idempotency-Key: 1")))[0] == 200

    play(scene())


def test_a_status_of_the_server_stays_as_it_is() -> None:
    async def answer(line: Line, _: Request) -> None:
        await line.send(b"HTTP/1.1 500 Its Own Words\r\nContent-Length: 4\r\nX-Own: 1\r\n\r\nown!")

    async def scene() -> None:
        async with staged(answer, service={"throttle": False}) as stage:
            client = await stage.client()
            for _ in range(3):
                status, response = await client.ask(get())
                assert (status, response.body) == (500, b"own!")
                assert response.line == b"HTTP/1.1 500 Its Own Words"
                assert response.values(b"mesh-error") == []
                assert response.values(b"x-own") == [b"1"]

    play(scene())


def test_what_it_answers_itself_says_why() -> None:
    async def never(line: Line, _: Request) -> None:
        await line.rest()

    async def bad(line: Line, _: Request) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok")

    async def refused(service: dict[str, object], request: bytes, status: int, error: bytes) -> Request:
        async with staged(service=service) as stage:
            found, response = await stage.ask(request)
            assert (found, response.values(b"mesh-error")) == (status, [error])
            assert stage.proxy.stats.refused[error.decode()] == 1
            return response

    async def scene() -> None:
        nobody: dict[str, object] = {"endpoints": [f"http://127.0.0.1:{_free_port()}"]}
        await refused(nobody, get(), 503, b"connect_error")
        await refused({"endpoints": []}, get(), 503, b"no_endpoints")
        async with serving(never) as port:
            silent: dict[str, object] = {"endpoints": [f"http://127.0.0.1:{port}"]}
            await refused({**silent, "deadline": "100ms"}, get(), 504, b"deadline_exceeded")
            await refused(silent, get("/", "mesh-timeout: 100m"), 504, b"deadline_exceeded")
            await refused({**silent, "attempt_timeout": "100ms", "retry": False}, get(), 504, b"timeout")
            long = b"POST /a HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n"
            async with staged(service={**silent, "attempt_timeout": "100ms"}) as stage:
                client = await stage.client()
                await client.send(long)
                await stage.when(lambda: stage.proxy.stats.active == 1)
                status, response = await client.ask(b"0\r\n\r\n")
                assert (status, response.values(b"mesh-error")) == (504, [b"deadline_exceeded"])
        async with serving(bad) as port:
            response = await refused({"endpoints": [f"http://127.0.0.1:{port}"]}, get(), 502, b"protocol_error")
            assert f"127.0.0.1:{port}" in json.loads(response.body)["detail"]

    play(scene())


def test_an_open_circuit_refuses_and_says_when_to_come_again() -> None:
    async def failing(line: Line, _: Request) -> None:
        await line.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")

    async def scene() -> None:
        circuit = {"consecutive": 3, "open": "20s..30s"}
        async with staged(failing, service={"circuit": circuit, "retry": False, "ejection": False}) as stage:
            client = await stage.client()
            for _ in range(3):
                assert (await client.ask(get()))[0] == 500
            status, response = await client.ask(get())
            assert (status, response.values(b"mesh-error")) == (503, [b"circuit_open"])
            assert 1 <= int(response.values(b"retry-after")[0]) <= 60
            assert len(stage.seen) == 3

    play(scene())


def test_calls_are_counted_as_those_of_the_library() -> None:
    async def scene() -> None:
        async with staged() as stage:
            client = await stage.client()
            for _ in range(5):
                await client.ask(get())
            text = exposition(stage.mesh).decode()
            (line,) = [
                line
                for line in text.splitlines()
                if line.startswith("meshclient_client_call_duration_seconds_count") and '"orders"' in line
            ]
            assert float(line.rpartition(" ")[2]) == 5
            stats = stage.proxy.stats
            assert (stats.requests, stats.statuses[2], stats.active) == (5, 5, 0)
            told = stats.as_dict()
            assert json.loads(json.dumps(told)) == told
            assert told["statuses"] == {"1xx": 0, "2xx": 5, "3xx": 0, "4xx": 0, "5xx": 0}

    play(scene())


def test_where_requests_go() -> None:
    async def scene() -> None:
        async with (
            serving(fine) as port,
            staged(prefixes={"/o/": "orders", "/o/deep": "orders"}, passthrough=True) as stage,
        ):
            client = await stage.client()
            for request, target, host in [
                (get("/1", host="orders.mesh:7140"), b"/1", b"orders.mesh:7140"),
                (get("/2", host="ORDERS"), b"/2", b"ORDERS"),
                (get("http://orders/3?x", host="other"), b"/3?x", b"orders"),
                (get("/o/4", host="localhost:7140"), b"/4", b"orders"),
                (get("/o/deep/5", host="localhost"), b"/5", b"orders"),
                (get("/6", "mesh-service: orders", host="localhost"), b"/6", b"localhost"),
                (b"OPTIONS * HTTP/1.1\r\nHost: orders\r\n\r\n", b"*", b"orders"),
            ]:
                assert (await client.ask(request))[0] == 200
                assert stage.seen[-1].line.split(b" ")[1] == target
                assert stage.seen[-1].values(b"host") == [host]
                assert stage.seen[-1].values(b"mesh-service") == []
            known = len(stage.seen)
            # Through to a host that is no service, for who takes us for a proxy.
            assert (await client.ask(get(f"http://127.0.0.1:{port}/x", host="x")))[0] == 200
            for request, status in [
                (get("/", host=f"127.0.0.1:{port}"), 404),
                (get("/", "mesh-service: nobody"), 404),
                (get("https://orders/"), 421),
                (get("http://user@orders/"), 400),
                (get("orders"), 400),
                (b"TRACE / HTTP/1.1\r\nHost: orders\r\nMax-Forwards: 0\r\n\r\n", 405),
            ]:
                assert (await stage.ask(request))[0] == status
            assert len(stage.seen) == known
            await client.ask(b"TRACE / HTTP/1.1\r\nHost: orders\r\nMax-Forwards: 3\r\n\r\n")
            assert stage.seen[-1].values(b"max-forwards") == [b"2"]

    play(scene())


class Counting:
    """A gate with one place, and its permit."""

    def __init__(self) -> None:
        self.inside = 0
        self.left: list[int] = []

    def enter(self, head: RequestHead) -> Refusal | Counting:
        if head.header(b"x-refuse"):
            return Refusal(503, "app_unavailable", "Not now.", 3.0)
        self.inside += 1
        return self

    def leave(self, status: int) -> None:
        self.inside -= 1
        self.left.append(status)


def test_a_gate_is_asked_for_each_request() -> None:
    async def scene() -> None:
        gate, lines = Counting(), list[str]()
        settings = ProxySettings(gate=gate, log=lines.append)
        async with staged(settings=settings) as stage:
            client = await stage.client()
            assert (await client.ask(get("/1")))[0] == 200
            status, response = await client.ask(get("/2", "X-Refuse: 1"))
            assert (status, response.values(b"retry-after")) == (503, [b"3"])
            # The body of one that was refused is no request.
            refused = await stage.client()
            await refused.send(post(get("/smuggled"), "X-Refuse: 1"))
            assert (await refused.response())[0] == 503
            assert await refused.rest() == b""
            assert [seen.line for seen in stage.seen] == [b"GET /1 HTTP/1.1"]
            assert (gate.inside, gate.left) == (0, [200])
            first = json.loads(lines[0])
            assert (first["method"], first["target"], first["status"], first["service"]) == ("GET", "/1", 200, "orders")
            assert first["endpoint"].startswith("http://127.0.0.1:")
            assert json.loads(lines[1])["status"] == 503

    play(scene())


def test_a_listener_on_a_unix_socket_and_endpoints_behind_one(tmp_path: Path) -> None:
    async def scene() -> None:
        async with staged() as stage:
            sock = socket.socket(socket.AF_UNIX)
            sock.bind(str(tmp_path / "proxy.sock"))
            await stage.proxy.listen(sock)
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "proxy.sock"))
            line = Line(reader, writer)
            stage.lines.append(line)
            assert (await line.ask(get()))[0] == 200
            assert stage.seen[0].values(b"x-forwarded-for") == []
            assert stage.seen[0].values(b"forwarded") == [b'for=unknown;host="orders";proto=http']

    play(scene())


def test_too_many_connections() -> None:
    async def scene() -> None:
        async with staged(settings=ProxySettings(max_connections=2)) as stage:
            clients = [await stage.client() for _ in range(2)]
            for client in clients:
                assert (await client.ask(get()))[0] == 200
            more = await stage.client()
            status, response = await more.response()
            assert (status, response.values(b"mesh-error")) == (503, [b"overloaded"])
            more.close()
            clients[0].close()
            await stage.when(lambda: stage.proxy.stats.open < 2)
            assert (await stage.ask(get()))[0] == 200

    play(scene())


def test_draining_lets_requests_end() -> None:
    async def scene() -> None:
        go_on = asyncio.Event()

        async def waiting(line: Line, _: Request) -> None:
            await go_on.wait()
            await line.send(OK)

        async with staged(waiting) as stage:
            idle, busy = await stage.client(), await stage.client()
            await busy.send(get())
            await stage.when(lambda: bool(stage.seen))
            draining = asyncio.ensure_future(stage.proxy.drain(20.0))
            assert await idle.rest() == b""
            go_on.set()
            status, response = await busy.response()
            assert (status, response.values(b"connection")) == (200, [b"close"])
            assert await busy.rest() == b""
            busy.close()
            assert await draining == 0
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*stage.address)

    play(scene())


def test_what_is_on_its_way_as_draining_begins_is_answered_as_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    # However busy the machine is.
    monkeypatch.setattr(proxy_module, "_MOMENT", 20.0)

    async def scene() -> None:
        async def answer(line: Line, _: Request) -> None:
            await line.send(OK)

        async with staged(answer) as stage:
            known, new = await stage.client(), await stage.client()
            await known.send(get())
            await known.response()
            draining = asyncio.ensure_future(stage.proxy.drain(20.0))
            await stage.when(lambda: stage.proxy.draining)
            await asyncio.gather(known.send(get()), new.send(get()))
            for client in (known, new):
                status, response = await client.response()
                assert (status, response.values(b"connection")) == (200, [b"close"])
                assert await client.rest() == b""
                client.close()
            assert await draining == 0

    play(scene())


def test_a_fault_of_ours_on_the_way_to_another_road_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AsyncDeparture, "__init__", broken)

    async def scene() -> None:
        async def bad(line: Line, request: Request) -> None:
            if b"cut" not in request.head:
                await line.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
            else:
                line.close()

        async with staged(bad) as stage:
            for path in ("/503", "/cut"):
                status, response = await stage.ask(get(path))
                assert (status, response.values(b"mesh-error")) == (500, [b"internal"])
            service = stage.mesh.service("orders")
            assert [each.pending for each in service.balancer.status(service.clock())] == [0]

    play(scene())


def test_draining_cuts_off_what_takes_longer() -> None:
    async def scene() -> None:
        async def never(line: Line, _: Request) -> None:
            await line.rest()

        async with staged(never) as stage:
            busy = await stage.client()
            await busy.send(get())
            await stage.when(lambda: bool(stage.seen))
            assert await stage.proxy.drain(0.1) == 1
            assert await busy.rest() == b""

    play(scene())


def test_another_setup_takes_the_place_of_the_first() -> None:
    async def scene() -> None:
        go_on = asyncio.Event()

        async def waiting(line: Line, _: Request) -> None:
            await go_on.wait()
            await line.send(OK)

        async def other(line: Line, _: Request) -> None:
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")

        async with staged(waiting) as stage, serving(other) as port:
            before, after = await stage.client(), await stage.client()
            await before.send(get())
            await stage.when(lambda: bool(stage.seen))
            with Mesh(services={"orders": {"endpoints": [f"http://127.0.0.1:{port}"]}}) as mesh:
                stage.proxy.swap(mesh, ProxySettings(via=""), OutboundRoute(mesh))
                _, response = await after.ask(get())
                assert (response.body, response.values(b"via")) == (b"other", [])
                go_on.set()
                _, response = await before.response()
                assert (response.body, response.values(b"via")) == (b"ok", [b"1.1 meshclient"])
                _, response = await before.ask(get())
                assert response.body == b"other"
                await stage.proxy.aclose()

    play(scene())
