"""Content-Length and Transfer-Encoding that two recipients could take for different lengths."""

from __future__ import annotations

from attack.smuggling.case import CHUNKS, HELLO, SMUGGLED, Case, Wanted, either, forward, post, refuse

_CL, _TE = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
# What comes after each of these heads is a body of chunks or of five bytes, whichever is believed, and then a request.
_BODY = b"0\r\n\r\n" + SMUGGLED
_BOTH = b"Content-Length: %d\r\n" % len(_BODY)

# Codings: name, section, the field lines. Every one of them is refused: chunked, once and last, is all there is.
_CODINGS = (
    ("te-cl-and-chunked", "9112 6.1", _BOTH + _TE),
    ("te-chunked-and-cl", "9112 6.1", _TE + _BOTH),
    ("te-cl-zero-and-chunked", "9112 6.1", b"Content-Length: 0\r\n" + _TE),
    ("te-twice-in-one-line", "9112 7", b"Transfer-Encoding: chunked, chunked\r\n"),
    ("te-twice-in-two-lines", "9112 7", _TE + _TE),
    ("te-unknown", "9112 6.1", b"Transfer-Encoding: xchunked\r\n"),
    ("te-unknown-with-length", "9112 6.1", b"Transfer-Encoding: xchunked\r\n" + _BOTH),
    ("te-unknown-before-chunked", "9112 6.1", b"Transfer-Encoding: cow\r\n" + _TE),
    ("te-unknown-after-chunked", "9112 6.3", _TE + b"Transfer-Encoding: cow\r\n"),
    ("te-identity", "9112 7", b"Transfer-Encoding: identity\r\n"),
    ("te-identity-with-length", "9112 7", b"Transfer-Encoding: identity\r\n" + _BOTH),
    ("te-identity-then-chunked", "9112 7", b"Transfer-Encoding: identity, chunked\r\n"),
    ("te-chunked-then-identity", "9112 6.3", b"Transfer-Encoding: chunked, identity\r\n"),
    ("te-gzip-then-chunked", "9112 6.1", b"Transfer-Encoding: gzip, chunked\r\n"),
    ("te-gzip-alone", "9112 6.3", b"Transfer-Encoding: gzip\r\n"),
    ("te-empty", "9112 6.1", b"Transfer-Encoding:\r\n"),
    ("te-empty-with-length", "9112 6.1", b"Transfer-Encoding: \r\n" + _BOTH),
    ("te-parameter", "9112 7.1", b"Transfer-Encoding: chunked;q=1\r\n"),
    ("te-quoted", "9112 7", b'Transfer-Encoding: "chunked"\r\n'),
    ("te-two-words", "9112 7", b"Transfer-Encoding: chunked chunked\r\n"),
    ("te-vertical-tab-before", "9110 5.5", b"Transfer-Encoding: \x0bchunked\r\n"),
    ("te-vertical-tab-after", "9110 5.5", b"Transfer-Encoding: chunked\x0b\r\n" + _BOTH),
    ("te-form-feed-after", "9110 5.5", b"Transfer-Encoding: chunked\x0c\r\n" + _BOTH),
    ("te-no-break-space", "9112 7", b"Transfer-Encoding: \xa0chunked\r\n" + _BOTH),
    ("te-nul-after", "9110 5.5", b"Transfer-Encoding: chunked\0\r\n" + _BOTH),
    ("te-nul-in-name", "9112 5.1", b"Transfer-Encoding\0: chunked\r\n" + _BOTH),
    ("te-space-before-colon", "9112 5.1", b"Transfer-Encoding : chunked\r\n" + _BOTH),
    ("te-tab-before-colon", "9112 5.1", b"Transfer-Encoding\t: chunked\r\n" + _BOTH),
    ("te-folded", "9112 5.2", b"Transfer-Encoding:\r\n chunked\r\n"),
    ("te-folded-after", "9112 5.2", b"Transfer-Encoding: chunked\r\n x\r\n" + _BOTH),
    ("te-behind-a-fold", "9112 5.2", b"X: y\r\n Transfer-Encoding: chunked\r\n" + _BOTH),
    ("te-behind-a-bare-lf", "9112 2.2", b"X: y\nTransfer-Encoding: chunked\r\n" + _BOTH),
    ("te-behind-a-bare-cr", "9112 2.2", b"X: y\rTransfer-Encoding: chunked\r\n" + _BOTH),
    ("te-bare-lf-before", "9112 2.2", b"Transfer-Encoding:\n chunked\r\n" + _BOTH),
    ("te-bare-cr-before", "9112 2.2", b"Transfer-Encoding:\rchunked\r\n" + _BOTH),
    ("te-bare-cr-after", "9112 2.2", b"Transfer-Encoding: chunked\r\r\n" + _BOTH),
)

