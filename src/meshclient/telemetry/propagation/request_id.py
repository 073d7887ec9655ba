"""``x-request-id`` and ``x-correlation-id``: what logs are searched for where there is no tracing.

What came is handed on as it is. Where nothing came the id of the trace is the request's id, in the form of a UUID: the
same in all that belongs together, and whoever has one of the two has the other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.telemetry.propagation.carrier import gathered
from meshclient.telemetry.propagation.identifiers import completed
from meshclient.telemetry.propagation.propagator import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.telemetry.propagation.context import TraceContext
    from meshclient.telemetry.propagation.propagator import Fields, Headers

REQUEST_ID, CORRELATION_ID = "x-request-id", "x-correlation-id"
# Visible ASCII, which can be written into a log as it is; twice the length of the longest form of a UUID or ARN part.
_ID = re.compile(r"[!-~]{1,128}")


class RequestIdPropagator:
    """Both headers."""

    fields = (REQUEST_ID, CORRELATION_ID)

    def extract(self, headers: Headers) -> TraceContext | None:
        """A trace that begins here and has the ids that came; None where none came."""
        finding = self.read(gathered(headers, self.fields))
        return None if finding is None else completed(finding)

    def read(self, fields: Fields) -> Finding | None:
        """What they say; of two with one name the first."""
        request, correlation = (_first(fields.get(name, ())) for name in self.fields)
        if request is None and correlation is None:
            return None
        return Finding(request_id=request, correlation_id=correlation)

    def inject(self, context: TraceContext) -> list[tuple[str, str]]:
        """The request's id in any case, and the other one where there is one."""
        headers = [(REQUEST_ID, request_id(context))]
        if context.correlation_id is not None and _ID.fullmatch(context.correlation_id):
            headers.append((CORRELATION_ID, context.correlation_id))
        return headers


def request_id(context: TraceContext) -> str:
    """The one that came, or that of the trace."""
    if context.request_id is not None and _ID.fullmatch(context.request_id):
        return context.request_id
    return as_uuid(context.trace_id)


def as_uuid(trace_id: str) -> str:
    """The same digits, in groups."""
    return f"{trace_id[:8]}-{trace_id[8:12]}-{trace_id[12:16]}-{trace_id[16:20]}-{trace_id[20:]}"


def _first(values: Iterable[str]) -> str | None:
    return next((value for value in values if _ID.fullmatch(value)), None)
