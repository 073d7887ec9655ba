"""How far a request got on its way, as httpcore's trace extension tells it.

Without it "the connection broke" cannot be told apart from "the server had closed an idle connection", and "was
anything sent?" has no answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import httpx

    from meshclient.http.rein import Rein

    Trace = Callable[[str, Mapping[str, object]], object]

_CONNECTS = frozenset({"connection.connect_tcp.started", "connection.connect_unix_socket.started"})
_WRITES = frozenset({"http11.send_request_headers.started", "http2.send_request_headers.started"})
# Ours: a fault is put in the way of the attempt on purpose, which is told in words.
INJECTED = "meshclient.injected"
_MARKS = _CONNECTS | _WRITES | {INJECTED}


def traced(request: httpx.Request) -> object:
    """`request` as httpcore shows it to a trace function: its own kind, which httpx's command line takes apart."""
    import httpcore

    url = request.url
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    return httpcore.Request(request.method, target, headers=request.headers.raw, extensions=request.extensions)


class Trail:
    """Marks left by one attempt.

    Args:
        clock: monotonic seconds.
        onward: the user's own trace function, called as httpcore would.

    Attributes:
        connected: whether a connection was opened for it.
        began: when it left our own connection pool, to connect or to write; None while it had not.
        wrote: when its head began to be written; None while nothing was.
        rein: by which another thread ends it, or None.
        injected: the fault that was put in its way on purpose, in words; empty for none.
    """

    __slots__ = ("_clock", "began", "connected", "injected", "onward", "rein", "wrote")

    def __init__(self, clock: Callable[[], float], onward: Trace | None) -> None:
        self._clock = clock
        self.onward = onward
        self.connected = False
        self.injected = ""
        self.rein: Rein | None = None
        self.began: float | None = None
        self.wrote: float | None = None

    def trace(self, event: str, info: Mapping[str, object]) -> None:
        """For ``extensions["trace"]`` of a synchronous request."""
        if event in _MARKS:
            self._mark(event, info)
        if self.onward is not None:
            self.onward(event, info)

    async def async_trace(self, event: str, info: Mapping[str, object]) -> None:
        """For ``extensions["trace"]`` of an asynchronous request."""
        if event in _MARKS:
            self._mark(event, info)
        if self.onward is not None:
            told: Awaitable[object] = self.onward(event, info)  # type: ignore[assignment]
            await told

    def waited(self, since: float) -> float:
        """Seconds from `since` until it left our pool, or until now."""
        return (self._clock() if self.began is None else self.began) - since

    def held_for(self) -> float:
        """Seconds since its head began to be written; 0 when nothing was."""
        return 0.0 if self.wrote is None else self._clock() - self.wrote

    def _mark(self, event: str, info: Mapping[str, object]) -> None:
        if event == INJECTED:
            self.injected = str(info["fault"])
            return
        now = self._clock()
        if self.began is None:
            self.began = now
        if event in _CONNECTS:
            self.connected = True
        else:
            self.wrote = now
