"""The spans of one call, and of each of its attempts.

Where nothing stands around a call its first attempt is the root of a trace, and what follows are children of that: all
of a call is one trace, whose spans all exist, and one decision of a sampler. The semantic conventions' own example
makes a trace of each then, which nobody can put together again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from meshclient.telemetry import attributes as at
from meshclient.telemetry.error_type import CANCELLED, of_outcome
from meshclient.telemetry.redaction import redacted
from meshclient.telemetry.series import OTHER_METHOD, method_of

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.outcome import Outcome
    from meshclient.telemetry.api import Api
    from meshclient.telemetry.attributes import Value
    from meshclient.telemetry.chosen import Values
    from meshclient.telemetry.series import CallSeries
    from meshclient.telemetry.spans import AttemptSpans


class CallSpan:
    """The spans of one call.

    Args:
        spans: of its service.
        api: OpenTelemetry's.
        tracer: makes them.
        method: as sent.
        context: the parent of its attempts.
        span: around them, or None.
        alone: whether there is no such parent yet.
    """

    __slots__ = ("_alone", "_api", "_context", "_method", "_span", "_spans", "_token", "_tracer")

    def __init__(  # noqa: PLR0917 - what a call's spans need
        self,
        spans: AttemptSpans,
        api: Api,
        tracer: Tracer,
        method: str,
        context: Context,
        span: Span | None,
        *,
        alone: bool,
    ) -> None:
        self._spans = spans
        self._api = api
        self._tracer = tracer
        self._method = method
        self._context = context
        self._span = span
        self._token = None if span is None else api.attach(context)
        self._alone = alone

    def follow(self, first: AttemptSpan) -> None:
        """The attempts that are to come follow this one, which was begun before this was."""
        if self._alone:
            self._alone = False
            self._context = self._api.with_span(first.span, self._context)

    def attempt(  # noqa: PLR0917 - all of an attempt
        self,
        endpoint: Endpoint,
        url: str,
        port: int,
        template: str = "",
        age: float | None = None,
        number: int = 1,
        headers: Values | None = None,
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
            headers: gives those of the request.
            hedge: whether it runs beside another.
        """
        try:
            api, method = self._api, method_of(self._method)
            told = self._told(method, endpoint, url, port)
            self._spans.chosen.tell(told, url, headers)
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
            within = api.with_span(span, self._context)
            if self._alone:
                self._alone, self._context = False, within
            return AttemptSpan(span, self._spans, api, api.attach(api.silent(within)))
        except Exception:  # noqa: BLE001 - whatever a provider raises, the call has to go on
            self._spans.failed()
            return None

    def _told(self, method: str, endpoint: Endpoint, url: str, port: int) -> dict[str, Value]:
        told = self._spans.common()
        told[at.METHOD] = method
        told[at.SERVER_PORT] = port
        told[at.URL] = redacted(url)
        told[at.PEER_ADDRESS] = endpoint.host
        if endpoint.port:
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
    """The span of one attempt.

    Attributes:
        span: OpenTelemetry's.
    """

    __slots__ = ("_api", "_spans", "_token", "span")

    def __init__(self, span: Span, spans: AttemptSpans, api: Api, token: Token[Context]) -> None:
        self.span = span
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
        span = self.span
        if span.is_recording():
            if outcome is None:
                self._api.told(span, 0, CANCELLED)
            else:
                self._api.told(span, outcome.status or 0, of_outcome(outcome))
                if outcome.injected:
                    span.set_attribute(at.INJECTED, outcome.injected)
            if version:
                span.set_attribute(at.VERSION, version)
        span.end(time.time_ns() - int(late * 1e9) if late > 0 else None)
