"""One request head: validated, and taken apart as far as a proxy has to.

What only passes through stays the block of bytes that it was; the fields that mean something here are cut out of it in
one pass.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.sidecar.proxy.destination import Refusal
from meshclient.sidecar.proxy.grammar import ABSOLUTE, BARE, FIELDS, HOST, LENGTH, TOKEN, options, without

if TYPE_CHECKING:
    from meshclient.sidecar.proxy.settings import ProxySettings

_HEAD = re.compile(rb"(" + TOKEN + rb"{1,32}+) ([!\"$-~]++) HTTP/1\.([01])" + FIELDS + rb"\r\n\r\n").fullmatch
_VERSION = re.compile(rb"[^ \r\n]+ [^ \r\n]+ HTTP/[0-9]+(?:\.[0-9]+)?\r\n").match
# Cut out of the block: of one hop only (RFC 9110 section 7.6.1), or ours to write.
_CUT = re.compile(
    rb"\r\n(host|connection|content-length|transfer-encoding|expect|upgrade|te|trailer|keep-alive|proxy-connection"
    rb"|proxy-authorization|http2-settings|max-forwards|forwarded|x-forwarded-for|x-forwarded-proto|via|mesh-service"
    rb"|mesh-timeout|mesh-attempt|grpc-timeout|x-envoy-expected-rq-timeout-ms|idempotency-key|traceparent|tracestate"
    rb"|baggage|x-amzn-trace-id|b3|x-b3-[a-z]+|x-request-id|x-correlation-id):([^\r\n]*)",
    re.IGNORECASE,
).split
_TIMES = (b"mesh-timeout", b"grpc-timeout", b"x-envoy-expected-rq-timeout-ms", b"mesh-attempt")
# Kept as they are, once they are known.
_KEPT = frozenset((b"idempotency-key", b"grpc-timeout", b"x-envoy-expected-rq-timeout-ms"))
_TRACES = frozenset((
    b"traceparent", b"tracestate", b"baggage", b"x-amzn-trace-id", b"b3", b"x-request-id", b"x-correlation-id",
))  # fmt: skip
# A length that is not known before its end.
CHUNKED = -1


class RequestHead:
    """What a client asks for.

    Attributes:
        method: as sent.
        target: of the request line, as sent.
        version: of HTTP, "1.1" or "1.0".
        host: of an absolute target, else value of the Host field; empty where there is none, as in HTTP/1.0.
        peer: address of the client, empty on Unix sockets.
        kept: the block of fields that pass, those of traces among them.
        length: of the body; `CHUNKED` where it comes in chunks.
        persistent: whether the client may send another request after this one.
        expects: whether it waits for 100 Continue.
        upgrade: the protocol that it asks for, or empty.
        trailers: whether it takes trailers.
        hurried: fields that limit the time there is, by name in lower case.
        traced: names of fields that say which trace it is in, in lower case.
        special: values of what was cut out and is ours to write again: via, forwarded and so on.
    """

    __slots__ = (
        "_block", "_fields", "expects", "host", "hurried", "kept", "length", "method", "peer", "persistent", "special",
        "target", "traced", "trailers", "upgrade", "version",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - made for nearly every request, and keywords cost
        self, method: str, target: bytes, version: str, host: bytes, block: bytes, peer: str = ""
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.host = host
        self.peer = peer
        self.kept = b""
        self.length = 0
        self.persistent = version == "1.1"
        self.expects = self.trailers = False
        self.upgrade = b""
        self.hurried: dict[str, str] = {}
        self.traced: set[bytes] = set()
        self.special: dict[bytes, list[bytes]] = {}
        self._block = block
        self._fields: list[tuple[bytes, bytes]] | None = None

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields as they came: names in lower case, values without white space around them."""
        if self._fields is None:
            pairs = [line.partition(b":") for line in self._block.split(b"\r\n")[1:] if line]
            self._fields = [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]
        return self._fields

    def header(self, name: bytes) -> bytes | None:
        """The value of a header, given in lower case; several are joined."""
        values = [value for found, value in self.fields if found == name]
        return b", ".join(values) if values else None

    def trace(self) -> dict[str, str]:
        """What it says of its trace, by names in lower case."""
        return {name.decode(): b", ".join(self.special[name]).decode("latin-1") for name in self.traced}


def partial_fault(data: bytes, settings: ProxySettings) -> Refusal | None:
    """What is wrong with a head that is not here as a whole yet, if anything is."""
    if BARE(data):
        return _bad("a line of the request head does not end in CR LF, or has a NUL")
    if len(data) > settings.max_line and b"\r\n" not in data[: settings.max_line + 2]:
        return _long_line(settings)
    if len(data) > settings.max_head:
        return _large(f"The request head is larger than {settings.max_head} bytes (max_head).")
    return None


def read_head(block: bytes, settings: ProxySettings, peer: str = "") -> RequestHead | Refusal:
    """The request head `block`, its end included; or what its sender is answered."""
    if len(block) > settings.max_line and (fault := _lines_fault(block, settings)) is not None:
        return fault
    found = _HEAD(block)
    if found is None:
        return _fault(block)
    method, target, minor, fields = found.groups()
    if fields.count(b"\r\n") > settings.max_fields:
        return _large(f"The request has more than {settings.max_fields} header fields.")
    head = RequestHead(method.decode(), target, "1.1" if minor == b"1" else "1.0", b"", block, peer)
    parts = _CUT(fields)
    if len(parts) == 1:
        head.kept = fields
    else:
        special: dict[bytes, list[bytes]] = {}
        for at in range(1, len(parts), 3):
            special.setdefault(parts[at].lower(), []).append(parts[at + 1].strip(b" \t"))
        head.kept = b"".join(parts[::3])
        head.special = special
    return _understand(head) or head


