"""A request as it came, and the reader that makes requests of bytes.

Read by llhttp, which is lenient in places. Here that opens nothing: no request is handed on, one that says how long it
is in an unusual way is refused, and a connection that sends the next request before it has its answer is closed after
the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import httptools
import msgspec

from meshclient.sidecar.admin.reply import JSON, Refused

if TYPE_CHECKING:
    from meshclient.sidecar.admin.limits import Limits


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request.

    Args:
        method: as sent.
        path: without the query; not decoded, since no path here has anything to decode.
        query: what stands behind the question mark.
        headers: names in lower case, in order, with repeats.
        body: as a whole.
        keep: whether the connection may go on.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    keep: bool = True

    def header(self, name: str) -> str | None:
        """The value of a header that may stand there once; None where it is not there. Raises Refused."""
        found = [value for key, value in self.headers if key == name]
        if len(found) > 1:
            raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", f"the header {name} stands there more than once")
        return found[0] if found else None

    def arguments(self) -> dict[str, str]:
        """What is asked for, from the query and from a JSON object in the body. Raises Refused."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        found = dict(pairs)
        if len(found) < len(pairs):
            raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", "an argument stands in the query more than once")
        if self.body.strip():
            kind = (self.header("content-type") or "").partition(";")[0].strip().lower()
            if kind != JSON:
                detail = f"write the arguments into the query, or send them as a JSON object with content-type {JSON}"
                raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
            try:
                sent = msgspec.json.decode(self.body, type=dict[str, str | int | float])
            except (msgspec.DecodeError, RecursionError):
                detail = 'the body is not a JSON object of texts and numbers, such as {"service": "orders"}'
                raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", detail) from None
            found |= {name: str(value) for name, value in sent.items()}
        return found


@dataclass(slots=True)
class _Draft:
    """A request of which some has come."""

    url: bytearray = field(default_factory=bytearray)
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    # Bytes of the head: what the parser has told, and what came before it ended.
    size: int = 0
    unfinished: int = 0


class Reader:
    """Makes requests of what one connection receives.

    Args:
        limits: of their sizes.

    Attributes:
        reading: whether part of a request has come.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._draft = _Draft()
        self._whole: list[Request] = []
        self._in_head = True
        self.reading = False

    def feed(self, data: bytes) -> list[Request]:
        """The requests that are whole now. Raises Refused for what is none, and must not be fed again then."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing is upgraded here; the request is answered as any other (RFC 9110, section 7.8).
            pass
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, Refused):
                raise error.__context__ from None
            raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", "that is no request in HTTP/1.1") from None
        if self.reading and self._in_head:
            # Of a line without an end nothing is told before it ends.
            self._draft.unfinished += len(data)
            self._grow(0)
        whole, self._whole = self._whole, []
        return whole

    # Called by the parser.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._draft, self._in_head, self.reading = _Draft(), True, True

    def on_url(self, part: bytes) -> None:
        """Its target, or part of it."""
        self._grow(len(part))
        self._draft.url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._grow(len(name) + len(value) + 4)
        self._draft.headers.append((name.decode("latin-1").lower(), value.strip(b" \t").decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Its head is here, and says how long it will be."""
        self._in_head = False
        headers = self._draft.headers
        if any(name == "transfer-encoding" for name, _ in headers):
            detail = "send the body with a Content-Length, not in chunks"
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "length_required", detail)
        for name, value in headers:
            if name == "content-length" and int(value) > self._limits.body:
                raise self._too_large()

    def on_body(self, part: bytes) -> None:
        """Some of its body."""
        self._draft.body += part
        if len(self._draft.body) > self._limits.body:
            raise self._too_large()

    def on_message_complete(self) -> None:
        """It is whole."""
        draft, parser = self._draft, self._parser
        path, _, query = draft.url.decode("latin-1").partition("?")
        method = parser.get_method().decode("latin-1")
        keep = parser.should_keep_alive() and not parser.should_upgrade()
        self._whole.append(Request(method, path, query, tuple(draft.headers), bytes(draft.body), keep))
        self.reading = False

    def _grow(self, size: int) -> None:
        self._draft.size += size
        if max(self._draft.size, self._draft.unfinished) > self._limits.head:
            detail = f"the request's head has more than {self._limits.head} bytes"
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", detail)

    def _too_large(self) -> Refused:
        detail = f"the request's body has more than {self._limits.body} bytes"
        return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail)
