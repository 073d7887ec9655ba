"""What is at which path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from meshclient.sidecar.admin.actions import Actions
from meshclient.sidecar.admin.page import page
from meshclient.sidecar.admin.reply import EVENTS, Refused, Reply, document
from meshclient.sidecar.admin.running import find, running
from meshclient.sidecar.admin.settings_document import settings_document
from meshclient.sidecar.admin.standing import standing
from meshclient.telemetry.prometheus import OPEN_METRICS, TEXT, exposition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.sidecar.admin.request import Request
    from meshclient.sidecar.admin.sight import Sight
    from meshclient.sidecar.admin.view import View

_READ, _WRITE = ("GET", "HEAD"), ("POST",)
# Of OpenMetrics.
_COUNTER = re.compile(r"^(# (?:HELP|TYPE) \S+)_total ", re.MULTILINE)
_END = b"# EOF\n"


@dataclass(frozen=True, slots=True)
class Route:
    """One path.

    Args:
        answer: to a request for it.
        methods: by which it is asked.
        public: it says nothing that is not for everybody, so that probes and the empty page need no token.
        page: a person may come to it by a link from elsewhere.
        stream: the answer is the head of a stream of events.
    """

    answer: Callable[[Request], Reply]
    methods: tuple[str, ...] = _READ
    public: bool = False
    page: bool = False
    stream: bool = False


class Routes:
    """Of one process.

    Args:
        view: what is looked at.
        sight: how it is looked at.
        page: whether there is a page for people.
    """

    def __init__(self, view: View, sight: Sight, *, page: bool) -> None:
        self._view = view
        self._sight = sight
        actions = Actions(view)
        self._routes: dict[str, Route] = {
            "/live": Route(self._live, public=True),
            "/ready": Route(self._ready, public=True),
            "/metrics": Route(self._metrics),
            "/services": Route(self._services),
            "/endpoints": Route(self._endpoints),
            "/circuits": Route(self._circuits),
            "/stats": Route(self._stats),
            "/config": Route(self._config),
            "/events": Route(_stream, methods=("GET",), stream=True),
            "/drain": _action(actions.drain),
            "/eject": _action(actions.eject),
            "/isolate": _action(actions.isolate),
            "/reset": _action(actions.reset),
            "/loglevel": _action(actions.loglevel),
        }
        if page:
            self._routes["/"] = Route(_page, public=True, page=True)

    def find(self, request: Request) -> Route:
        """The route of a request; raises Refused where there is none."""
        route = self._routes.get(request.path)
        if route is None:
            known = " ".join(sorted(self._routes))
            raise Refused(HTTPStatus.NOT_FOUND, "not_found", f"there is nothing at this path; there is {known}")
        return route

    def _live(self, request: Request) -> Reply:
        del request
        return document("live", {"live": True})

    def _ready(self, request: Request) -> Reply:
        del request
        ready = self._view.ready()
        return document("ready", {"ready": ready}, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)

    def _metrics(self, request: Request) -> Reply:
        openmetrics = "application/openmetrics-text" in (request.header("accept") or "")
        body, own = exposition(self._view.mesh, openmetrics=openmetrics), self._view.metrics()
        if openmetrics:
            # A counter has its suffix on its samples only, and the end is marked.
            own = _COUNTER.sub(r"\1 ", own)
            return Reply(HTTPStatus.OK, body.removesuffix(_END) + own.encode() + _END, OPEN_METRICS)
        return Reply(HTTPStatus.OK, body + own.encode(), TEXT)

    def _services(self, request: Request) -> Reply:
        del request
        return document("services", {"services": self._sight.services()})

    def _endpoints(self, request: Request) -> Reply:
        name = request.arguments().get("service")
        if name is not None:
            find(self._view.mesh, name)
        return document("endpoints", {"endpoints": self._sight.endpoints(name)})

    def _circuits(self, request: Request) -> Reply:
        del request
        mesh = self._view.mesh
        found = [
            {
                "service": one.name,
                "kind": state.kind,
                "state": state.state,
                "refused_ratio": state.refused,
                "reason": state.reason or None,
                "retry_after_seconds": state.retry_after,
                "enforced": state.enforced,
            }
            for one in running(mesh)
            for state in [standing(one)]
        ]
        return document("circuits", {"circuits": found})

    def _stats(self, request: Request) -> Reply:
        del request
        return document("stats", {**self._view.stats(), "services": self._sight.services()})

    def _config(self, request: Request) -> Reply:
        del request
        return document("config_show", settings_document(self._view.config()))


def allowed(route: Route, request: Request) -> None:
    """Raises Refused where a path is not asked by this method."""
    if request.method not in route.methods:
        allow = ", ".join(route.methods)
        detail = f"this path is asked by {' or '.join(route.methods)}"
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, (("Allow", allow),))


def _action(act: Callable[[Mapping[str, str]], Reply]) -> Route:
    return Route(lambda request: act(request.arguments()), _WRITE)


def _stream(request: Request) -> Reply:
    del request
    # What stands between may hold back what it thinks is not whole yet.
    return Reply(HTTPStatus.OK, b"retry: 2000\n\n", EVENTS, (("X-Accel-Buffering", "no"),))


def _page(request: Request) -> Reply:
    del request
    return page()
