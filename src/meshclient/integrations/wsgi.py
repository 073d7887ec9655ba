"""Requests that a WSGI application serves: what they bring, and whether they are let in.

    app = MeshMiddleware(app)

As `meshclient.integrations.asgi.MeshMiddleware`, but a thread cannot be cancelled: what ends with the caller's patience
are the calls that the application makes with a meshclient client. The body is produced in the same context, since an
application may make them while it yields.
"""

from __future__ import annotations

import time
from contextvars import copy_context
from typing import TYPE_CHECKING

from meshclient.core.balance.load_report import HEADER
from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.errors import MeshError
from meshclient.integrations.admission import Admission
from meshclient.integrations.intake import Intake
from meshclient.integrations.options import Inbound
from meshclient.integrations.probes import ABSENT, Probes
from meshclient.integrations.problem import GIVEN_UP, NOT_BEGUN
from meshclient.integrations.visit import Visit
from meshclient.integrations.wsgi_body import Body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Unpack
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from meshclient.integrations.intake import Brought
    from meshclient.integrations.options import InboundOptions


class MeshMiddleware:
    """An application whose calls continue the requests that it serves.

    A request whose time is over already gets 504 with a problem document, and the application never hears of it. So
    does one whose time ends within a call, where the application lets its error pass and has sent nothing yet. One that
    is refused for overload gets 503.

    Args:
        app: the WSGI application.
        options: as in `meshclient.integrations.options.Inbound`, without those that are for ASGI only.

    Raises ConfigError for a wrong option.
    """

    def __init__(self, app: WSGIApplication, **options: Unpack[InboundOptions]) -> None:
        given = Inbound.of(options).threaded()
        self._app = app
        self._intake = Intake(given.propagators, begins=given.new_trace, trust_priority=given.trust_priority)
        self._probes = Probes(given)
        counts = given.limit is not None or given.load_report
        self._admission = Admission(given, fork_safe_lock()) if counts else None
        self._load_report = given.load_report

    @property
    def in_flight(self) -> int:
        """Requests that are being served, where there is a `limit` or a `load_report`; else 0."""
        return self._admission.in_flight if self._admission else 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        brought = self._intake.wsgi(environ)
        path = environ.get("PATH_INFO", "")
        if path in self._probes.paths and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return self._probe(environ, start_response, brought, path)
        if brought.ambient.ends <= time.monotonic():
            return [NOT_BEGUN.start(start_response, head=_head(environ))]
        if self._admission is None:
            # The application's own iterable, which a server may send faster than any other.
            return (
                self._serve(environ, start_response, brought, None) if brought else self._app(environ, start_response)
            )
        now, load = time.monotonic(), ""
        if self._load_report:
            load = self._admission.report(now, None)
        refusal = self._admission.enter(now, None, path, brought.priority)
        if refusal is not None:
            return [refusal.start(_noted(start_response, load, None), head=_head(environ))]
        visit = Visit(self._admission)
        return self._serve(environ, _noted(start_response, load, visit), brought, visit)

    def _serve(
        self, environ: WSGIEnvironment, start_response: StartResponse, brought: Brought, visit: Visit | None
    ) -> Iterable[bytes]:
        context, ends = copy_context(), brought.ambient.ends
        brought.enter(context)
        try:
            parts = context.run(self._app, environ, start_response)
        except BaseException as exc:
            if visit is not None:
                visit.end(failed=True)
            if not isinstance(exc, MeshError) or ends > time.monotonic():
                raise
            return [GIVEN_UP.start(start_response, head=_head(environ))]
        if isinstance(parts, (list, tuple)):
            # All of it is there, and its length tells the server that of the body.
            if visit is not None:
                visit.end()
            return parts
        return Body(parts, context, start_response, ends, visit)

    def _probe(
        self, environ: WSGIEnvironment, start_response: StartResponse, brought: Brought, path: str
    ) -> Iterable[bytes]:
        head: list[Any] = []
        body: list[bytes] = []

        def start(*given: Any) -> Callable[[bytes], object]:  # noqa: ANN401 - as `StartResponse`
            head[:] = given
            return body.append

        if not self._probes.first:
            parts = self._serve(environ, start, brought, None)
            try:
                body.extend(parts)
            finally:
                getattr(parts, "close", tuple)()
            if not head:
                msg = "the application has not called start_response"
                raise RuntimeError(msg)
            if not head[0].startswith(f"{ABSENT} "):
                start_response(*head)
                return body
        reply = self._probes.reply(path, environ.get("QUERY_STRING", ""))
        return [reply.start(start_response, head=_head(environ))]


def _head(environ: WSGIEnvironment) -> bool:
    # Not every server leaves the body out.
    return bool(environ.get("REQUEST_METHOD") == "HEAD")


def _noted(start_response: StartResponse, load: str, visit: Visit | None) -> StartResponse:
    """As `start_response`, with the load report, and the status told to the visit."""

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:  # noqa: ANN401
        if visit is not None and status[:3].isdecimal():
            visit.status = int(status[:3])
        return start_response(status, [*headers, (HEADER, load)] if load else headers, *error)

    return start
