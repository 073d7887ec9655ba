"""Everything inbound goes to the local application.

It is a service of a mesh of its own, with one endpoint and without policies for many: what it answers is its answer,
and a failing instance is for its callers to avoid and for its registry to drop.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.config.loaded import load
from meshclient.engine.errors import StaleConnection
from meshclient.model.listening import Listening
from meshclient.sidecar.meshes import mesh_of
from meshclient.sidecar.proxy.destination import Destination, Refusal
from meshclient.sidecar.proxy.grammar import ABSOLUTE, HOST

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from meshclient.mesh.mesh import Mesh
    from meshclient.sidecar.proxy.request_head import RequestHead

APPLICATION = "app"


def _is_final(state: RetryCallState) -> bool:
    """As a strategy that ends repeats: all is final but that an idle connection was closed as a request was sent."""
    error = state.outcome.exception() if state.outcome is not None else None
    while error is not None and not isinstance(error, StaleConnection):
        error = error.__cause__
    return error is None


_ALONE = {
    # An idle connection that it closed while a request was on its way is not its answer: there, that request goes out
    # once more. It has one place, so there is nothing to be gained by a pause, nor to be protected by a budget.
    "retry": {"stop": _is_final, "backoff": "0s..0s", "budget": 1.0, "budget_floor": 1e6},
    # Shorter than what servers keep theirs for (gunicorn: 2 s): another one costs little on the same host.
    "connections": {"idle": "1s"},
    "ejection": False,
    "throttle": False,
    "slow_start": False,
    "zone_aware": False,
    # How long a request may take is for its caller to say (mesh-timeout).
    "deadline": False,
    "attempt_timeout": False,
    # The caller's trace goes through as it is: a hop of the proxy is no work of the application's.
    "propagators": [],
}


def application_mesh(address: str) -> Mesh:
    """A mesh that knows the application alone. Nothing of the environment changes it."""
    listening = Listening.parse(address)
    where = f"unix:{Path(listening.path).absolute()}" if listening.path else f"http://{listening}"
    services = {APPLICATION: {**_ALONE, "endpoints": [where]}}
    telemetry = {"metrics": False, "spans": "none"}
    return mesh_of(load(environ={}, cwd=Path("/"), arguments={"services": services, "telemetry": telemetry}))


class ToApplication:
    """The route.

    Args:
        address: where the application listens.
    """

    def __init__(self, address: str) -> None:
        listening = Listening.parse(address)
        self._host = b"localhost" if listening.path else str(listening).encode()

    def __call__(self, request: RequestHead) -> Destination | Refusal:
        """As `meshclient.sidecar.proxy.Route`."""
        if request.method == "CONNECT":
            # What its client may have sent into the tunnel already is no request.
            detail = "This listener leads to one application and opens no tunnels to others."
            return Refusal(405, "no_route", detail, close=True)
        if request.method in {"OPTIONS", "TRACE"} and request.header(b"max-forwards") == b"0":
            detail = "The request may go no further than here (Max-Forwards), and the application is further."
            return Refusal(405, "max_forwards", detail)
        target = _origin_form(request)
        if target is None:
            detail = (
                "The target of the request is neither a path nor a URL with a host: ask for one that begins with '/'."
            )
            return Refusal(400, "bad_request", detail, close=True)
        # Who was asked for is for the application to know, as if it were asked without us.
        return Destination(APPLICATION, target, request.host or self._host)


def _origin_form(request: RequestHead) -> bytes | None:
    """RFC 9112, section 3.2: of the absolute form a server must take the path; ``*`` is for OPTIONS alone."""
    target = request.target
    if target.startswith(b"/"):
        return target
    if target == b"*":
        return target if request.method == "OPTIONS" else None
    absolute = ABSOLUTE(target)
    if absolute is None:
        return None
    authority, rest = absolute.groups()
    if not authority or not HOST(authority):
        return None
    if not rest and request.method == "OPTIONS":
        return b"*"
    return rest if rest.startswith(b"/") else b"/" + rest
