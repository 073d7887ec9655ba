"""An answer that came, and is not what was agreed on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx

from meshclient.errors import MeshError

if TYPE_CHECKING:
    from meshclient.model.report import CallReport

EXCERPT = 120
_LONGEST = 500
_PATH = re.compile(r" - at `(\$[^`]*)`")


class DecodeError(MeshError, httpx.DecodingError):
    """A response's body cannot be read as the type that was asked for.

    Attributes:
        service: the service's name.
        method: of the stub, as ``Orders.order``; "" for a channel's own.
        status: of the response.
        path: where in the document, as ``$.lines[2].price``; "" where it is no place or not known.
        excerpt: the beginning of the body.
        response: the whole answer.
    """

    def __init__(self, fault: str, response: httpx.Response, body: bytes, service: str, method: str) -> None:
        self.service = service
        self.method = method
        self.status = response.status_code
        found = _PATH.search(fault)
        fault = one_line(fault)
        self.path = found[1] if found else ""
        self.excerpt = excerpt(body)
        self.response = response
        self.mesh: CallReport | None = response.extensions.get("mesh")
        super().__init__(
            f"{told(response, service, method)}, and its body cannot be read: {fault}; it begins {self.excerpt}"
            if body
            else f"{told(response, service, method)}, and its body cannot be read: {fault}",
            request=response.request,
        )


def told(response: httpx.Response, service: str, method: str) -> str:
    """Whose answer it is, in words to begin a message with."""
    request = response.request
    target = request.url.raw_path.decode("ascii", "replace")
    caller = f" ({method})" if method else ""
    return f"{service} answered {request.method} {target}{caller} with {response.status_code}"


def one_line(text: str) -> str:
    """A text that may hold anything a server sent, as part of a message: short, printable, on one line."""
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def excerpt(body: bytes) -> str:
    """The beginning of a body, on one line, printable."""
    text = ascii(body[:EXCERPT].decode("utf-8", "replace"))
    return f"{text}..." if len(body) > EXCERPT else text
