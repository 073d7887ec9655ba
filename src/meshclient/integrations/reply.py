"""An answer that comes from the middleware itself, in the words of either interface."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http import HTTPStatus
    from wsgiref.types import StartResponse

    from meshclient.integrations.asgi import Send


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response.

    Args:
        status: of it.
        body: all of it.
        headers: beside its length.
    """

    status: HTTPStatus
    body: bytes
    headers: tuple[tuple[str, str], ...]

    def fields(self) -> list[tuple[str, str]]:
        """All headers."""
        return [*self.headers, ("Content-Length", str(len(self.body)))]

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Answer an ASGI request; without a body where it is for HEAD."""
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.fields()]
        await send({"type": "http.response.start", "status": self.status.value, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})

    def start(self, start_response: StartResponse, *, head: bool = False) -> bytes:
        """Answer a WSGI request, and give its body."""
        # Of an error, the server makes the answer where no head has gone out, and raises it again where one has.
        error = sys.exc_info()
        line = f"{self.status.value} {self.status.phrase}"
        start_response(line, self.fields(), error if error[0] is not None else None)
        return b"" if head else self.body
