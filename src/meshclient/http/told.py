"""What telemetry needs to know of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.telemetry.telling import CallTelling

if TYPE_CHECKING:
    import httpx

    from meshclient.mesh import MeshService

# An extension: ``/orders/{id}`` for ``/orders/42``, which becomes part of the span's name.
TEMPLATE = "url_template"
_HTTPS = 443
_HTTP = 80


def telling_of(request: httpx.Request, service: MeshService, started: float) -> CallTelling | None:
    """What tells of the call that began at `started`; None where nobody is told."""
    meter, spans = service.meter, service.spans
    if meter is None and (spans is None or not spans.active):
        return None
    url = request.url

    def age() -> float | None:
        return service.snapshot_report().age

    return CallTelling(
        request.method,
        url.__str__,
        url.port or (_HTTPS if url.scheme == "https" else _HTTP),
        str(request.extensions.get(TEMPLATE, "")),
        service.clock,
        started,
        age,
        meter,
        spans,
    )
