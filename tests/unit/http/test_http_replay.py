from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.http._async.replay import AsyncBody, AsyncReplay
from meshclient.http._sync.replay import REPLAY_LIMIT, Body, Replay


class Source(httpx.SyncByteStream):
    """A stream that can be read once, as a generator can."""

    def __init__(self, parts: list[bytes], fails_at: int = -1) -> None:
        self._iterator = self._generate(parts, fails_at)

    def __iter__(self) -> Iterator[bytes]:
        return self._iterator

    @staticmethod
    def _generate(parts: list[bytes], fails_at: int) -> Iterator[bytes]:
        for at, part in enumerate(parts):
            if at == fails_at:
                raise OSError("the disk is gone")
            yield part


def cut(stream: Replay, after: int) -> list[bytes]:
    """What an attempt sends before it breaks."""
    sent: list[bytes] = []
    for chunk in stream:
        if len(sent) == after:
            break
        sent.append(chunk)
    return sent


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=12), st.lists(st.integers(0, 12), max_size=4))
def test_every_attempt_sends_the_whole_body_whatever_the_earlier_ones_got(parts: list[bytes], cuts: list[int]) -> None:
    replay = Replay(Source(parts))
    for after in cuts:
        sent = cut(replay, after)
        assert sent == parts[:after]
    assert list(replay) == parts
    assert list(replay) == parts
    assert replay.obstacle == ""


def test_the_limit_itself_is_kept_and_one_byte_more_is_not() -> None:
    for size, kept in ((REPLAY_LIMIT, True), (REPLAY_LIMIT + 1, False)):
        replay = Replay(Source([b"x" * (size - 1), b"y"]))
        assert replay.obstacle == ""
        list(replay)
        assert (replay.obstacle == "") is kept
    assert "64 KiB" in replay.obstacle


def test_a_big_stream_that_was_never_begun_can_be_sent() -> None:
    replay = Replay(Source([b"x" * REPLAY_LIMIT, b"y"]))
    assert replay.obstacle == ""
    assert sum(map(len, replay)) == REPLAY_LIMIT + 1


def test_a_stream_that_failed_is_not_sent_shortened() -> None:
    replay = Replay(Source([b"a", b"b"], fails_at=1))
    with pytest.raises(OSError, match="the disk is gone"):
        list(replay)
    assert "failed" in replay.obstacle
    assert isinstance(replay.failure, OSError)


def test_a_stream_that_was_cancelled_is_not_sent_shortened() -> None:
    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"a"
            await asyncio.Event().wait()
            yield b"b"

    async def scenario() -> AsyncReplay:
        replay = AsyncReplay(Slow())

        async def attempt() -> list[bytes]:
            return [chunk async for chunk in replay]

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(attempt(), 0.01)
        return replay

    replay = asyncio.run(scenario())
    assert isinstance(replay.failure, asyncio.CancelledError)
    assert "interrupted" in replay.obstacle


def test_bytes_are_an_obstacle_only_when_big_and_begun() -> None:
    for kind in (Body, AsyncBody):
        for size, wrote, free in (
            (REPLAY_LIMIT, True, True),
            (REPLAY_LIMIT + 1, False, True),
            (REPLAY_LIMIT + 1, True, False),
        ):
            body = kind(httpx.Request("PUT", "http://orders/", content=b"x" * size))
            body.wrote = wrote
            assert (body.obstacle() == "") is free
    assert "65537 bytes is over the 64 KiB" in body.obstacle()


def test_a_senseless_content_length_is_left_to_the_protocol() -> None:
    assert Body(httpx.Request("PUT", "http://orders/", content=b"x", headers={"Content-Length": "x"})).obstacle() == ""
