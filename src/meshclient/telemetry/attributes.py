"""Names of attributes, as OpenTelemetry's semantic conventions have them or under ``meshclient.``."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.model import span_attribute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.telemetry.series import AttemptSeries, CallSeries

ERROR_TYPE = "error.type"
METHOD = "http.request.method"
ORIGINAL_METHOD = "http.request.method_original"
RESEND_COUNT = "http.request.resend_count"
STATUS = "http.response.status_code"
PEER_ADDRESS = "network.peer.address"
PEER_PORT = "network.peer.port"
VERSION = "network.protocol.version"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
SERVICE = span_attribute.SERVICE
URL = "url.full"
SCHEME = span_attribute.SCHEME
USER_AGENT = span_attribute.USER_AGENT
REQUEST_HEADER = span_attribute.REQUEST_HEADER
TEMPLATE = "url.template"
# Deprecated in favour of SERVICE, and what many a service map is drawn from.
PEER_SERVICE = "peer.service"

ATTEMPTS = "meshclient.call.attempts"
BREAKER_AFTER = "meshclient.breaker.to"
BREAKER_BEFORE = "meshclient.breaker.from"
CACHE_RESULT = "meshclient.cache.result"
ENDPOINT_ID = "meshclient.endpoint.id"
ENDPOINT_STATE = "meshclient.endpoint.state"
ENDPOINTS = "meshclient.endpoint.count"
ENDPOINT_ZONE = "meshclient.endpoint.zone"
EVENT = "meshclient.event"
HEDGE = "meshclient.attempt.hedge"
INJECTED = "meshclient.attempt.injected"
LEFT_OUT = "meshclient.log.left_out"
OUTAGE = "meshclient.registry.outage"
PICKER = "meshclient.picker"
REJECTION_REASON = "meshclient.rejection.reason"
RESOLVER = "meshclient.resolver"
RESULT = "meshclient.call.result"
SNAPSHOT_AGE = "meshclient.snapshot.age"
SNAPSHOT_STATE = "meshclient.snapshot.state"
STORE = "meshclient.store"
VARIANT = "meshclient.variant"

Value = str | int | float | bool | tuple[str, ...]
# As many as there are series of a few busy services; made anew costs 2 us.
_REMEMBERED = 4096


@lru_cache(_REMEMBERED)
def attempt_attributes(service: str, series: AttemptSeries) -> Mapping[str, str | int]:
    """Of ``http.client.request.duration``."""
    found: dict[str, str | int] = {METHOD: series.method, SERVER_ADDRESS: service}
    if series.port:
        found[SERVER_PORT] = series.port
    return _with_ending(found, series.status, series.error, series.version)


@lru_cache(_REMEMBERED)
def call_attributes(service: str, series: CallSeries) -> Mapping[str, str | int]:
    """Of ``meshclient.client.call.duration``."""
    found: dict[str, str | int] = {SERVICE: service, METHOD: series.method, RESULT: series.result}
    return _with_ending(found, series.status, series.error, "")


def _with_ending(found: dict[str, str | int], status: int, error: str, version: str) -> Mapping[str, str | int]:
    if status:
        found[STATUS] = status
    if error:
        found[ERROR_TYPE] = error
    if version:
        found[VERSION] = version
    # Shared: nobody may change it.
    return MappingProxyType(found)
