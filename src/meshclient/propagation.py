"""Trace propagation for those who write headers themselves: message queues, servers of their own, other clients.

    context = meshclient.propagation.get("xray").extract(headers)
    with meshclient.propagation.using(context):
        ...                                         # calls made here belong to that trace
    headers += meshclient.propagation.get("tracecontext").inject(context.child())

Works without OpenTelemetry. Clients and the middleware of `meshclient.integrations` do all this by themselves.
"""

from __future__ import annotations

from meshclient.telemetry.propagation.baggage import BaggageMember
from meshclient.telemetry.propagation.context import TRACE, TraceContext, using
from meshclient.telemetry.propagation.formats import NAMES, get
from meshclient.telemetry.propagation.identifiers import new_trace
from meshclient.telemetry.propagation.propagator import Headers, Propagator
from meshclient.telemetry.propagation.reader import Reader, extract_any

__all__ = [
    "NAMES",
    "TRACE",
    "BaggageMember",
    "Headers",
    "Propagator",
    "Reader",
    "TraceContext",
    "extract_any",
    "get",
    "new_trace",
    "using",
]
