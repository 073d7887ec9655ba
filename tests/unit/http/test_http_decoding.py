"""Content codings undone under a bound, held against httpx's own decoders."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]
import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from meshclient.http import codings
from meshclient.http.decoding import bounded_decoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEBI = 1024 * 1024


def bare(data: bytes) -> bytes:
    """deflate without its envelope, as many servers send it."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate, bare": bare,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip, zstd": lambda data: zstandard.ZstdCompressor().compress(gzip.compress(data)),
    "unknown": bytes,
}


def split(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    at = 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        yield data[at:cut]
        at = cut


def name_of(coding: str) -> str:
    return coding.removesuffix(", bare")


@given(
    st.sampled_from(sorted(PACKERS)),
    st.binary(max_size=300) | st.builds(bytes.__mul__, st.binary(max_size=9), st.integers(0, 30_000)),
    st.lists(st.integers(0, 10_000), max_size=4),
)
def test_any_split_decodes_to_what_was_packed(coding: str, data: bytes, cuts: list[int]) -> None:
    decoder = bounded_decoder(name_of(coding), len(data))
    made = b"".join(decoder.decode(part) for part in split(PACKERS[coding](data), cuts)) + decoder.flush()
    assert made == data


# httpx cannot undo zstd in company: it asks a frame for more that has ended.
@given(st.sampled_from(sorted({*PACKERS} - {"gzip, zstd"})), st.binary(max_size=50), st.binary(max_size=20))
def test_damage_is_found_where_httpx_finds_it(coding: str, data: bytes, tail: bytes) -> None:
    packed = PACKERS[coding](data)
    for damaged in (packed + tail, packed[: len(packed) // 2], packed[1:]):
        expected = outcome(damaged, lambda body: httpx_body(name_of(coding), body))
        assert outcome(damaged, lambda body: our_body(name_of(coding), body)) == expected


def outcome(body: bytes, read: Callable[[bytes], bytes]) -> bytes | None:
    try:
        return read(body)
    except httpx.DecodingError:
        return None


def httpx_body(coding: str, body: bytes) -> bytes:
    return httpx.Response(200, headers={"content-encoding": coding}, content=body).content


def our_body(coding: str, body: bytes) -> bytes:
    decoder = bounded_decoder(coding, 100 * MEBI)
    # As httpx does, which never shows a decoder nothing.
    return (decoder.decode(body) if body else b"") + decoder.flush()


@pytest.mark.parametrize("coding", sorted(PACKERS))
def test_one_byte_too_many_is_too_many(coding: str) -> None:
    packed = PACKERS[coding](bytes(100_000))
    decoder = bounded_decoder(name_of(coding), 100_000)
    assert len(decoder.decode(packed) + decoder.flush()) == 100_000
    with pytest.raises(httpx.DecodingError, match=r"larger than 99999 bytes.*max_response"):
        bounded_decoder(name_of(coding), 99_999).decode(packed)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate, bare", "br", "zstd", "gzip, zstd"])
def test_a_bomb_goes_off_before_it_fills_memory(coding: str) -> None:
    bomb = PACKERS[coding](bytes(64 * MEBI))
    assert len(bomb) < MEBI
    decoder = bounded_decoder(name_of(coding), MEBI)
    tracemalloc.start()
    try:
        with pytest.raises(httpx.DecodingError, match="max_response"):
            decoder.decode(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEBI


def test_a_bound_holds_for_the_whole_body() -> None:
    packed = gzip.compress(bytes(1000))
    decoder = bounded_decoder("gzip", 999)
    with pytest.raises(httpx.DecodingError):
        b"".join(map(decoder.decode, split(packed, list(range(len(packed))))))


def test_output_that_outlasts_its_input_is_not_lost() -> None:
    # One byte more than a piece, and no checksum behind it that would have to be read.
    size = 64 * 1024 + 1
    decoder = bounded_decoder("deflate", size)
    assert len(decoder.decode(bare(bytes(size))) + decoder.flush()) == size


def test_frames_of_zstd_follow_one_another() -> None:
    pack = zstandard.ZstdCompressor().compress
    decoder = bounded_decoder("zstd", 6)
    assert decoder.decode(pack(b"one") + pack(b"two")) + decoder.flush() == b"onetwo"


def test_a_window_that_no_encoder_may_use_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=25)
    packing = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packing.compress(bytes(100)) + packing.flush()
    with pytest.raises(httpx.DecodingError):
        bounded_decoder("zstd", MEBI).decode(packed)


class Old:
    """brotli before 1.2, which cannot limit its output."""

    error = brotli.error

    class Decompressor:
        """Its decompressor."""

        def __init__(self) -> None:
            self._real = brotli.Decompressor()

        def process(self, data: bytes) -> bytes:
            assert len(data) <= 64
            return bytes(self._real.process(data))

        def is_finished(self) -> bool:
            return bool(self._real.is_finished())


def test_an_old_brotli_is_fed_in_sips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codings, "import_module", lambda _: Old)
    data = bytes(range(256)) * 100
    decoder = bounded_decoder("br", len(data))
    assert decoder.decode(brotli.compress(data)) + decoder.flush() == data


def test_what_has_no_package_here_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(codings, "import_module", missing)
    decoder = bounded_decoder("br", 9)
    assert decoder.decode(b"as it is") + decoder.flush() == b"as it is"
