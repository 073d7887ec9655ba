"""A receiver of signed requests that reckons each signature by itself, after the specification of SigV4."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request, "
    r"SignedHeaders=([\w;-]+), Signature=(\w{64})"
)


@dataclass
class Receiver:
    """A server that takes requests signed with keys it knows.

    Attributes:
        keys: secrets by key id.
        token: the session token that has to come along; empty for none.
        seen: the requests, accepted or not: method, target, payload hash as it was given, status.
    """

    keys: dict[str, str] = field(default_factory=lambda: {"KEY1": "secret1"})
    token: str = ""
    seen: list[tuple[str, str, str, int]] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    url: str = ""

    def accepts(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bool:
        """Whether the signature is right."""
        found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None or headers.get("x-amz-security-token", "") != self.token:
            return False
        key, day, region, service, names, signature = found.groups()
        path, _, query = target.partition("?")
        pairs = sorted(tuple(unquote(x) for x in (part.partition("=")[::2])) for part in query.split("&") if part)
        given = headers.get("x-amz-content-sha256", "")
        canonical = [
            method,
            quote(path, safe="/-_.~"),
            "&".join("=".join(quote(each, safe="-_.~") for each in pair) for pair in pairs),
            *(f"{name}:{' '.join(headers[name].split())}" for name in names.split(";")),
            "",
            names,
            given or hashlib.sha256(body).hexdigest(),
        ]
        scope = f"{day}/{region}/{service}/aws4_request"
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{digest}"
        secret = f"AWS4{self.keys.get(key, '')}".encode()
        for part in scope.split("/"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(secret, text.encode(), "sha256").hex(), signature)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = 200 if self.receiver.accepts(self.command, self.path, headers, self._body()) else 403
        location = ""
        if status == 200 and self.path.startswith("/moved/"):
            status, location = 307, "/" + self.path.removeprefix("/moved/")
        self.receiver.seen.append((self.command, self.path, headers.get("x-amz-content-sha256", ""), status))
        self.receiver.hosts.append(headers["host"])
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - the names are those of http.server

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"receiver": receiver}))
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()