# Lengths: name, section, the field lines.
_LENGTHS = (
    ("cl-differ", "9112 6.3", _CL + b"Content-Length: 6\r\n"),
    ("cl-differ-the-other-way", "9112 6.3", b"Content-Length: 6\r\n" + _CL),
    ("cl-zero-then-five", "9112 6.3", b"Content-Length: 0\r\n" + _CL),
    ("cl-twice-the-same", "9112 6.3", _CL + _CL),
    ("cl-list-of-the-same", "9110 8.6", b"Content-Length: 5, 5\r\n"),
    ("cl-list-that-differs", "9112 6.3", b"Content-Length: 5, 6\r\n"),
    ("cl-plus", "9110 8.6", b"Content-Length: +5\r\n"),
    ("cl-minus", "9110 8.6", b"Content-Length: -5\r\n"),
    ("cl-minus-zero", "9110 8.6", b"Content-Length: -0\r\n"),
    ("cl-hexadecimal", "9110 8.6", b"Content-Length: 0x5\r\n"),
    ("cl-fraction", "9110 8.6", b"Content-Length: 5.0\r\n"),
    ("cl-exponent", "9110 8.6", b"Content-Length: 5e0\r\n"),
    ("cl-underscore", "9110 8.6", b"Content-Length: 0_5\r\n"),
    ("cl-trailing-comma", "9110 8.6", b"Content-Length: 5,\r\n"),
    ("cl-semicolon", "9110 8.6", b"Content-Length: 5;\r\n"),
    ("cl-two-words", "9110 8.6", b"Content-Length: 5 5\r\n"),
    ("cl-empty", "9110 8.6", b"Content-Length:\r\n"),
    ("cl-word", "9110 8.6", b"Content-Length: five\r\n"),
    ("cl-arabic-digit", "9110 8.6", "Content-Length: \u0665\r\n".encode()),
    ("cl-vertical-tab", "9110 5.5", b"Content-Length: \x0b5\r\n"),
    ("cl-nul", "9110 5.5", b"Content-Length: 5\0\r\n"),
    ("cl-space-before-colon", "9112 5.1", b"Content-Length : 5\r\n"),
    ("cl-space-in-name", "9112 5.1", b"Content Length: 5\r\n"),
    ("cl-folded", "9112 5.2", b"Content-Length: 5\r\n 5\r\n"),
    ("cl-bare-cr", "9112 2.2", b"Content-Length: 5\r6\r\n"),
    ("cl-behind-a-bare-lf", "9112 2.2", b"X: y\nContent-Length: 5\r\n"),
)

# More than any counter holds, and numbers that wrap around to five in 64 bits.
_HUGE = (b"18446744073709551621", b"99999999999999999999999999999999", b"9" * 400)

CASES = (
    *(Case(name, section, post(fields, _BODY), refuse(400, 501)) for name, section, fields in _CODINGS),
    *(Case(name, section, post(fields, b"hello" + SMUGGLED), refuse()) for name, section, fields in _LENGTHS),
    *(
        Case(
            f"cl-of-{len(number)}-digits",
            "9110 8.6",
            post(b"Content-Length: %b\r\n" % number, b"hello" + SMUGGLED),
            refuse(400, 413, 431),
        )
        for number in _HUGE
    ),
    Case("te-in-http-1.0", "9112 6.1", post(_TE, CHUNKS, start=b"POST /a HTTP/1.0"), refuse()),
    Case(
        "te-in-http-1.0-kept-alive",
        "9112 6.1",
        post(b"Connection: keep-alive\r\n" + _TE, _BODY, start=b"POST /a HTTP/1.0"),
        refuse(),
    ),
    Case("te-capitals", "9112 7", post(b"TRANSFER-ENCODING: Chunked\r\n", CHUNKS), forward(HELLO)),
    Case("te-two-spaces", "9112 5", post(b"Transfer-Encoding:  chunked\r\n", CHUNKS), either(HELLO, 400, 501)),
    Case("te-no-space", "9112 5", post(b"Transfer-Encoding:chunked\r\n", CHUNKS), forward(HELLO)),
    Case("te-tab", "9112 5", post(b"Transfer-Encoding:\tchunked\r\n", CHUNKS), either(HELLO, 400, 501)),
    Case("te-tab-after", "9112 5", post(b"Transfer-Encoding: chunked\t\r\n", CHUNKS), either(HELLO, 400, 501)),
    Case(
        "te-list-with-an-empty-element",
        "9110 5.6.1.2",
        post(b"Transfer-Encoding: ,chunked\r\n", CHUNKS),
        either(HELLO, 400, 501),
    ),
    Case("te-with-an-underscore", "9110 5.1", post(b"Transfer_Encoding: chunked\r\n" + _CL, b"hello"), either(HELLO)),
    Case("te-like-name", "9110 5.1", post(b"X-Transfer-Encoding: chunked\r\n" + _CL, b"hello"), forward(HELLO)),
    Case("ce-chunked", "9110 8.4", post(b"Content-Encoding: chunked\r\n" + _CL, b"hello"), forward(HELLO)),
    Case("cl-leading-zeros", "9110 8.6", post(b"Content-Length: 0005\r\n", b"hello"), either(HELLO)),
    Case("cl-white-space-around", "9112 5", post(b"Content-Length: \t5 \t\r\n", b"hello"), either(HELLO)),
    Case("cl-plain", "9112 6.2", post(_CL, b"hello"), forward(HELLO)),
    Case("te-plain", "9112 7.1", post(_TE, CHUNKS), forward(HELLO)),
    Case("cl-zero", "9112 6.2", post(b"Content-Length: 0\r\n", b""), forward(Wanted(b"POST", b"/a"))),
    Case("no-framing", "9112 6.3", post(b"", b""), forward(Wanted(b"POST", b"/a"))),
    Case(
        "get-with-a-request-for-its-body",
        "9110 9.3.1",
        post(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED, start=b"GET /a HTTP/1.1"),
        either(Wanted(b"GET", b"/a", SMUGGLED)),
    ),
    Case(
        "head-with-chunks",
        "9110 9.3.2",
        post(_TE, CHUNKS, start=b"HEAD /a HTTP/1.1"),
        either(Wanted(b"HEAD", b"/a", b"hello")),
    ),
)
