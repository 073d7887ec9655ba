"""The access log: to a file, to a pipe that is read late, to one that nobody reads any more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from meshclient.sidecar.access_log import KEPT, MOST, AccessLog

LINE = "x" * 99


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield reading, stream
    with contextlib.suppress(OSError):
        os.close(reading)


def read(file: int, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += os.read(file, size - len(found))
    return found


def test_lines_are_written_after_a_moment_or_when_they_are_many(tmp_path: Path) -> None:
    async def scene() -> None:
        with (tmp_path / "log").open("w+", encoding="utf-8") as stream:
            log = AccessLog(stream)
            log("a")
            log("b")
            async with asyncio.timeout(20):
                while (tmp_path / "log").read_text() != "a\nb\n":  # noqa: ASYNC110 - of the file
                    await asyncio.sleep(0.01)
            for _ in range(MOST):
                log("c")
            assert (tmp_path / "log").read_text().count("c\n") == MOST

    asyncio.run(scene())


def test_a_pipe_that_is_not_read_holds_nobody_up_and_what_is_lost_is_counted(
    pipe: tuple[int, TextIO], caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        reading, stream = pipe
        log = AccessLog(stream)
        lines = 0
        # It would wait here for ever.
        while not log.dropped:
            log(LINE)
            lines += 1
            assert lines < 10**5
        log(LINE)
        assert log.dropped == 2
        assert (lines - 1) * 100 >= KEPT
        kept = (lines - 1) * 100

        def collect() -> bytes:
            return read(reading, kept)

        with caplog.at_level(logging.WARNING, "meshclient.sidecar"):
            written = asyncio.create_task(asyncio.to_thread(collect))
            async with asyncio.timeout(20):
                assert await written == (LINE.encode() + b"\n") * (lines - 1)
                while log.dropped:  # noqa: ASYNC110 - counted by its timer
                    await asyncio.sleep(0.01)
        assert [record.message for record in caplog.records] == [
            "2 lines of the access log were dropped: nobody read standard output"
        ]
        log("after")
        log.flush()
        assert await asyncio.to_thread(os.read, reading, 100) == b"after\n"

    asyncio.run(scene())


def test_another_worker_fills_the_pipe_between_a_look_and_the_write(
    pipe: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hasty:
        def register(self, *_: int) -> None:
            pass

        def poll(self, _: int) -> bool:
            return True

    reading, stream = pipe
    monkeypatch.setattr("meshclient.sidecar.access_log.select.poll", Hasty)
    log = AccessLog(stream)
    log._lines = [LINE] * 1000
    flushing = threading.Thread(target=log.flush)
    flushing.start()
    flushing.join(20)
    waited = flushing.is_alive()
    # Lets one go that waits.
    read(reading, 100_000 if waited else 4000)
    flushing.join()
    assert not waited
    assert os.get_blocking(stream.fileno())


def test_lines_are_not_torn_where_workers_share_the_output() -> None:
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with reading, writing, os.fdopen(writing.detach(), "w", encoding="utf-8") as stream:
        log = AccessLog(stream)
        log._lines = [LINE] * 200
        log.flush()
        packets = [reading.recv(8192) for _ in range(5)]
    assert b"".join(packets) == (LINE.encode() + b"\n") * 200
    assert all(packet.endswith(b"\n") for packet in packets)


def test_nobody_reads_it_any_more(pipe: tuple[int, TextIO]) -> None:
    async def scene() -> None:
        reading, stream = pipe
        os.close(reading)
        log = AccessLog(stream)
        for _ in range(2):
            log("a")
            log.flush()
        assert log.dropped == 0

    asyncio.run(scene())
