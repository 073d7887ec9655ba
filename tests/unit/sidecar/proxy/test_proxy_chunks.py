"""Bodies in chunks, in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.sidecar.proxy.chunks import ChunkFault, Chunks
from meshclient.sidecar.proxy.request_body import RequestBody
from meshclient.sidecar.proxy.request_head import CHUNKED


def read(pieces: list[bytes]) -> tuple[bytes, Chunks]:
    chunks, body = Chunks(), b""
    for piece in pieces:
        body += chunks.feed(piece)
    return body, chunks


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.integers(1, 30), st.binary(max_size=10))
def test_any_cut_gives_the_same(parts: list[bytes], step: int, rest: bytes) -> None:
    raw = b"".join([b"%X;a=b\r\n%b\r\n" % (len(part), part) for part in parts]) + b"00\r\nX: y\r\n\r\n"
    body, chunks = read([raw[at : at + step] for at in range(0, len(raw), step)])
    assert (body, chunks.complete, chunks.rest) == (b"".join(parts), True, b"")
    body, chunks = read([raw + rest])
    assert (body, chunks.complete, chunks.rest) == (b"".join(parts), True, rest)


@pytest.mark.parametrize(
    "raw",
    [
        b"g\r\n", b"-1\r\n", b"+1\r\na\r\n0\r\n\r\n", b"0x1\r\na\r\n0\r\n\r\n", b" 1\r\na\r\n0\r\n\r\n",
        b"1 \r\na\r\n0\r\n\r\n", b"1 ;x\r\na\r\n0\r\n\r\n", b"\r\n", b"1\na\r\n0\r\n\r\n", b"1\r\nab\r\n0\r\n\r\n",
        b"1\r\na\n0\r\n\r\n", b"1\r\na\r0\r\n\r\n", b"1;\0\r\na\r\n0\r\n\r\n", b"1;a\rb\r\na\r\n0\r\n\r\n",
        b"10000000000000000\r\n", b"1;" + b"x" * 2000, b"0\r\nX\r\n\r\n", b"0\r\n: y\r\n\r\n", b"0\r\n X: y\r\n\r\n",
        b"0\r\nX: y\n\r\n", b"0\r\nX: \0\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 2000, b"0\r\n\n",
    ],
)  # fmt: skip
def test_what_is_no_chunk_is_refused(raw: bytes) -> None:
    with pytest.raises(ChunkFault):
        read([raw])
    with pytest.raises(ChunkFault):
        read([raw[at : at + 1] for at in range(len(raw))])


def test_a_counted_body_ends_where_it_says() -> None:
    body = RequestBody(5)
    assert (body.feed(b"hel"), body.complete) == (b"hel", False)
    assert (body.feed(b"lo, next"), body.complete, body.rest) == (b"lo", True, b", next")
    assert RequestBody(0).complete
    assert not RequestBody(CHUNKED).complete
