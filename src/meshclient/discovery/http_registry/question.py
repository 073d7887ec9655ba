"""One question to one server, bounded in time, and what to call its failure.

Whatever httpx and the network raise becomes one of the plugin's own errors, so that the plugin decides by the class
alone, and no text that it shows can hold a secret out of a request.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


def plain_http(exc: Exception) -> str:
    """A hint for people where a server that is asked by TLS seems to speak plain HTTP; else empty."""
    # Some servers answer the handshake in plain HTTP, others break it off, which httpx has no words for.
    plain = isinstance(exc, httpx.ConnectError) and (not str(exc) or "WRONG_VERSION_NUMBER" in str(exc))
    return "; does it speak plain HTTP there (scheme=http)?" if plain else ""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, in words.

    Args:
        server: of whom: ``Consul at 127.0.0.1:8500``.
        what: for what, and how: ``service 'orders' (GET http://127.0.0.1:8500/v1/health/service/orders)``.
        limit: seconds for the complete answer.
        unreachable: makes the error where no complete answer comes.
        late: makes the error where none comes in time; None for `unreachable`.
        hint: words to add for what was raised.
    """

    server: str
    what: str
    limit: float
    unreachable: Callable[[str], Exception]
    late: Callable[[str], Exception] | None = None
    hint: Callable[[Exception], str] | None = None

    @asynccontextmanager
    async def timed(self) -> AsyncIterator[None]:
        """Bound the block to `limit`, and raise as `told` does."""
        with self.told():
            try:
                async with asyncio.timeout(self.limit) as scope:
                    yield
            except httpx.ConnectTimeout:
                if scope.expired():  # both limits have passed in one turn of the loop
                    raise TimeoutError from None
                raise

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise `late` or `unreachable` for what httpx, a socket or a time limit raises in the block."""
        try:
            yield
        # A refused client certificate shows in TLS 1.3 while reading, as an ssl.SSLError that httpx lets through.
        except (httpx.HTTPError, OSError) as exc:
            late = isinstance(exc, TimeoutError | httpx.TimeoutException)
            error = self.late if late and self.late else self.unreachable
            hint = self.hint(exc) if self.hint else ""
            raise error(f"{self.server} {self._failure(exc)}{hint}") from None

    def _failure(self, exc: Exception) -> str:
        if isinstance(exc, httpx.ConnectTimeout):
            return f"cannot be reached for {self.what}: no connection in time"
        if isinstance(exc, TimeoutError | httpx.TimeoutException):
            return f"did not answer for {self.what} within {format_duration(self.limit)}"
        reason = str(exc) or type(exc).__name__
        if isinstance(exc, httpx.ConnectError):
            return f"cannot be reached for {self.what}: {reason}"
        if isinstance(exc, httpx.DecodingError):
            return f"sent an answer with broken compression for {self.what}: {reason}"
        return f"broke off its answer for {self.what}: {reason}"
