"""A plain call, ready for the wire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httpx

from meshclient.http import innards
from meshclient.http.plain.fields import fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.telemetry.propagation.outbound import Outbound

# The headers of all forms that `meshclient.propagation` knows.
_TRACES = re.compile(
    rb"\r\n(traceparent|tracestate|baggage|x-amzn-trace-id|b3|x-b3-[a-z]+|x-request-id|x-correlation-id):"
).findall


class PlainCall:
    """What goes on the wire, and what is known of it. Equal calls share one: nobody changes it.

    Args:
        method: upper-case.
        url: where to, normalised; text where nobody has had to parse it yet.
        scheme: "http" or "https".
        host: of the URL.
        port: where it is not the scheme's own.
        target: path and query.
        head: request line and header lines, each with its end; without the empty line, so that more may follow.
        raw: the headers where they are not in the order of `head`, which begins with Host.
        content: the body.
        timeouts: seconds by phase, as httpx has them.
        mesh: ``extensions["mesh"]``.
        follow: whether redirects are to be followed.
        blocking: whether the client is.

    Attributes:
        place: scheme and host.
        service_port: `port`, or the scheme's own.
        traced: the names of those of its own headers that say something of traces, in whichever form; in lower case.
    """

    __slots__ = (
        "_headers", "_target", "_url", "blocking", "content", "follow", "head", "host", "mesh", "method", "place",
        "port", "scheme", "service_port", "timeouts", "traced",
    )  # fmt: skip
    blocking: bool

    def __init__(  # noqa: PLR0917 - made for every call that is not like another, and keywords cost
        self,
        method: str,
        url: httpx.URL | str,
        scheme: str,
        host: str,
        port: int | None,
        target: str,
        head: bytes,
        raw: list[tuple[bytes, bytes]] | None,
        content: bytes,
        timeouts: Mapping[str, float | None],
        mesh: Mapping[str, object] | None,
        follow: bool,  # noqa: FBT001
        blocking: bool,  # noqa: FBT001
    ) -> None:
        self.method = method
        self._url = url
        self.scheme = scheme
        self.host = host
        self.place = (scheme, host)
        self.service_port = port or (443 if scheme == "https" else 80)
        self.traced = _TRACES(head.lower())
        self.port = port
        self._target = target
        self.head = head
        self._headers = raw
        self.content = content
        self.timeouts = timeouts
        self.mesh = mesh
        self.follow = follow
        self.blocking = blocking

    @property
    def path(self) -> str:
        """As ``httpx.URL.path``: without the query, escapes undone."""
        path = self._target.partition("?")[0]
        return unquote(path) if "%" in path else path

    @property
    def url(self) -> httpx.URL:
        """Where to."""
        if isinstance(self._url, str):
            self._url = httpx.URL(self._url)
        return self._url

    @property
    def address(self) -> str:
        """The same as text."""
        return self._url if isinstance(self._url, str) else str(self._url)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """In httpx's order."""
        if self._headers is None:
            self._headers = fields_of(self.head.partition(b"\r\n")[2])
        return self._headers

    def mapping(self) -> httpx.Headers:
        """Its headers by name."""
        return httpx.Headers(self.headers)

    def header(self, name: bytes) -> bytes | None:
        """The value of a header, given in lower case; several are joined, as httpx does."""
        if name not in self.head.lower():
            return None
        values = [value for found, value in self.headers if found.lower() == name]
        return b", ".join(values) if values else None

    def following(self, follow: bool) -> PlainCall:  # noqa: FBT001
        """The same, with redirects followed or not."""
        return PlainCall(
            self.method, self._url, self.scheme, self.host, self.port, self._target, self.head, self._headers,
            self.content, self.timeouts, self.mesh, follow, self.blocking,
        )  # fmt: skip

    def request(self) -> httpx.Request:
        """A new httpx.Request, as httpx would have built it."""
        extensions: dict[str, object] = {} if self.mesh is None else {"mesh": self.mesh}
        extensions["timeout"] = dict(self.timeouts)
        url = httpx.URL(self.url)
        return innards.make_request(self.method, url, self.headers, self.content, extensions)


def field_names(outbound: Outbound | None) -> frozenset[bytes]:
    """The headers by which `outbound` says in which trace an attempt is, as `PlainCall.traced` has them."""
    return frozenset() if outbound is None else frozenset(name.encode("ascii") for name in outbound.fields)