def _understand(head: RequestHead) -> Refusal | None:
    """Read what was cut out; what is wrong with it, if anything is."""
    special = head.special
    fault = _host(head)
    if fault is None and len(special) <= 1 and b"host" in special:
        return None
    fault = fault or _framing(head)
    if fault is not None:
        return fault
    if b"connection" in special:
        _connection(head, options(special[b"connection"]))
    if b"expect" in special:
        if options(special[b"expect"]) != {b"100-continue"}:
            return Refusal(417, "expectation", "The only expectation that is known here is 100-continue.", close=True)
        head.expects = head.version == "1.1" and head.length != 0
    head.trailers = b"te" in special and b"trailers" in options(special[b"te"])
    _keep(head)
    return None


def _host(head: RequestHead) -> Refusal | None:
    """Whom it is for (RFC 9112 section 3.2)."""
    hosts = head.special.get(b"host")
    if hosts is not None:
        if len(hosts) > 1 or not HOST(hosts[0]):
            return _bad("it has more than one Host, or one that is none")
        head.host = hosts[0]
    elif head.version == "1.1":
        return _bad("a request of HTTP/1.1 needs a Host")
    if head.target[:1] != b"/" and (absolute := ABSOLUTE(head.target)) is not None:
        # Section 3.2.2: whatever Host says then is not heeded.
        if not HOST(absolute[1]):
            return _bad("its target has a host that is none")
        head.host = absolute[1]
    return None


def _keep(head: RequestHead) -> None:
    """What was cut out only to be known."""
    special = head.special
    for name in special:
        if name in _TRACES or name.startswith(b"x-b3-"):
            head.traced.add(name)
            head.kept += _lines(name, special[name])
        elif name in _KEPT:
            head.kept += _lines(name, special[name])
    # What comes twice is understood by nobody.
    head.hurried = {
        name.decode(): special[name][0].decode("latin-1")
        for name in _TIMES
        if name in special and len(special[name]) == 1
    }


def _framing(head: RequestHead) -> Refusal | None:
    """Where the body ends (RFC 9112 section 6.3), of which no two readers may have different opinions."""
    lengths, codings = head.special.get(b"content-length"), head.special.get(b"transfer-encoding")
    if head.method == "CONNECT" and (lengths or codings):
        return _bad("CONNECT has no body")
    if codings is not None:
        if lengths is not None:
            return _bad("it has both Transfer-Encoding and Content-Length")
        if head.version != "1.1":
            return _bad("HTTP/1.0 has no Transfer-Encoding")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            return _bad("its Transfer-Encoding is not chunked alone")
        head.length = CHUNKED
    elif lengths is not None:
        if len(lengths) > 1 or not LENGTH(lengths[0]):
            return _bad("its Content-Length is no plain number, or there is more than one")
        head.length = int(lengths[0])
    return None


def _connection(head: RequestHead, said: set[bytes]) -> None:
    """RFC 9110 section 7.6.1: what is said to this connection alone, and which fields are."""
    head.persistent = b"close" not in said and (head.version == "1.1" or b"keep-alive" in said)
    if b"upgrade" in said and head.version == "1.1" and b"upgrade" in head.special:
        # A way into HTTP/2 that no proxy can follow; RFC 9113 section 3.1 has given it up.
        head.upgrade = b", ".join([each for each in head.special[b"upgrade"] if b"h2c" not in options([each])])
    named = said - {b"close", b"keep-alive", b"upgrade", b"te"}
    if named:
        head.kept = without(head.kept, named)
        # How the message is framed and for whom it is was read already, and is written anew.
        for name in named - {b"host", b"content-length", b"transfer-encoding"}:
            head.special.pop(name, None)


def _lines(name: bytes, values: list[bytes]) -> bytes:
    return b"".join([b"\r\n%b: %b" % (name, value) for value in values])


def _lines_fault(block: bytes, settings: ProxySettings) -> Refusal | None:
    lines = block.split(b"\r\n")
    if len(lines[0]) > settings.max_line:
        return _long_line(settings)
    if len(block) > settings.max_head:
        return _large(f"The request head is larger than {settings.max_head} bytes (max_head).")
    if max(map(len, lines)) > settings.max_line:
        return _large(f"A header line is longer than {settings.max_line} bytes (max_line).")
    return None


def _fault(block: bytes) -> Refusal:
    line = block.partition(b"\r\n")[0]
    if _VERSION(line + b"\r\n") and not re.search(rb" HTTP/1\.[01]$", line):
        return Refusal(505, "bad_request", "Only HTTP/1.1 and HTTP/1.0 are spoken here.", close=True)
    if not re.fullmatch(TOKEN + rb"{1,32} [!\"$-~]+ HTTP/1\.[01]", line):
        return _bad("its first line is no request line")
    return _bad("a header line has no name, a space before its colon, a fold, or a control character")


def _bad(why: str) -> Refusal:
    return Refusal(400, "bad_request", f"The request is malformed: {why}.", close=True)


def _large(why: str) -> Refusal:
    return Refusal(431, "too_large", why, close=True)


def _long_line(settings: ProxySettings) -> Refusal:
    why = f"The request line is longer than {settings.max_line} bytes (max_line)."
    return Refusal(414, "too_large", why, close=True)
