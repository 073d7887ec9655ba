"""One CLIENT span for each attempt, where the process has a provider of tracers; nothing at all where it has none.

A call of three attempts is three requests, to three servers perhaps, and each has a span of its own whose id its
headers carry: what a server does is then seen below the attempt that asked for it. A span around them, of kind
INTERNAL, is an option. Names and attributes are those of OpenTelemetry's semantic conventions for HTTP clients.

While an attempt is under way its span is the current one, and HTTP instrumentation is asked to be silent, or there
would be two CLIENT spans of one request.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from meshclient.telemetry import attributes as at
from meshclient.telemetry.api import Api
from meshclient.telemetry.error_type import CANCELLED, of_outcome
from meshclient.telemetry.propagation.active import as_parent
from meshclient.telemetry.propagation.context import TRACE
from meshclient.telemetry.providers import SCOPE, release, tracer_provider
from meshclient.telemetry.redaction import redacted
from meshclient.telemetry.series import OTHER_METHOD, method_of

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.outcome import Outcome
    from meshclient.telemetry.attributes import Value
    from meshclient.telemetry.series import CallSeries

_LOG = logging.getLogger("meshclient.telemetry")

CALL_SPAN = "meshclient.call"


class AttemptSpans:
    """Of one service.

    Args:
        service: its name.
        picker: name of the rule that chooses its endpoints, or empty.
        calls: whether a span stands around all attempts of a call.
        peer_service: whether spans have the deprecated ``peer.service`` too.

    Attributes:
        service: likewise.
        calls: likewise.
    """

    def __init__(self, service: str, picker: str = "", *, calls: bool = False, peer_service: bool = False) -> None:
        self.service = service
        self._picker = picker
        self.calls = calls
        self._peer_service = peer_service
        self._provider: TracerProvider | None = None
        self._tracer: Tracer | None = None
        self._api: Api | None = None
        self._told = False

    @property
    def active(self) -> bool:
        """Whether there is anybody to make spans for; costs 0.2 us."""
        return self.tracer() is not None

    def tracer(self) -> Tracer | None:
        """That of the provider that is set."""
        provider = tracer_provider()
        if provider is None:
            return None
        if provider is not self._provider:
            try:
                self._tracer, self._api = _tracer_of(provider), Api()
            except Exception:  # noqa: BLE001 - whatever a provider raises, the call has to go on
                self._tracer = None
                self.failed()
            self._provider = provider
        return self._tracer

    def plain(self, method: str, url: str, port: int, endpoint: Endpoint, age: float | None) -> AttemptSpan | None:
        """Begin the first attempt of a call that no driver sees; arguments as of `CallSpan.attempt`.

        None where there is nobody to make spans for. Not where `calls` have spans: those need the driver.
        """
        call = self.call(method)
        return None if call is None else call.attempt(endpoint, url, port, age=age)

    def call(self, method: str) -> CallSpan | None:
        """Begin a call; None where there is nobody to make spans for."""
        try:
            return self._call(method)
        except Exception:  # noqa: BLE001 - whatever a provider raises, the call has to go on
            self.failed()
            return None

    def failed(self) -> None:
        """OpenTelemetry has raised what is being handled here: say so once."""
        if not self._told:
            self._told = True
            _LOG.exception("OpenTelemetry failed; spans of calls to %r may be missing", self.service)

    def _call(self, method: str) -> CallSpan | None:
        tracer, provider, api = self.tracer(), self._provider, self._api
        if tracer is None or provider is None or api is None:
            return None
        context, inbound = api.current(), TRACE.get()
        if inbound is not None and not api.span_of(context).get_span_context().is_valid:
            # What is being served here came with a span that OpenTelemetry does not know.
            context = api.with_span(as_parent(inbound, provider), context)
        span = None
        if self.calls:
            told: dict[str, Value] = {at.SERVICE: self.service, at.METHOD: method_of(method)}
            span = tracer.start_span(CALL_SPAN, context, api.internal, told)
            context = api.with_span(span, context)
        return CallSpan(self, api, tracer, method, context, span)

    def common(self) -> dict[str, Value]:
        """What all spans of attempts have."""
        found: dict[str, Value] = {at.SERVER_ADDRESS: self.service}
        if self._picker:
            found[at.PICKER] = self._picker
        if self._peer_service:
            found[at.PEER_SERVICE] = self.service
        return found


class CallSpan:
    """The spans of one call.

    Args:
        spans: of its service.
        api: OpenTelemetry's.
        tracer: makes them.
        method: as sent.
        context: the parent of its attempts.
        span: around them, or None.
    """

    __slots__ = ("_api", "_context", "_method", "_span", "_spans", "_token", "_tracer")

    def __init__(  # noqa: PLR0917 - what a call's spans need
        self, spans: AttemptSpans, api: Api, tracer: Tracer, method: str, context: Context, span: Span | None
    ) -> None:
        self._spans = spans
        self._api = api
        self._tracer = tracer
        self._method = method
        self._context = context
        self._span = span
        self._token = None if span is None else api.attach(context)

    def attempt(  # noqa: PLR0917 - all of an attempt
        self,
        endpoint: Endpoint,
        url: str,
        port: int,
        template: str = "",
        age: float | None = None,
        number: int = 1,
        *,
        hedge: bool = False,
    ) -> AttemptSpan | None:
        """Begin the span of an attempt, which is the current one until it ends; None where OpenTelemetry fails.

        Args:
            endpoint: where it goes.
            url: in full, as the user has it.
            port: of the service.
            template: of the URL's path, where one is known, or empty.
            age: seconds since the list of endpoints was confirmed, where it ever was.
            number: of the attempt, counted from 1.
            hedge: whether it runs beside another.
        """
        try:
            api, method = self._api, method_of(self._method)
            told = self._told(method, endpoint, url, port)
            if template:
                told[at.TEMPLATE] = template
            if number > 1:
                told[at.RESEND_COUNT] = number - 1
            if hedge:
                told[at.HEDGE] = True
            if age is not None:
                told[at.SNAPSHOT_AGE] = age
            # Semantic conventions: "HTTP" stands for a method that is not known.
            name = "HTTP" if method == OTHER_METHOD else method
            span = self._tracer.start_span(f"{name} {template}" if template else name, self._context, api.client, told)
            context = api.silent(api.with_span(span, self._context))
            return AttemptSpan(span, self._spans, api, api.attach(context))
        except Exception:  # noqa: BLE001 - whatever a provider raises, the call has to go on
            self._spans.failed()
            return None

    def _told(self, method: str, endpoint: Endpoint, url: str, port: int) -> dict[str, Value]:
        told = self._spans.common()
        told[at.METHOD] = method
        told[at.SERVER_PORT] = port
        told[at.URL] = redacted(url)
        told[at.PEER_ADDRESS] = endpoint.host
        told[at.PEER_PORT] = endpoint.port
        if method == OTHER_METHOD:
            told[at.ORIGINAL_METHOD] = self._method
        if endpoint.zone:
            told[at.ENDPOINT_ZONE] = endpoint.zone
        if endpoint.id:
            told[at.ENDPOINT_ID] = endpoint.id
        return told

    def end(self, series: CallSeries, attempts: int, *, detach: bool) -> None:
        """The call ended, counted as `series`, after so many attempts."""
        span, self._span = self._span, None
        if span is None:
            return
        if detach and self._token is not None:
            self._api.detach(self._token)
        try:
            if span.is_recording():
                span.set_attribute(at.RESULT, series.result)
                span.set_attribute(at.ATTEMPTS, attempts)
                self._api.told(span, series.status, series.error)
            span.end()
        except Exception:  # noqa: BLE001 - as above
            self._spans.failed()


class AttemptSpan:
    """The span of one attempt."""

    __slots__ = ("_api", "_span", "_spans", "_token")

    def __init__(self, span: Span, spans: AttemptSpans, api: Api, token: Token[Context]) -> None:
        self._span = span
        self._spans = spans
        self._api = api
        self._token = token

    def end(self, outcome: Outcome | None, version: str = "", *, detach: bool = True, late: float = 0.0) -> None:
        """The attempt ended; None for one that was given up.

        Args:
            outcome: how.
            version: of HTTP, as ``1.1``, or empty.
            detach: whether this is still where it began: not where a forgotten call is finalised.
            late: seconds for which it has been over: what metrics call its duration ends with the response's head.
        """
        if detach:
            self._api.detach(self._token)
        try:
            self._end(outcome, version, late)
        except Exception:  # noqa: BLE001 - whatever a provider raises, the call has to go on
            self._spans.failed()

    def _end(self, outcome: Outcome | None, version: str, late: float) -> None:
        span = self._span
        if span.is_recording():
            if outcome is None:
                self._api.told(span, 0, CANCELLED)
            else:
                self._api.told(span, outcome.status or 0, of_outcome(outcome))
            if version:
                span.set_attribute(at.VERSION, version)
        span.end(time.time_ns() - int(late * 1e9) if late > 0 else None)


def _tracer_of(provider: TracerProvider) -> Tracer | None:
    from opentelemetry.trace import NoOpTracer

    tracer = provider.get_tracer(SCOPE, release())
    return None if isinstance(tracer, NoOpTracer) else tracer
