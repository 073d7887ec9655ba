"""What Envoy is started with: who it is, its admin interface, and where it finds everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.sidecar.envoy.transport import secured
from meshclient.sidecar.envoy.vocabulary import Document, address, extension, seconds, socket_address

if TYPE_CHECKING:
    from meshclient.config.sidecar_shape import SidecarConfig
    from meshclient.config.wire_shape import TlsConfig
    from meshclient.model.listening import Listening

_XDS = "_xds"
# Seconds Envoy waits for a part of its configuration at its start before it goes on without.
FETCH = 5.0


def bootstrap(
    settings: SidecarConfig, admin: Listening, listeners: Document, clusters: Document, *, node: str, zone: str
) -> Document:
    """A bootstrap; `listeners` and `clusters` are the sources of those."""
    made: Document = {
        "node": _node(node, zone),
        "admin": {"address": address(admin)},
        "dynamic_resources": {"lds_config": listeners, "cds_config": clusters},
    }
    if settings.max_connections:
        made["overload_manager"] = {
            "resource_monitors": [
                extension(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=settings.max_connections * max(1, settings.workers),
                )
            ]
        }
    return made


def fleet_bootstrap(
    settings: SidecarConfig,
    admin: Listening,
    server: Listening,
    *,
    node: str,
    zone: str,
    tls: TlsConfig | None = None,
    trusted: str = "",
) -> Document:
    """A bootstrap for an Envoy that is served by ``meshclient xds`` at `server`.

    With `tls` over TLS, verified for the host of `server`; its files, and that of the authorities that are `trusted`
    where it names none, are those of the Envoy's host.
    """
    stream = {"grpc_services": [{"envoy_grpc": {"cluster_name": _XDS}}], "set_node_on_first_message_only": True}
    made = bootstrap(settings, admin, aggregated(), aggregated(), node=node, zone=zone)
    resources = made["dynamic_resources"]
    assert isinstance(resources, dict)  # noqa: S101 - made a line above
    resources["ads_config"] = {"api_type": "GRPC", "transport_api_version": "V3", **stream}
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    protocol: Document = {"@type": f"type.googleapis.com/{kind}"}
    # A server that is gone without a word is found out in time.
    protocol["explicit_http_config"] = {
        "http2_protocol_options": {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    }
    place = {"endpoint": {"address": socket_address(server.host, server.port)}}
    cluster: Document = {
        "name": _XDS,
        "type": "STRICT_DNS",
        "connect_timeout": seconds(FETCH),
        "typed_extension_protocol_options": {kind: protocol},
        "load_assignment": {"cluster_name": _XDS, "endpoints": [{"lb_endpoints": [place]}]},
    }
    if tls is not None:
        cluster["transport_socket"] = secured(tls, server.host, trusted, ("h2",))
    made["static_resources"] = {"clusters": [cluster]}
    return made


def in_file(path: str, folder: str) -> Document:
    """The source that is a file, looked at again when something is moved within its folder."""
    return {
        "path_config_source": {"path": path, "watched_directory": {"path": folder}},
        "resource_api_version": "V3",
        "initial_fetch_timeout": seconds(FETCH),
    }


def aggregated() -> Document:
    """The source that is the one stream of a configuration server."""
    return {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": seconds(FETCH)}


def _node(node: str, zone: str) -> Document:
    made: Document = {"id": node, "cluster": "meshclient"}
    if zone:
        made["locality"] = {"zone": zone}
    return made
