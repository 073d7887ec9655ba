"""A plain call's attempt, and what is told of it: in its request, to whoever counts, and in its response."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from meshclient.core.first_attempt import FirstAttempt
from meshclient.http._async.engine_network_stream import AsyncConnectionInfo
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.http.plain.call import PlainCall
    from meshclient.mesh import MeshService
    from meshclient.telemetry.spans import AttemptSpan

# Without this nobody traces.
_TRACING = "opentelemetry.trace"
_MODULES = sys.modules


class AsyncStory(FirstAttempt):
    """For ``response.extensions``; called for it once it `succeeded`.

    Attributes:
        deadline: seconds of the whole call, or None.
        connection: that the response came on.
        span: of the attempt, where the process traces.
        trace_id: of the trace that it is in; empty for none.
    """

    __slots__ = ("connection", "deadline", "span", "trace_id")

    service: MeshService
    connection: AsyncConnection
    deadline: float | None
    span: AttemptSpan | None
    trace_id: str

    def opened(self, call: PlainCall) -> bytes:
        """It is sent: the header lines that say in which trace it is."""
        service, endpoint = self.service, self.endpoint
        self.span, self.trace_id = None, ""
        if _TRACING in _MODULES and endpoint is not None and (spans := service.spans) is not None and spans.active:
            age = service.snapshot_report(self.snapshot, self.started).age
            self.span = spans.plain(call.method, call.address, call.service_port, endpoint, age)
        if service.outbound is None:
            return b""
        lines, self.trace_id, _ = service.outbound.lines("", call.mapping)
        return lines

    def told(self, call: PlainCall, headed: float) -> None:
        """It `succeeded`, and its head was here at `headed`."""
        connection, meter = self.connection, self.service.meter
        if meter is not None:
            seconds = headed - self.started
            meter.called(call.method, connection.status, seconds, call.service_port, connection.version)
        if self.span is not None:
            # The body may have taken its time since.
            self.span.end(self.outcome, connection.version, late=self.service.clock() - headed)
            self.span = None

    def given_up(self, call: PlainCall, error: BaseException) -> None:
        """Its caller waits no more."""
        now, meter = self.service.clock(), self.service.meter
        self.cancelled(now)
        if meter is not None:
            meter.failed(call.method, error, now - self.started, call.service_port, sent=True)
        if self.span is not None:
            # A generator that is closed by the collector of garbage is in another context.
            self.span.end(None, detach=not isinstance(error, GeneratorExit))

    def __call__(self) -> dict[str, object]:
        service, report = self.service, self.report()
        left = None if self.deadline is None else max(0.0, self.deadline - (self.ended - self.started))
        snapshot = service.snapshot_report(self.snapshot, self.ended)
        told = CallReport(service.name, () if report is None else (report,), snapshot, left)
        return {"network_stream": AsyncConnectionInfo(self.connection), "mesh": told}
