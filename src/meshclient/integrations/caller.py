"""A caller of an ASGI application: what it gets, and for how long it waits.

Two things end its patience: its deadline, and that it goes away. Then the task that serves it is cancelled, as
`asyncio.timeout` does. Nothing ends what goes on after the response is complete, since nobody waits for that.

A server says that the caller has gone to whoever asks it for the next part of the request, so somebody has to ask. It
begins after `LISTEN_AFTER`: until then a request costs no task. Where the application itself waits for the next part it
hears of it, and decides. All times are looked at by the loop's one timer (`meshclient.engine.sweep`): one of its own
costs a request more than all that is read of its headers.

A thread cannot be ended. A framework that serves a request in one (FastAPI's and Starlette's ``def`` views) waits for
it in a shielded scope of anyio, which does not hold off `asyncio.Task.cancel`: the task would end, its place and
anyio's own bound on threads be given back, and the thread go on, beside as many more as callers begin and give up.
Such a task is cancelled once the thread has ended.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from math import inf
from typing import TYPE_CHECKING

from meshclient.core.balance.load_report import HEADER
from meshclient.engine.sweep import sweep
from meshclient.http.ambient import AMBIENT, Ambient

if TYPE_CHECKING:
    from meshclient.engine.sweep import Sweep
    from meshclient.integrations.asgi import Message, Receive, Send

# Seconds; most requests are over by then.
LISTEN_AFTER = 0.05
# Seconds between looks whether a thread has ended that is waited for.
LOOK_AGAIN = 0.05
GONE = "http.disconnect"
_LOAD = HEADER.encode()


class Caller:
    """Stands between the application and the server for one request.

    Args:
        receive: the server's.
        send: the server's.
        ambient: the request's own, with its deadline.
        cancel: whether it cancels the task.
        disconnect: whether the caller's going does.

    Attributes:
        ends: when the deadline was as the request came, on `time.monotonic`; infinity for none.
        status: of the response, 0 before it has begun.
        gone: whether the caller went away.
        load: value of the load report in the response's head; empty for none.
        busy: as of `Watched`.
        watched: likewise.
        due: likewise.
    """

    __slots__ = (
        "_ahead",
        "_ambient",
        "_came",
        "_cancel",
        "_cancelled",
        "_cancelling",
        "_complete",
        "_context",
        "_disconnect",
        "_due",
        "_gives_up_at",
        "_hearing",
        "_listener",
        "_listens_at",
        "_receive",
        "_send",
        "_task",
        "busy",
        "due",
        "ends",
        "gone",
        "load",
        "status",
        "watched",
    )

    def __init__(self, receive: Receive, send: Send, ambient: Ambient, *, cancel: bool, disconnect: bool) -> None:
        self.status = 0
        self.gone = False
        self.load = b""
        self._receive, self._send = receive, send
        self.ends, self._ambient = ambient.ends, ambient
        self._cancel, self._disconnect = cancel, disconnect
        self._complete = self._cancelled = self._due = self.busy = self.watched = False
        self._listener: asyncio.Task[None] | None = None
        self._hearing = 0
        self._gives_up_at = self._listens_at = inf

    def begin(self, watch: Sweep) -> None:
        """From now on the task that runs may be cancelled; `watch` is that of its loop."""
        task = asyncio.current_task()
        if task is None:
            msg = "the middleware needs asyncio: serve the application on one of its loops"
            raise RuntimeError(msg)
        self._task = task
        self._cancelling = task.cancelling()
        if self._cancel:
            self._gives_up_at = self.ends
        if self._disconnect:
            self._ahead: deque[Message] = deque()
            self._came = asyncio.Event()
            self._listens_at = time.monotonic() + LISTEN_AFTER
            # The timer is nobody's, or another request's; a server may begin the next request where it is asked here.
            self._context = copy_context()
        self.due = self._next()
        if self.due < inf:
            self.busy = True
            watch.watch(self)

    def _next(self) -> float:
        return self._gives_up_at if self._gives_up_at < self._listens_at else self._listens_at  # noqa: FURB136 - a call

    def expire(self, now: float) -> None:
        """As of `Watched`: it is time to listen, or to give up."""
        if self._listens_at <= now:
            self._listens_at = inf
            self._due = True
            self._go_on()
        if self._gives_up_at <= now:
            self._gives_up_at = inf
            self._give_up()
        self.due = self._next()
        # A stream that lasts for hours keeps no timer going.
        self.busy = self.due < inf

    def stand(self, late: float, now: float) -> None:
        """As of `Watched`: to the caller it is all the same why it waits."""

    def end(self) -> bool:
        """From now on it may not be; whether it was, and nobody else has cancelled it."""
        self._settle()
        return self._cancelled and self._task.uncancel() <= self._cancelling

    async def send(self, message: Message) -> None:
        """As the server's."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]  # type: ignore[assignment]
            if self.load:
                message = {**message, "headers": [*message.get("headers", ()), (_LOAD, self.load)]}  # type: ignore[misc]
            await self._send(message)
            return
        # What is between the two (trailers and the like) is neither.
        last = kind == "http.response.body" and not message.get("more_body")
        # To whoever asks a server says from then on that the caller has gone.
        self._complete = self._complete or last
        await self._send(message)
        if last:
            self._settle()
            if self.ends < inf:
                self._let_go()

    def _let_go(self) -> None:
        # Frameworks send from one task and go on in another (Starlette's streams and middleware), whose context cannot
        # be reached; what it holds is this very object, which no other request has.
        object.__setattr__(self._ambient, "ends", inf)
        held = AMBIENT.get()
        if held.ends < inf:
            AMBIENT.set(Ambient(inf, held.chained, held.options))

    async def receive(self) -> Message:
        """As the server's."""
        if not self._disconnect:
            return await self._receive()
        while True:
            if self._ahead:
                # That the caller has gone a server says as often as it is asked.
                message = self._ahead[0] if self._ahead[0]["type"] == GONE else self._ahead.popleft()
                self._go_on()
                return message
            if self._listener is None:
                return await self._ask()
            self._came.clear()
            await self._came.wait()

    async def _ask(self) -> Message:
        self._hearing += 1
        try:
            message = await self._receive()
        finally:
            self._hearing -= 1
        if message["type"] == GONE:
            self.gone = True
            self._ahead.append(message)
        self._go_on()
        return message

    def _go_on(self) -> None:
        if self._due and not (self._listener or self._hearing or self._ahead or self.gone or self._complete):
            self._listener = asyncio.get_running_loop().create_task(self._hear(), context=self._context)

    async def _hear(self) -> None:
        # What is wrong at the server's side the application hears when it asks.
        try:
            with suppress(Exception):
                whole = False
                while not self.gone:
                    message = await self._receive()
                    self._ahead.append(message)
                    self._came.set()
                    self.gone = message["type"] == GONE
                    if message.get("more_body") or whole:
                        # Of a body that nobody reads no more than this part is taken.
                        break
                    whole = True
                if self.gone and not self._complete:
                    self._give_up()
        finally:
            self._listener = None
            self._came.set()

    def _give_up(self) -> None:
        if self._cancelled:
            return
        if _in_thread(self._task):
            self._gives_up_at = time.monotonic() + LOOK_AGAIN
            self.due = self._next()
            self.busy = True
            if not self.watched:
                sweep().watch(self)
            return
        self._cancelled = True
        self._task.cancel()

    def _settle(self) -> None:
        self.busy = False
        listener = self._listener
        if listener is not None:
            listener.cancel()
            # One that has not begun would not say so itself. Whoever waits for it asks the server from now on.
            self._listener = None
            self._came.set()


def _in_thread(task: asyncio.Task[object]) -> bool:
    """Whether `task` waits in a shielded scope of anyio, which has no public way to ask about another task."""
    states = getattr(sys.modules.get("anyio._backends._asyncio"), "_task_states", None)
    try:
        scope = None if states is None else states[task].cancel_scope
        return scope is not None and bool(scope.shield)
    except Exception:  # noqa: BLE001 - an anyio that keeps it elsewhere, or has nothing about this task
        return False
