"""A check of the own instance, against servers of every mood."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.registration.probe import NotReady, probe
from servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servers.backend import Backends


def refused(port: int, path: str = "/healthz", timeout: float = 5.0) -> str:
    with pytest.raises(NotReady) as raised:
        asyncio.run(probe(Endpoint("127.0.0.1", port), path, timeout))
    return str(raised.value)


def test_an_answer_of_2xx_is_readiness(backends: Backends) -> None:
    (backend,) = backends(1)
    asyncio.run(probe(Endpoint("127.0.0.1", backend.port), "/healthz", 5.0))
    assert backend.stats()["paths"] == {"/healthz": 1}


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_any_other_answer_is_none(backends: Backends, status: int) -> None:
    (backend,) = backends(1)
    backend.control(status=status)
    assert refused(backend.port) == f"GET http://127.0.0.1:{backend.port}/healthz answered {status}"


@pytest.mark.parametrize("path", ["/healthz", ""])
def test_nobody_there(path: str) -> None:
    assert "failed: Connect" in refused(free_port(), path)


def test_an_answer_that_does_not_come(backends: Backends) -> None:
    (backend,) = backends(1)
    backend.control(hang=True)
    assert refused(backend.port, timeout=0.2) == f"GET http://127.0.0.1:{backend.port}/healthz took longer than 200ms"


def answering(raw: bytes) -> Callable[[Callable[[int], Awaitable[None]]], None]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    def run(ask: Callable[[int], Awaitable[None]]) -> None:
        async def check() -> None:
            async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
                await ask(server.sockets[0].getsockname()[1])

        asyncio.run(check())

    return run


def test_without_a_path_a_port_that_accepts_is_enough() -> None:
    answering(b"")(lambda port: probe(Endpoint("127.0.0.1", port), "", 5.0))


@pytest.mark.parametrize("raw", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 20"])
def test_what_is_no_answer_at_all(raw: bytes) -> None:
    async def ask(port: int) -> None:
        with pytest.raises(NotReady, match="failed: RemoteProtocolError"):
            await probe(Endpoint("127.0.0.1", port), "/healthz", 5.0)

    answering(raw)(ask)


def test_the_body_is_not_waited_for() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
    answering(head)(lambda port: probe(Endpoint("127.0.0.1", port), "/healthz", 5.0))
