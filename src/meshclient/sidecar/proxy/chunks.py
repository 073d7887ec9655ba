"""A chunked request body, taken out of its chunks (RFC 9112 section 7.1) before anything of it is sent on.

It is framed anew by whoever sends it: so no reader behind us sees sizes, extensions or line ends of the client's.
"""

from __future__ import annotations

from meshclient.sidecar.proxy.grammar import CHUNK, FIELD

# Bytes of a size line with its extensions, and of a trailer section.
_LINE = 1024
_TRAILERS = 8 * 1024
_SIZE, _DATA, _END, _TRAILER = range(4)


class ChunkFault(Exception):
    """The body is not framed as it should be; the text says how."""


class Chunks:
    """Reads one body.

    Attributes:
        complete: whether it is here as a whole.
        rest: what followed it, once complete.
    """

    __slots__ = ("_buffer", "_left", "_state", "_trailers", "complete", "rest")

    def __init__(self) -> None:
        self._state = _SIZE
        self._left = self._trailers = 0
        self._buffer = b""
        self.complete = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """The part of the body that `data` brings. Raises ChunkFault."""
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        at, size, parts = 0, len(data), list[bytes]()
        while at < size and not self.complete:
            if self._state == _DATA:
                part = data[at : at + self._left]
                parts.append(part)
                at += len(part)
                self._left -= len(part)
                if not self._left:
                    self._state = _END
                continue
            found = data.find(b"\n", at)
            if found < 0:
                self._keep(data[at:])
                break
            self._line(data[at : found + 1])
            at = found + 1
        if self.complete:
            self.rest = data[at:]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _keep(self, line: bytes) -> None:
        """The beginning of a line, the rest of which is still to come."""
        if len(line) > _LINE:
            msg = f"a line between its chunks is longer than {_LINE} bytes"
            raise ChunkFault(msg)
        if self._state == _END and line != b"\r":
            raise ChunkFault(_LONGER)
        self._buffer = line

    def _line(self, line: bytes) -> None:
        """A whole one."""
        if self._state == _END:
            if line != b"\r\n":
                raise ChunkFault(_LONGER)
            self._state = _SIZE
        elif self._state == _SIZE:
            found = CHUNK(line)
            if found is None or len(line) > _LINE:
                msg = "the size of a chunk is no plain hexadecimal number, or its line does not end in CR LF"
                raise ChunkFault(msg)
            self._left = int(found[1], 16)
            self._state = _DATA if self._left else _TRAILER
        elif line == b"\r\n":
            self.complete = True
        else:
            self._trailers += len(line)
            if self._trailers > _TRAILERS:
                msg = f"its trailers are larger than {_TRAILERS} bytes"
                raise ChunkFault(msg)
            if not line.endswith(b"\r\n") or not FIELD(line[:-2]):
                msg = "a line of its trailers is malformed"
                raise ChunkFault(msg)


_LONGER = "a chunk is longer than it says"
