"""Django: a middleware for sync and async views, and clients out of one setting.

    MIDDLEWARE = ["meshclient.integrations.django.MeshMiddleware", ...]
    MESHCLIENT = {"resolver": "consul://127.0.0.1:8500", "inbound": {"limit": 64}}

    def cart(request):
        return HttpResponse(client().get("http://orders/v1/orders").text)

It comes first, so that what is refused costs nothing. That the caller goes away Django notices itself, where it is
served by ASGI, and cancels the view.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Protocol, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings  # type: ignore[import-untyped]
from django.http import HttpResponse  # type: ignore[import-untyped]

from meshclient.core.balance.load_report import HEADER
from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.engine.sweep import sweep
from meshclient.errors import MeshError
from meshclient.http import AsyncClient, Client
from meshclient.http.ambient import AMBIENT
from meshclient.integrations.admission import Admission
from meshclient.integrations.django_stream import Stream, streamed
from meshclient.integrations.intake import Intake
from meshclient.integrations.options import Inbound
from meshclient.integrations.probes import ABSENT, Probes
from meshclient.integrations.problem import GIVEN_UP, NOT_BEGUN
from meshclient.integrations.reply import Reply
from meshclient.integrations.setting import Setting
from meshclient.integrations.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from meshclient.integrations.django_stream import Response
    from meshclient.integrations.intake import Brought
    from meshclient.mesh import Mesh


class Request(Protocol):
    """What is used of Django's."""

    META: dict[str, object]
    method: str
    path_info: str


class MeshMiddleware:
    """Views whose calls continue the requests that they serve; as `meshclient.integrations.asgi.MeshMiddleware`.

    Its options are ``MESHCLIENT["inbound"]``. ``disconnect`` is Django's own, and ``max_lag`` is for ASGI.

    Raises ConfigError for a wrong setting.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Request], Response | Awaitable[Response]]) -> None:
        self._asynchronous = iscoroutinefunction(get_response)
        if self._asynchronous:
            markcoroutinefunction(self)
        self._get_response = get_response
        options = Inbound.of(_setting().options(mesh()))
        given = options if self._asynchronous else options.threaded()
        self._intake = Intake(given.propagators, begins=given.new_trace, trust_priority=given.trust_priority)
        self._probes = Probes(given)
        self._cancel, self._load_report = given.cancel, given.load_report
        measures = given.max_lag is not None or given.load_report
        self._measures = measures and self._asynchronous
        counts = measures or given.limit is not None
        # Async views share a loop, but sync ones beside them have threads.
        self._admission = Admission(given, fork_safe_lock()) if counts else None

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        """Serve one request."""
        return self._acall(request) if self._asynchronous else self._call(request)

    def process_exception(self, _: Request, error: Exception) -> Response | None:
        """Turn a call that had no time left into the answer to a caller who has none."""
        # Out of time a call may also say that no list of endpoints came.
        late = isinstance(error, MeshError) and AMBIENT.get().ends <= time.monotonic()
        return _response(GIVEN_UP) if late else None

    def _call(self, request: Request) -> Response:
        brought = self._intake.wsgi(request.META)
        get_response = cast("Callable[[Request], Response]", self._get_response)
        if self._probed(request) and self._probes.first:
            return self._probe(request)
        visit = self._enter(request, brought)
        if isinstance(visit, Reply):
            return self._finished(_response(visit), None)
        try:
            with brought:
                response = get_response(request)
                if response.streaming and (brought or visit):
                    response.streaming_content = Stream(response.streaming_content, visit)
        except BaseException:
            _end(visit, failed=True)
            raise
        if self._probed(request) and response.status_code == ABSENT:
            response = self._probe(request)
        return self._finished(response, visit)

    async def _acall(self, request: Request) -> Response:
        brought = self._intake.wsgi(request.META)
        get_response = cast("Callable[[Request], Awaitable[Response]]", self._get_response)
        if self._probed(request) and self._probes.first:
            return self._probe(request)
        visit = self._enter(request, brought)
        if isinstance(visit, Reply):
            return self._finished(_response(visit), None)
        # For the rest of the task, which sends the body as well: it serves this request and no other.
        brought.stay()
        ends = brought.ambient.ends
        limit = asyncio.timeout(ends - time.monotonic() if self._cancel and ends < inf else None)
        try:
            async with limit:
                response = await get_response(request)
        except TimeoutError:
            if not limit.expired():
                _end(visit, failed=True)
                raise
            response = _response(GIVEN_UP)
        except BaseException:
            _end(visit, failed=True)
            raise
        if response.streaming and visit:
            wrap = streamed if response.is_async else Stream
            response.streaming_content = wrap(response.streaming_content, visit)
        if self._probed(request) and response.status_code == ABSENT:
            response = self._probe(request)
        return self._finished(response, visit)

    def _probed(self, request: Request) -> bool:
        return request.path_info in self._probes.paths and request.method in {"GET", "HEAD"}

    def _probe(self, request: Request) -> Response:
        return _response(self._probes.reply(request.path_info, str(request.META.get("QUERY_STRING", ""))))

    def _enter(self, request: Request, brought: Brought) -> Visit | Reply | None:
        now = time.monotonic()
        if self._probed(request):
            return None
        if brought.ambient.ends <= now:
            return NOT_BEGUN
        if self._admission is None:
            return None
        stood = sweep().stood() if self._measures else None
        return self._admission.enter(now, stood, request.path_info, brought.priority) or Visit(self._admission)

    def _finished(self, response: Response, visit: Visit | None) -> Response:
        if visit is not None:
            visit.status = response.status_code
            if not response.streaming:
                visit.end()
        if self._load_report and self._admission is not None:
            stood = sweep().stood() if self._measures else None
            if load := self._admission.report(time.monotonic(), stood):
                response.headers[HEADER] = load
        return response


def mesh() -> Mesh:
    """The mesh of this process, out of ``settings.MESHCLIENT``. Raises ConfigError for a wrong setting."""
    return _made().mesh


def client() -> Client:
    """The client of this process, for sync views."""
    return _made().client


def async_client() -> AsyncClient:
    """The client of this process, for async views."""
    return _made().async_client


@dataclass(frozen=True, slots=True)
class _Made:
    """What a setting describes. Nothing of it does anything before it is used."""

    value: object
    mesh: Mesh
    client: Client
    async_client: AsyncClient


# By identity of the setting, as tests have several; each keeps its own, so that no other gets the same identity.
_MADE: dict[int, _Made] = {}


def _made() -> _Made:
    value = getattr(settings, "MESHCLIENT", None)
    found = _MADE.get(id(value))
    if found is None:
        made = _setting().mesh()
        # Of two threads the first one's is kept.
        found = _MADE.setdefault(id(value), _Made(value, made, Client(mesh=made), AsyncClient(mesh=made)))
    return found


def _setting() -> Setting:
    return Setting.parse(getattr(settings, "MESHCLIENT", {}), "settings.MESHCLIENT")


def _end(visit: Visit | None, *, failed: bool) -> None:
    if visit is not None:
        visit.end(failed=failed)


def _response(reply: Reply) -> Response:
    headers: MutableMapping[str, str] = dict(reply.headers)
    # Django's server leaves the body of an answer to HEAD out.
    return cast("Response", HttpResponse(reply.body, status=reply.status.value, headers=headers))
