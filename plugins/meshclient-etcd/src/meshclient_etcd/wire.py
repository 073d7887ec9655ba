"""etcd's JSON gateway: bodies of requests, and what stands in its answers.

Keys and values travel as base64, 64-bit numbers as text, and fields that are zero or empty are left out (protobuf's
JSON mapping, with the field names of etcd's rpc.proto). A watch's answer is a stream of lines, each with a ``result``.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import PayloadError, array, document, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its value; None where the key has been removed."""

    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a range question: the store's revision, and what it holds in the range at that revision."""

    revision: int
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class News:
    """One line of a watch.

    Args:
        revision: the store's revision; 0 where the line does not say.
        created: whether it confirms that a watch stands.
        ended: why etcd ends the watch; empty while it goes on.
        compacted: etcd has forgotten the revision to begin from; the oldest it has, or 0.
        changes: in their order; none in a progress notification.
    """

    revision: int = 0
    created: bool = False
    ended: str = ""
    compacted: int = 0
    changes: tuple[Pair, ...] = ()


def encoded(key: bytes) -> str:
    """As the gateway wants keys and values."""
    return base64.b64encode(key).decode("ascii")


def after(prefix: bytes) -> bytes:
    """The first key that does not begin with `prefix`: the end of its range (etcd's clientv3, `GetPrefixRangeEnd`).

    Where there is none, a zero byte, by which etcd means "to the end".
    """
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\0"


def prefix_range(prefix: bytes) -> dict[str, object]:
    """The part of a request that names every key that begins with `prefix`."""
    return {"key": encoded(prefix), "range_end": encoded(after(prefix))}


def watch_lines(starts: Sequence[tuple[bytes, int]]) -> str:
    """The body that watches each prefix from its revision on, all on one stream."""
    creations = [
        {**prefix_range(prefix), "start_revision": str(revision), "progress_notify": True}
        for prefix, revision in starts
    ]
    return "\n".join(json.dumps({"create_request": creation}) for creation in creations)


def number(value: object, name: str) -> int:
    """A 64-bit number from 0 on, which the gateway writes as text; 0 where it is missing. Raises PayloadError."""
    if value is None:
        return 0
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and len(value) <= len(str(2**64)) and value.isascii() and value.isdecimal():
        return int(value)
    raise PayloadError(f"{name} is not a whole number")


def decode_range(answer: Mapping[str, object]) -> Found:
    """The answer of ``/v3/kv/range``. Raises PayloadError."""
    revision = _revision(answer)
    if revision < 1:
        raise PayloadError("its header has no revision")
    return Found(revision, tuple(_pair(item, "a pair") for item in array(answer.get("kvs"), "kvs")))


def decode_news(line: str) -> News:
    """One line of ``/v3/watch``. Raises PayloadError."""
    answer = document(line)
    if "error" in answer:
        return News(ended=error_message(answer))
    result = table(answer.get("result"), "result")
    compacted = number(result.get("compact_revision"), "compact_revision")
    ended = ""
    if result.get("canceled"):
        ended = text(result.get("cancel_reason"), "cancel_reason") or "it gives no reason"
    return News(
        revision=_revision(result),
        created=bool(result.get("created")),
        ended=ended,
        compacted=compacted,
        changes=tuple(_change(item) for item in array(result.get("events"), "events")),
    )


def error_message(answer: Mapping[str, object]) -> str:
    """The message of an error's body; empty where there is none.

    3.5 writes ``message`` alone, 3.4 ``error`` beside it; within a stream, ``error`` is an object that has it.
    """
    nested = answer.get("error")
    for found in (answer.get("message"), nested.get("message") if isinstance(nested, dict) else nested):
        if isinstance(found, str) and found:
            return found
    return ""


def _revision(answer: Mapping[str, object]) -> int:
    return number(table(answer.get("header"), "header").get("revision"), "revision")


def _change(item: object) -> Pair:
    event = table(item, "an event")
    pair = _pair(event.get("kv"), "an event's pair")
    what = event.get("type", "PUT")
    if what not in ("PUT", "DELETE"):
        raise PayloadError(f"an event is of the unknown type {str(what)[:20]!r}")
    return Pair(pair.key, None) if what == "DELETE" else pair


def _pair(item: object, name: str) -> Pair:
    pair = table(item, name)
    return Pair(_bytes(pair.get("key"), "a key"), _bytes(pair.get("value"), "a value"))


def _bytes(value: object, name: str) -> bytes:
    try:
        return base64.b64decode(text(value, name), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise PayloadError(f"{name} is not base64: {exc}") from None
