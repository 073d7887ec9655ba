"""Whatever passes is one request, to whoever reads it."""

from __future__ import annotations

import h11
import httptools
from hypothesis import given
from hypothesis import strategies as st

from meshclient.engine.errors import MalformedRequest
from meshclient.engine.request_head import field_lines, request_line

FORBIDDEN = b"\r\n\x00"
ANY = st.binary(max_size=8)
METHODS = st.one_of(st.sampled_from([b"GET", b"POST", b"PATCH", b"PURGE"]), ANY)
TARGETS = st.one_of(st.text("/abc?=&%20;:@!$'()*+,~-._", min_size=1).map(lambda text: b"/" + text.encode()), ANY)
NAMES = st.one_of(st.text("abcXYZ-_09.!#$%&'*+^`|~", min_size=1, max_size=10).map(str.encode), ANY)
VALUES = st.one_of(st.text('abc XYZ\t,;="\u00ff', max_size=12).map(lambda text: text.encode("latin-1")), ANY)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=4)
# What these mean is for whoever frames the request; a head that has them twice or wrong is read by nobody.
MEANT = {b"content-length", b"transfer-encoding", b"host", b"connection", b"upgrade", b"expect"}


class Reader:
    """What httptools sees."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.heads = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.heads += 1


def stripped(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value.strip(b" \t")) for name, value in fields]


@given(METHODS, TARGETS, FIELDS)
def test_what_passes_is_free_of_what_ends_a_line(
    method: bytes, target: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    try:
        line = request_line(method, target)
    except MalformedRequest:
        assert not method or not target or _suspicious(method) or _suspicious(target)
    else:
        assert line == b"%b %b HTTP/1.1\r\n" % (method, target)
        assert not any(byte in FORBIDDEN + b" \t" for byte in method + target)
    for name, value in fields:
        try:
            lines = field_lines([(name, value)])
        except MalformedRequest:
            assert not name or _suspicious(name) or any(byte < 0x20 or byte == 0x7F for byte in value)
        else:
            assert lines == b"%b: %b\r\n" % (name, value)
            assert not any(byte in FORBIDDEN for byte in name + value)
            assert not any(byte in b" \t:" for byte in name)


def _suspicious(word: bytes) -> bool:
    return any(not 0x21 <= byte <= 0x7E or byte in b'"(),/:;<=>?@[\\]{}' for byte in word)


@given(METHODS, TARGETS, FIELDS)
def test_what_passes_is_read_back_as_it_was(method: bytes, target: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    fields = [(b"Host", b"test"), *((name, value) for name, value in fields if name.lower() not in MEANT)]
    try:
        head = request_line(method, target) + field_lines(fields) + b"\r\n"
    except MalformedRequest:
        return
    server = h11.Connection(h11.SERVER)
    server.receive_data(head)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.target) == (method, target)
    assert list(request.headers) == stripped(fields)
    assert isinstance(server.next_event(), h11.EndOfMessage)
    assert server.trailing_data == (b"", False)

    # llhttp knows the methods there are, and URLs; what it refuses it does not misread.
    reader = Reader()
    parser = httptools.HttpRequestParser(reader)
    try:
        parser.feed_data(head)
    except httptools.HttpParserError:
        assert method not in {b"GET", b"POST", b"PATCH", b"PURGE"} or target[:1] not in {b"/", b"*"}
        return
    assert (parser.get_method(), reader.url, reader.heads) == (method, target, 1)
    assert stripped(reader.headers) == stripped(fields)
