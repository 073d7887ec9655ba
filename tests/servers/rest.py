"""One HTTP request to a test server, on http.client alone.

Not httpx: what drives the servers must not share code with what the tests examine.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from servers.errors import ServerError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from email.message import Message


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer."""

    status: int
    headers: Message
    raw: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.raw.decode(errors="replace")

    @property
    def json(self) -> Any:
        """The decoded body; ValueError where it is not JSON."""
        return json.loads(self.raw)


def call(
    method: str,
    url: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """Send one request on a new connection; `body` goes out as it is if bytes, else as JSON.

    Raises OSError where the server cannot be reached or breaks off (http.client's errors included).
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=tls)
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=timeout)
    )
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, data, dict(headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    except http.client.HTTPException as error:
        raise ConnectionError(f"{method} {url}: {error!r}") from error
    finally:
        connection.close()


def expect(reply: Reply, what: str, status: int = 200) -> Reply:
    """The reply itself if its status is `status`; ServerError with its text otherwise."""
    if reply.status != status:
        raise ServerError(f"{what}: {reply.status} {reply.text[:500]}")
    return reply
