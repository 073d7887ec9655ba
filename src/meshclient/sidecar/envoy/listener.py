"""Where applications send their requests: Envoy's Listener with its HTTP connection manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.model.listening import Listening
from meshclient.sidecar.envoy.cluster import names_cache
from meshclient.sidecar.envoy.local_reply import local_reply
from meshclient.sidecar.envoy.vocabulary import (
    LISTENER,
    OUTBOUND,
    SERVICE_HEADER,
    Document,
    address,
    extension,
    seconds,
)

if TYPE_CHECKING:
    from meshclient.config.sidecar_shape import SidecarConfig

_KIB = 1024
# Of one request, as the built-in proxy allows.
FIELDS = 128


def listener(settings: SidecarConfig, routes: Document) -> Document:
    """The outbound listener; `routes` is the source of its routes."""
    chain = {"filters": [_manager(settings, routes)]}
    return {
        "@type": LISTENER,
        "name": OUTBOUND,
        "address": address(Listening.parse(settings.outbound)),
        "filter_chains": [chain],
        # A successor of this process listens at the same address before this one is gone.
        "enable_reuse_port": True,
    }


def _manager(settings: SidecarConfig, routes: Document) -> Document:
    fields: Document = {
        "stat_prefix": OUTBOUND,
        "codec_type": "AUTO",
        "rds": {"route_config_name": OUTBOUND, "config_source": routes},
        "early_header_mutation_extensions": [_name_the_service()],
        "http_filters": _filters(settings),
        "http_protocol_options": {"accept_http_10": True, "enable_trailers": True},
        "common_http_protocol_options": {
            "idle_timeout": seconds(settings.idle_timeout),
            "max_headers_count": FIELDS,
        },
        "max_request_headers_kb": max(1, -(-settings.max_head // _KIB)),
        "request_headers_timeout": seconds(settings.header_timeout),
        "upgrade_configs": [{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT", "enabled": False}],
        "proxy_100_continue": True,
        "server_header_transformation": "PASS_THROUGH",
        "strip_trailing_host_dot": True,
        # Servers of HTTP/2 refuse requests over TLS that say http (RFC 9113 section 8.3.1).
        "scheme_header_transformation": {"match_upstream": True},
        # The id of a request that has one already stays; traceparent and its like pass as they are.
        "generate_request_id": True,
        "preserve_external_request_id": True,
        # Routes say who asked: Envoy's own way costs more, and gives the host's address for a client on loopback.
        "use_remote_address": False,
        "local_reply_config": local_reply(),
    }
    if settings.via:
        # With the protocol (RFC 9110 section 7.6.3), which Envoy leaves to whoever names it.
        fields["via"] = f"1.1 {settings.via}"
    if settings.access_log:
        fields["access_log"] = [_access_log()]
    return extension(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        **fields,
    )


def _filters(settings: SidecarConfig) -> list[Document]:
    router = extension("envoy.filters.http.router", "filters.http.router.v3.Router", suppress_envoy_headers=True)
    if not settings.connect:
        return [router]
    names = extension(
        "envoy.filters.http.dynamic_forward_proxy",
        "filters.http.dynamic_forward_proxy.v3.FilterConfig",
        dns_cache_config=names_cache(),
    )
    return [names, router]


def _name_the_service() -> Document:
    """Before any route is looked for: the header that chooses the virtual host says the authority, if nothing else.

    The authority itself cannot be changed this early, and a route for each service and each way to name it would be
    their product.
    """
    header = {"key": SERVICE_HEADER, "value": f"%REQ({SERVICE_HEADER}?:AUTHORITY)%"}
    return extension(
        "envoy.http.early_header_mutation.header_mutation",
        "http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[{"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}],
    )


def _access_log() -> Document:
    line = {
        "time": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "host": "%REQ(:AUTHORITY)%",
        "path": "%REQ(:PATH)%",
        "status": "%RESPONSE_CODE%",
        "service": "%UPSTREAM_CLUSTER%",
        "endpoint": "%UPSTREAM_HOST%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "duration_ms": "%DURATION%",
        "received_bytes": "%BYTES_RECEIVED%",
        "sent_bytes": "%BYTES_SENT%",
        "flags": "%RESPONSE_FLAGS%",
        "traceparent": "%REQ(TRACEPARENT)%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    return extension(
        "envoy.access_loggers.stdout", "access_loggers.stream.v3.StdoutAccessLog", log_format={"json_format": line}
    )
