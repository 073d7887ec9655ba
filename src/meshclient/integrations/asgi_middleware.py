"""Requests that an ASGI application serves: what they bring, whether they are let in, when they are given up.

    app = MeshMiddleware(app)

Calls that the application makes with a meshclient client while it serves a request end when its caller gives up, belong
to the caller's trace, and a request that is itself a repeat is not repeated further down (`meshclient.http.ambient`).
What goes on once the response is complete has no deadline, since nobody waits for it, in whatever task it does; only
an `override` block that is open then keeps the one it began with, unless it is the block that sends.
"""

from __future__ import annotations

import asyncio
import time
from math import inf
from typing import TYPE_CHECKING, cast

from meshclient.engine.sweep import sweep
from meshclient.errors import MeshError
from meshclient.integrations.admission import Admission
from meshclient.integrations.caller import Caller
from meshclient.integrations.intake import Intake
from meshclient.integrations.options import Inbound
from meshclient.integrations.probes import ABSENT, Probes
from meshclient.integrations.problem import GIVEN_UP, NOT_BEGUN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from meshclient.engine.sweep import Sweep
    from meshclient.integrations.asgi import Application, Message, Receive, Registered, Send
    from meshclient.integrations.options import InboundOptions

# Key of a scope under which `Registered` tells of itself.
REGISTERED = "meshclient.registered"


class MeshMiddleware:
    """An application whose calls continue the requests that it serves.

    A request whose time is over already gets 504 with a problem document, one that is refused for overload gets 503,
    and the application never hears of either. Websockets and the lifespan go through untouched, and so do the
    application's exceptions.

    Args:
        app: the ASGI application, on asyncio.
        options: as in `meshclient.integrations.options.Inbound`.

    Raises ConfigError for a wrong option.
    """

    def __init__(self, app: Application, **options: Unpack[InboundOptions]) -> None:
        given = Inbound.of(options)
        self._app = app
        self._cancel, self._disconnect, self._load_report = given.cancel, given.disconnect, given.load_report
        self._intake = Intake(given.propagators, begins=given.new_trace, trust_priority=given.trust_priority)
        self._probes = Probes(given)
        # Or no timer of the loop runs for it.
        self._measures = given.max_lag is not None or given.load_report
        self._admission = Admission(given) if self._measures or given.limit is not None else None
        self._plain = self._admission is None and not given.disconnect
        # Those of the loop that served last; to find them costs as much as what they are asked.
        self._here: tuple[asyncio.AbstractEventLoop, Sweep] | None = None

    @property
    def in_flight(self) -> int:
        """Requests that are being served, where there is a `limit`, a `max_lag` or a `load_report`; else 0."""
        return self._admission.in_flight if self._admission else 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = _path(scope)
        brought = self._intake.asgi(cast("Iterable[tuple[bytes, bytes]]", scope["headers"]))
        with brought:
            if path in self._probes.paths and scope["method"] in {"GET", "HEAD"}:
                await self._probe(path, scope, receive, send)
            elif brought.ambient.ends <= time.monotonic():
                await NOT_BEGUN.send(send)
            elif self._plain and brought.ambient.ends == inf:
                await self._app(scope, receive, send)
            else:
                caller = Caller(receive, send, brought.ambient, cancel=self._cancel, disconnect=self._disconnect)
                await self._admit(scope, caller, path, brought.priority)

    async def _admit(self, scope: Message, caller: Caller, path: str, priority: str) -> None:
        admission, here = self._admission, self._sweep()
        if admission is None:
            await self._serve(scope, caller, here)
            return
        now, stood = time.monotonic(), here.stood() if self._measures else None
        if self._load_report:
            caller.load = admission.report(now, stood).encode()
        refusal = admission.enter(now, stood, path, priority)
        if refusal is not None:
            await refusal.send(caller.send)
            return
        # An exception of the application's is one, whatever it has answered before.
        failed: bool | None = True
        try:
            await self._serve(scope, caller, here)
            failed = None if caller.gone else not 0 < caller.status < 500
        finally:
            admission.leave(time.monotonic(), failed=failed)

    async def _serve(self, scope: Message, caller: Caller, here: Sweep) -> None:
        caller.begin(here)
        try:
            try:
                await self._app(scope, caller.receive, caller.send)
            finally:
                given_up = caller.end()
        except asyncio.CancelledError:
            if not given_up:
                raise
        except MeshError:
            # Out of time a call may also say that no list of endpoints came.
            if caller.status or caller.ends > time.monotonic():
                raise
        else:
            return
        if not (caller.status or caller.gone):
            await GIVEN_UP.send(caller.send)

    def _sweep(self) -> Sweep:
        loop, here = asyncio.get_running_loop(), self._here
        if here is None or here[0] is not loop:
            here = self._here = loop, sweep()
        return here[1]

    async def _probe(self, path: str, scope: Message, receive: Receive, send: Send) -> None:
        absent = False

        async def answer() -> None:
            registered = cast("Registered | None", scope.get(REGISTERED))
            query = cast("bytes", scope.get("query_string", b"")).decode("latin-1")
            reply = self._probes.reply(path, query, registered.lease if registered else None)
            await reply.send(send, head=scope["method"] == "HEAD")

        async def tell(message: Message) -> None:
            nonlocal absent
            if message["type"] == "http.response.start" and message["status"] == ABSENT:
                absent = True
                await answer()
            if not absent:
                await send(message)

        await (answer() if self._probes.first else self._app(scope, receive, tell))


def _path(scope: Message) -> str:
    """As the application sees it, below where it is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root else path
