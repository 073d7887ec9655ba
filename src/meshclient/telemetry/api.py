"""What of OpenTelemetry's API spans need, taken from it once: to import it for each call costs more than the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.telemetry import attributes as at
from meshclient.telemetry.error_type import CANCELLED

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span


class Api:
    """OpenTelemetry's; to be made where there is a provider, so that nothing is imported for it."""

    def __init__(self) -> None:
        from opentelemetry import context
        from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span, set_span_in_context

        self.current = context.get_current
        self.attach = context.attach
        self.detach = context.detach
        self.span_of = get_current_span
        self.with_span = set_span_in_context
        self.client, self.internal = SpanKind.CLIENT, SpanKind.INTERNAL
        self._failed = Status(StatusCode.ERROR)
        self._set = context.set_value
        # It has a random part.
        self._silence: str = getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation")

    def silent(self, context: Context) -> Context:
        """`context`, with HTTP instrumentation asked to be silent in it."""
        return self._set(self._silence, True, context)

    def told(self, span: Span, status: int, word: str) -> None:
        """How what `span` stands for ended; whoever gave up did not fail."""
        if status:
            span.set_attribute(at.STATUS, status)
        if word:
            span.set_attribute(at.ERROR_TYPE, word)
            if word != CANCELLED:
                span.set_status(self._failed)
