"""The metrics of several workers as one exposition."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from meshclient.model.listening import Listening
from meshclient.sidecar.workers import front
from meshclient.sidecar.workers.front import Front, merged_metrics

ONE = """# HELP calls_total Calls
# TYPE calls_total counter
calls_total{service="orders"} 3
calls_total{service="a,b} c"} 1
# HELP up Up
# TYPE up gauge
up 1.0
"""
TWO = """# HELP calls_total Calls
# TYPE calls_total counter
calls_total{service="orders"} 4
# HELP late Late
# TYPE late gauge
late 2
"""


def test_samples_stand_together_by_metric_and_tell_their_worker() -> None:
    assert merged_metrics({1: ONE, 2: TWO}) == (
        "# HELP calls_total Calls\n"
        "# TYPE calls_total counter\n"
        'calls_total{worker="1",service="orders"} 3\n'
        'calls_total{worker="1",service="a,b} c"} 1\n'
        'calls_total{worker="2",service="orders"} 4\n'
        "# HELP up Up\n"
        "# TYPE up gauge\n"
        'up{worker="1"} 1.0\n'
        "# HELP late Late\n"
        "# TYPE late gauge\n"
        'late{worker="2"} 2\n'
    )


def test_without_workers_there_is_nothing() -> None:
    assert merged_metrics({}) == ""


def test_so_many_come_at_once_and_none_is_left_open_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "MOST_TALKS", 2)

    async def scenario() -> None:
        before = Front({1: Listening("127.0.0.1", 9)})
        sock = socket.create_server(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        await before.listen(sock)
        async with asyncio.timeout(20):
            first = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            while len(before._talks) < 2:  # noqa: ASYNC110 - of the other end of a connection
                await asyncio.sleep(0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
            writer.close()
            # Those that nobody serves are told so.
            first[0][1].write(b"GET /ready HTTP/1.1\r\n\r\n")
            assert (await first[0][0].read()).startswith(b"HTTP/1.1 503 ")
            # These are in the queue as it closes: they are accepted and cut off, or refused.
            late = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
            await before.aclose()
            assert await first[1][0].read() == b""
            for each in late:
                each.setblocking(False)
                with each, contextlib.suppress(ConnectionError):
                    assert await asyncio.get_running_loop().sock_recv(each, 100) in {b"", front._NOBODY}
            for _, each_writer in first:
                each_writer.close()

    asyncio.run(scenario())
