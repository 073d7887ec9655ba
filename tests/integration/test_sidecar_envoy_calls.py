"""Requests through the envoy data plane: which service they reach, and what its policies make of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx

from integration.envoyplane import client, plane, unused_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servers.backend import Backends

NO_EJECTION = {"ejection": False, "throttle": False}


def through(services: dict[str, Any], calls: Callable[[httpx.AsyncClient], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with plane(None, services=services, **settings) as made, client(made) as http:
            await calls(http)

    asyncio.run(run())


def test_every_way_to_name_a_service(backends: Backends) -> None:
    orders, users = backends(2)
    services = {"orders": {"endpoints": [orders.url]}, "users": {"endpoints": [users.url]}}

    async def calls(http: httpx.AsyncClient) -> None:
        for headers in (
            {"host": "orders"},
            {"host": "orders.mesh"},
            {"host": "ORDERS:80"},
            {"host": "users", "mesh-service": "orders"},
        ):
            reply = await http.get("/echo?b=c", headers=headers)
            assert (reply.json()["instance"], reply.json()["target"]) == (orders.name, "/echo?b=c"), headers
        reply = await http.get("/o/echo?b=/o/", headers={"host": "elsewhere.example"})
        assert (reply.json()["instance"], reply.json()["target"]) == (orders.name, "/echo?b=/o/")
        for path in ("/o", "/o/"):
            assert (await http.get(path, headers={"host": "elsewhere.example"})).json()["path"] == "/"
        for path in ("/ox", "/"):
            reply = await http.get(path, headers={"host": "elsewhere.example"})
            assert (reply.status_code, reply.headers["mesh-error"]) == (404, "no_route")
        proxied = httpx.AsyncClient(proxy=str(http.base_url), trust_env=False)
        async with proxied:
            assert (await proxied.get("http://users.mesh/a")).json()["instance"] == users.name

    through(services, calls, prefixes={"/o/": "orders"})


def test_everything_goes_to_one_service(backends: Backends) -> None:
    (instance,) = backends()

    async def calls(http: httpx.AsyncClient) -> None:
        for headers in ({"host": "orders"}, {"host": "example.com"}, {"mesh-service": "users"}, {}):
            assert (await http.get("/", headers=headers)).json()["instance"] == instance.name

    through({"orders": {"endpoints": [instance.url]}}, calls, service="orders")


def test_only_what_may_be_sent_twice_is_repeated(backends: Backends) -> None:
    (instance,) = backends()
    cases: list[tuple[str, dict[str, str], int]] = [
        ("GET", {}, 200),
        ("PUT", {}, 200),
        ("POST", {}, 503),
        # Whether it may be is not for whoever wrote the headers to say.
        ("POST", {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3", "x-forwarded-for": "10.0.0.1"}, 503),
        ("POST", {"idempotency-key": "7"}, 200),
    ]

    async def calls(http: httpx.AsyncClient) -> None:
        for method, headers, status in cases:
            await asyncio.to_thread(instance.control, status=503, times=1)
            reply = await http.request(method, "/", headers={"host": "orders", **headers}, content=b"x")
            assert reply.status_code == status, (method, headers)
            assert reply.headers.get("mesh-error") is None

    through({"orders": {"endpoints": [instance.url]} | NO_EJECTION}, calls)


def test_what_was_never_sent_goes_to_another_endpoint(backends: Backends) -> None:
    (instance,) = backends()
    dead = f"http://127.0.0.1:{unused_port()}"

    async def calls(http: httpx.AsyncClient) -> None:
        for _ in range(10):
            reply = await http.post("/", headers={"host": "orders"}, content=b"x")
            assert reply.status_code == 200

    services = {"orders": {"endpoints": [instance.url, dead], "balancer": "round_robin", "slow_start": False}}
    through({"orders": services["orders"] | NO_EJECTION}, calls)


def test_answers_of_its_own_say_what_is_wrong(backends: Backends) -> None:
    (slow,) = backends(delay=30.0)
    (bad,) = backends(status=503)
    services = {
        "slow": {"endpoints": [slow.url], "deadline": "100ms", "retry": False},
        "down": {"endpoints": [f"http://127.0.0.1:{unused_port()}"], "retry": False},
        "one": {"endpoints": [slow.url], "limit": {"concurrency": 1}, "retry": False},
        "bad": {"endpoints": [bad.url], "throttle": {"min_calls": 2}, "retry": False, "ejection": False},
    }

    async def calls(http: httpx.AsyncClient) -> None:
        async def reply(host: str) -> tuple[int, str | None]:
            response = await http.get("/", headers={"host": host})
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code
            assert response.json()["error"] == response.headers["mesh-error"]
            assert response.headers.get("retry-after") == ("1" if host == "one" else None)
            return response.status_code, response.headers["mesh-error"]

        assert await reply("slow") == (504, "deadline_exceeded")
        assert await reply("down") == (503, "connect_error")
        both = {asyncio.create_task(reply("one")) for _ in range(2)}
        refused, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in refused] == [(503, "overloaded")]
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        for _ in range(300):
            throttled = await http.get("/", headers={"host": "bad"})
            if "mesh-error" in throttled.headers:
                break
        assert (throttled.status_code, throttled.headers["mesh-error"]) == (503, "circuit_open")
        assert throttled.headers["retry-after"] == "1"

    through(services, calls)


def test_requests_that_cannot_be_passed_on_are_answered_in_the_words_of_the_built_in_proxy(backends: Backends) -> None:
    (instance,) = backends()
    cases = {
        b"GET / HTTP/1.1\r\n\r\n": (400, "bad_request"),
        b"POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: x\r\n\r\n": (400, "bad_request"),
        b"GET / HTTP/1.1\r\nHost: orders\r\nX: " + b"x" * 100_000 + b"\r\n\r\n": (431, "too_large"),
        b"GET / HTTP/1.1\r\nHost: orders\r\n": (408, "timeout"),
    }

    async def run() -> None:
        services = {"orders": {"endpoints": [instance.url]}}
        async with plane(None, services=services, header_timeout=0.1) as made, asyncio.timeout(30):
            for sent, (status, word) in cases.items():
                reader, writer = await asyncio.open_connection(*made.address.split(":"))
                writer.write(sent)
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                writer.close()
                assert head.startswith(f"HTTP/1.1 {status} "), head
                assert f"\r\nmesh-error: {word}\r\n" in head

    asyncio.run(run())


def test_traces_and_request_ids_pass(backends: Backends) -> None:
    (instance,) = backends()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def calls(http: httpx.AsyncClient) -> None:
        sent = {"host": "orders", "traceparent": trace, "x-request-id": "mine", "mesh-service": "orders"}
        headers = {name.lower(): value for name, value in (await http.get("/echo", headers=sent)).json()["headers"]}
        assert (headers["traceparent"], headers["x-request-id"]) == (trace, "mine")
        assert headers["via"] == "1.1 meshclient"
        assert not [name for name in headers if name.startswith("x-envoy") or name == "mesh-service"]
        sent = {"host": "orders"}
        headers = {name.lower(): value for name, value in (await http.get("/echo", headers=sent)).json()["headers"]}
        assert headers["x-request-id"]

    through({"orders": {"endpoints": [instance.url]}}, calls)
