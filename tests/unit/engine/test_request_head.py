"""What may stand in a request head, and what may not."""

from __future__ import annotations

import pytest

from meshclient.engine.errors import MalformedRequest
from meshclient.engine.request_head import field_lines, request_line


def test_a_head() -> None:
    assert request_line(b"GET", b"/v1/orders?a=%20b") == b"GET /v1/orders?a=%20b HTTP/1.1\r\n"
    fields = [(b"Host", b"orders"), (b"X-Empty", b""), (b"x-text", b"a b\tc \xc3\xa4")]
    assert field_lines(fields) == b"Host: orders\r\nX-Empty: \r\nx-text: a b\tc \xc3\xa4\r\n"
    assert field_lines([]) == b""


@pytest.mark.parametrize("target", [b"*", b"http://orders/a", b"orders:443", b"/a'\"{}|\\^`"])
def test_targets_of_every_form(target: bytes) -> None:
    assert request_line(b"OPTIONS", target) == b"OPTIONS " + target + b" HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "method", [b"", b"GET ", b"G T", b"GET\r\n", b"GET\n", b"G\x00T", b"G\xc3\x84T", b"GE(T", b"GET:"]
)
def test_no_method(method: bytes) -> None:
    with pytest.raises(MalformedRequest, match="is no HTTP method"):
        request_line(method, b"/")


@pytest.mark.parametrize(
    "target", [b"", b"/a b", b"/a\tb", b"/\r\nX: y", b"/a\n", b"/a\x00", b"/a\x7f", b"/\xc3\xa4", b" /", b"/ HTTP/1.1"]
)
def test_no_target(target: bytes) -> None:
    with pytest.raises(MalformedRequest, match="is no request target"):
        request_line(b"GET", target)


@pytest.mark.parametrize(
    "name", [b"", b"A ", b" A", b"A:", b"A\r", b"A\n", b"A\x00", b"A B", b"\xc3\x84", b"A(b)", b"A\t"]
)
def test_no_name(name: bytes) -> None:
    with pytest.raises(MalformedRequest, match="is no header name"):
        field_lines([(b"Host", b"orders"), (name, b"value")])


@pytest.mark.parametrize("value", [b"a\rb", b"a\nb", b"a\r\n b", b"a\x00", b"\x1f", b"a\x7f", b"a\r\nX: y", b"a\n"])
def test_no_value(value: bytes) -> None:
    with pytest.raises(MalformedRequest, match="the value of header 'X-Text' has a line break or another control"):
        field_lines([(b"X-Text", value)])


def test_an_error_does_not_repeat_a_value() -> None:
    with pytest.raises(MalformedRequest) as caught:
        field_lines([(b"Authorization", b"Bearer secret\n")])
    assert "secret" not in str(caught.value)
