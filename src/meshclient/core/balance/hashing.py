"""Hashes that are the same in every process, on every machine and after every upgrade.

Python's own `hash` of a text differs from process to process, so two workers would send one key to two endpoints.
BLAKE2b (RFC 7693) is in the standard library, and even where people choose the keys it spreads them evenly. Nothing
is cached: hashing a key costs about half a microsecond, and a cache would hold the latest thousands of keys to save
it.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint

# What one digest of `words` gives: BLAKE2b costs the same for eight words as for one.
WORDS = 8

_SPAN = 1 << 64
_UNPACK = Struct(f">{WORDS}Q").unpack


def hash64(text: str) -> int:
    """`text` as a number in [0, 2 ** 64); lone surrogates, as in undecodable header values, are as good as any."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def words(text: str, number: int) -> tuple[int, ...]:
    """The `number`-th eight of an endless row of numbers in [0, 2 ** 64) that `text` stands for."""
    return _UNPACK(blake2b(text.encode("utf-8", "surrogatepass"), salt=number.to_bytes(8, "big")).digest())


def rehash(value: int, step: int) -> int:
    """The `step`-th number of a random-looking row that begins with the hash `value`.

    Source: G. L. Steele, D. Lea and C. H. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014
    (SplitMix64).
    """
    mixed = (value + step * 0x9E3779B97F4A7C15) % _SPAN
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % _SPAN
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % _SPAN
    return mixed ^ (mixed >> 31)


def identity(endpoint: Endpoint) -> str:
    """The endpoint's identity as one text, no two of them alike: none of its parts may hold a NUL but the last."""
    scheme, host, port, own = endpoint.key
    return f"{scheme}\0{host}\0{port}\0{own}"
