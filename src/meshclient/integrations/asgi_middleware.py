"""Requests that an ASGI application serves hand on their deadline, and whether they are repeats.

    app = MeshMiddleware(app)

Calls that the application makes with a meshclient client while it serves a request end when its caller gives up, and a
request that is itself a repeat is not repeated further down (`meshclient.http.ambient`). What the application goes on
to do once its response is complete has no deadline, since nobody waits for it; a task that it has started before keeps
the one it was started with.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from meshclient.errors import MeshError
from meshclient.http.ambient import AMBIENT, INBOUND_HEADERS, serving
from meshclient.integrations.problem import GIVEN_UP, MEDIA_TYPE, NOT_BEGUN, STATUS, problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.http.ambient import Ambient
    from meshclient.integrations.asgi import Application, Message, Receive, Send

_NAMES = frozenset(name.encode() for name in INBOUND_HEADERS)


class MeshMiddleware:
    """An application whose calls obey the deadlines of the requests it serves.

    A request whose time is over already gets 504 with a problem document, and the application never hears of it.
    Websockets and the lifespan go through untouched.

    Args:
        app: the ASGI application, on asyncio.
        cancel: whether the application's task is cancelled when the time is up; a response that has not begun by then
            becomes a 504, one that has is cut short. Otherwise only the calls it makes end.
    """

    def __init__(self, app: Application, *, cancel: bool = True) -> None:
        self._app = app
        self._cancel = cancel

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with serving(_headers(scope)) as ambient:
            if ambient.ends == inf:
                await self._app(scope, receive, send)
            elif ambient.ends <= time.monotonic():
                await _reject(send, NOT_BEGUN)
            else:
                await self._serve(scope, receive, send, ambient)

    async def _serve(self, scope: Message, receive: Receive, send: Send, ambient: Ambient) -> None:
        limit = asyncio.timeout(ambient.ends - time.monotonic() if self._cancel else None)
        answer = _Answer(send, limit)
        try:
            async with limit:
                await self._app(scope, receive, answer.send)
        except TimeoutError:
            if not limit.expired():
                raise
        except MeshError:
            # Out of time a call may also say that no list of endpoints came.
            if answer.begun or ambient.ends > time.monotonic():
                raise
        else:
            return
        if not answer.begun:
            await _reject(send, GIVEN_UP)


class _Answer:
    """How far the response has come."""

    def __init__(self, send: Send, limit: asyncio.Timeout) -> None:
        self.begun = False
        self._send = send
        self._limit = limit

    async def send(self, message: Message) -> None:
        """Send the next part of it."""
        self.begun = True
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            if not self._limit.expired():
                self._limit.reschedule(None)
            AMBIENT.set(replace(AMBIENT.get(), ends=inf))


def _headers(scope: Message) -> dict[str, str]:
    raw: Iterable[tuple[bytes, bytes]] = scope["headers"]  # type: ignore[assignment]
    return {name.decode(): value.decode("latin-1") for name, value in raw if name in _NAMES}


async def _reject(send: Send, detail: str) -> None:
    body = problem(detail)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": STATUS.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
