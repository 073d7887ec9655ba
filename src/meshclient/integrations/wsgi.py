"""Requests that a WSGI application serves hand on their deadline, and whether they are repeats.

    app = MeshMiddleware(app)

As `meshclient.integrations.asgi.MeshMiddleware`, but a thread cannot be cancelled: what ends with the caller's patience
are the calls that the application makes with a meshclient client. The body is produced in the same context, since an
application may make them while it yields.
"""

from __future__ import annotations

import sys
import time
from contextvars import copy_context
from math import inf
from typing import TYPE_CHECKING

from meshclient.errors import MeshError
from meshclient.http.ambient import INBOUND_HEADERS, serving
from meshclient.integrations.problem import GIVEN_UP, MEDIA_TYPE, NOT_BEGUN, STATUS, problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextvars import Context
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# PEP 3333, "environ Variables".
_VARIABLES = {f"HTTP_{name.upper().replace('-', '_')}": name for name in INBOUND_HEADERS}


class MeshMiddleware:
    """An application whose calls obey the deadlines of the requests it serves.

    A request whose time is over already gets 504 with a problem document, and the application never hears of it. So
    does one whose time ends within a call, where the application lets its error pass and has sent nothing yet.

    Args:
        app: the WSGI application.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        headers = {name: environ[variable] for variable, name in _VARIABLES.items() if variable in environ}
        if not headers:
            # The application's own iterable, which a server may send faster than any other.
            return self._app(environ, start_response)
        with serving(headers) as ambient:
            context = copy_context()
        if ambient.ends <= time.monotonic():
            return [_reject(start_response, NOT_BEGUN)]
        try:
            parts = context.run(self._app, environ, start_response)
        except MeshError:
            if ambient.ends > time.monotonic():
                raise
            return [_reject(start_response, GIVEN_UP)]
        return _Body(parts, context, start_response, ambient.ends)


class _Body:
    """The application's iterable, run in the context of its request."""

    def __init__(self, parts: Iterable[bytes], context: Context, start_response: StartResponse, ends: float) -> None:
        self._parts = parts
        self._context = context
        self._start_response = start_response
        self._ends = ends
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = self._context.run(iter, self._parts)
            return self._context.run(next, self._iterator)
        except MeshError:
            if self._ends > time.monotonic():
                raise
            self._ends, self._iterator = inf, iter(())
            return _reject(self._start_response, GIVEN_UP)

    def close(self) -> None:
        """As PEP 3333 asks, whether it was read or not."""
        close = getattr(self._parts, "close", None)
        if close is not None:
            self._context.run(close)


def _reject(start_response: StartResponse, detail: str) -> bytes:
    body = problem(detail)
    headers = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body)))]
    # Of an error, the server makes the answer where no head has gone out, and raises it again where one has.
    error = sys.exc_info()
    start_response(f"{STATUS.value} {STATUS.phrase}", headers, error if error[0] is not None else None)
    return body
