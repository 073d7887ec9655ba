"""The body of a plain call, encoded as httpx does it: the same bytes, without an encoder built for each call."""

from __future__ import annotations

import json
from json import encoder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Of these httpx says that they have no body; of other methods it says nothing.
_NEEDS_LENGTH = frozenset(("POST", "PUT", "PATCH"))
_EMPTY = b"Content-Length: 0\r\n"
_JSON = b"Content-Type: application/json\r\n"
# httpx's settings of it.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _refuse(value: object) -> object:
    msg = f"Object of type {value.__class__.__name__} is not JSON serializable"
    raise TypeError(msg)


def _encode() -> Callable[[object], str]:
    """`json.JSONEncoder` makes its compiled half anew for each value, to watch for circles; depth stops those too."""
    make: Any = getattr(encoder, "c_make_encoder", None)
    if make is None:
        return _ENCODER.encode
    parts: Callable[[object, int], Iterable[str]] = make(
        None, _refuse, encoder.encode_basestring, None, ":", ",", False, False, False
    )
    return lambda value: "".join(parts(value, 0))


_json = _encode()


def body_of(content: object, value: object) -> tuple[bytes, bool] | None:
    """The body that httpx makes of `content`, or else of `value`, and whether it is JSON; None where it is streamed.

    Raises what the standard library raises for what it cannot encode, and RecursionError for a circle.
    """
    if content is None:
        return (b"", False) if value is None else (_json(value).encode(), True)
    if type(content) is bytes:
        return content, False
    return (content.encode(), False) if type(content) is str else None


def length_lines(method: str, body: bytes, *, typed: bool) -> tuple[bytes, bytes]:
    """What httpx adds before the other header lines, and after them, to describe a body.

    Args:
        method: upper-case.
        body: as it is sent.
        typed: whether nothing needs to say that it is JSON.
    """
    if not body:
        return _EMPTY if method in _NEEDS_LENGTH else b"", b""
    return b"", b"Content-Length: %d\r\n%b" % (len(body), b"" if typed else _JSON)
