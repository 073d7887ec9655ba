"""One CLIENT span for each attempt, where the process has a provider of tracers; nothing at all where it has none.

A call of three attempts is three requests, to three servers perhaps, and each has a span of its own whose id its
headers carry: what a server does is then seen below the attempt that asked for it. A span around them, of kind
INTERNAL, is an option. Names and attributes are those of OpenTelemetry's semantic conventions for HTTP clients.

While an attempt is under way its span is the current one, and HTTP instrumentation is asked to be silent, or there
would be two CLIENT spans of one request.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from meshclient.telemetry import attributes as at
from meshclient.telemetry.api import Api
from meshclient.telemetry.call_span import AttemptSpan, CallSpan
from meshclient.telemetry.chosen import Chosen
from meshclient.telemetry.propagation.active import as_parent
from meshclient.telemetry.propagation.context import TRACE
from meshclient.telemetry.providers import SCOPE, release, tracer_provider
from meshclient.telemetry.series import method_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Tracer, TracerProvider

    from meshclient.model.endpoint import Endpoint
    from meshclient.telemetry.attributes import Value

__all__ = ["CALL_SPAN", "AttemptSpan", "AttemptSpans", "CallSpan"]

_LOG = logging.getLogger("meshclient.telemetry")

CALL_SPAN = "meshclient.call"


class AttemptSpans:
    """Of one service.

    Args:
        service: its name.
        picker: name of the rule that chooses its endpoints, or empty.
        calls: whether a span stands around all attempts of a call.
        peer_service: whether spans have the deprecated ``peer.service`` too.
        more: attributes that they have only where somebody wants them, as `Chosen` knows them.

    Attributes:
        service: likewise.
        chosen: those.
        calls: whether there is more to tell of a call than the short road can: a span around it, or its headers.

    Raises ValueError for an attribute that nobody can want.
    """

    def __init__(
        self,
        service: str,
        picker: str = "",
        *,
        calls: bool = False,
        peer_service: bool = False,
        more: Sequence[str] = (),
    ) -> None:
        self.service = service
        self.chosen = Chosen(more)
        self.calls = calls or self.chosen.headers
        self._around = calls
        self._common: dict[str, Value] = {at.SERVER_ADDRESS: service}
        if picker:
            self._common[at.PICKER] = picker
        if peer_service:
            self._common[at.PEER_SERVICE] = service
        if self.chosen.service:
            self._common[at.SERVICE] = service
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
        alone = not api.span_of(context).get_span_context().is_valid
        if alone and inbound is not None:
            # What is being served here came with a span that OpenTelemetry does not know.
            context, alone = api.with_span(as_parent(inbound, provider), context), False
        span = None
        if self._around:
            told: dict[str, Value] = {at.SERVICE: self.service, at.METHOD: method_of(method)}
            span = tracer.start_span(CALL_SPAN, context, api.internal, told)
            context, alone = api.with_span(span, context), False
        return CallSpan(self, api, tracer, method, context, span, alone=alone)

    def common(self) -> dict[str, Value]:
        """What all spans of attempts have."""
        return self._common.copy()


def _tracer_of(provider: TracerProvider) -> Tracer | None:
    from opentelemetry.trace import NoOpTracer

    tracer = provider.get_tracer(SCOPE, release())
    return None if isinstance(tracer, NoOpTracer) else tracer
