"""What a request's own headers say about its body, and whether they may be believed.

Whatever two readers may understand differently is how requests are smuggled (RFC 9112 section 11.2): a request that
leaves open where it ends is not sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.engine.errors import MalformedRequest, WireError
from meshclient.engine.request_head import field_lines, request_line
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

_DIGITS = re.compile(rb"[0-9]{1,18}").fullmatch
_HOST, _LENGTH, _CODING = b"\r\nhost: ", b"\r\ncontent-length: ", b"\r\ntransfer-encoding: "
_EXPECT, _UPGRADE = b"\r\nexpect: ", b"\r\nupgrade: "


class WrongLength(WireError):
    """A request body is not as long as its head says; part of it may have been sent."""

    kind = Kind.CANCELLED


@dataclass(slots=True)
class Framing:
    """A request head, ready to be written, and what it says of the body.

    Args:
        head: with its end.
        length: of the body in bytes; None where it is sent in chunks.
        expects: whether the body waits for 100 Continue (RFC 9110 section 10.1.1).
        upgrades: whether it asks for another protocol (RFC 9110 section 7.8).
    """

    head: bytes
    length: int | None
    expects: bool
    upgrades: bool

    @property
    def plain(self) -> bool:
        """Whether nothing but the body follows the head."""
        return self.length is not None and not self.expects and not self.upgrades

    def check(self, size: int) -> None:
        """Raises WrongLength unless the body, `size` bytes in all, is as long as its head says."""
        if self.length is not None and self.length != size:
            raise wrong_length(self.length, size)


def framing(request: httpx.Request, marks: Mapping[str, str]) -> Framing:
    """The head of `request`, as its headers are, but for those that `marks` has. Raises MalformedRequest."""
    fields = request.headers.raw
    if marks:
        marked = {name.encode("ascii"): value.encode("ascii") for name, value in marks.items()}
        fields = [*(field for field in fields if field[0].lower() not in marked), *marked.items()]
    lines = field_lines(fields)
    # The lines are sound, so a name is found where a line begins and nowhere else.
    said = b"\r\n" + lines.lower()
    if said.count(_HOST) != 1:
        msg = "a request needs one Host header"
        raise MalformedRequest(msg)
    if _CODING in said and _LENGTH in said:
        # httpx gives a length to a body at hand, although its user asked for chunks; both together must not be sent
        # (RFC 9112 section 6.2).
        lines = field_lines(field for field in fields if field[0].lower() != b"content-length")
    head = b"%s%s\r\n" % (request_line(request.method.encode("ascii", "replace"), request.url.raw_path), lines)
    length = _length(said) if _CODING in said or _LENGTH in said else 0
    expects = _EXPECT in said and b"100-continue" in _values(said, _EXPECT)
    return Framing(head, length, expects, _UPGRADE in said)


def chunk(part: bytes) -> bytes:
    """`part`, which is not empty, as a chunk (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(part), part)


LAST_CHUNK = b"0\r\n\r\n"


def wrong_length(said: int, size: int) -> WrongLength:
    """The error of a body that has `size` bytes, or more, where its head said otherwise."""
    much = "much" if size > said else "little"
    return WrongLength(f"too {much} data for the declared Content-Length: {said} bytes were declared, {size} came")


def _length(said: bytes) -> int | None:
    codings = _values(said, _CODING)
    if codings:
        if codings != [b"chunked"]:
            msg = f"Transfer-Encoding can only be chunked, not {b', '.join(codings).decode('ascii', 'replace')!r}"
            raise MalformedRequest(msg)
        return None
    lengths = _values(said, _LENGTH)
    if len(lengths) > 1 or not _DIGITS(lengths[0]):
        msg = f"{b', '.join(lengths).decode('ascii', 'replace')!r} is no Content-Length"
        raise MalformedRequest(msg)
    return int(lengths[0])


def _values(said: bytes, name: bytes) -> list[bytes]:
    """Of all fields that `name` begins."""
    return [part.partition(b"\r\n")[0].strip(b" \t") for part in said.split(name)[1:]]
