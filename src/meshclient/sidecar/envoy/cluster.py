"""How a service is called: Envoy's Cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.sidecar.envoy import protection
from meshclient.sidecar.envoy.assignment import assignment
from meshclient.sidecar.envoy.transport import sockets
from meshclient.sidecar.envoy.vocabulary import CLUSTER, LEARNER, TUNNELS, Document, extension, percent, seconds

if TYPE_CHECKING:
    from meshclient.config.shape import ServiceConfig
    from meshclient.sidecar.envoy.served import Served

# Ours and Envoy's; what is not here is told by `meshclient.sidecar.envoy.unmapped`.
BALANCERS = {
    "p2c": "LEAST_REQUEST",
    "least_request": "LEAST_REQUEST",
    "round_robin": "ROUND_ROBIN",
    "weighted_random": "ROUND_ROBIN",
    "ring_hash": "RING_HASH",
    "maglev": "MAGLEV",
}
_WARMING = {"LEAST_REQUEST": "least_request_lb_config", "ROUND_ROBIN": "round_robin_lb_config"}


def cluster(served: Served, *, zone: str, source: Document | None, trusted: str = "") -> Document:
    """The cluster of a service.

    Args:
        served: the service.
        zone: the caller's own, or empty.
        source: where Envoy finds its endpoints; None for within the cluster itself, which is also where they are as
            soon as one of them is a host name: endpoints that come apart from their cluster must be addresses.
        trusted: as in `Picture`.
    """
    config = served.config
    zone = zone if config.zone_aware else ""
    made: Document = {
        "@type": CLUSTER,
        "name": served.name,
        "connect_timeout": seconds(config.connect_timeout),
        "circuit_breakers": protection.circuit_breakers(config),
        "common_lb_config": _common(config, zone),
        # The registry is believed: without this an endpoint that passes its checks stays although it is listed no more.
        "ignore_health_on_host_removal": True,
        "typed_extension_protocol_options": _protocol(served),
    }
    made |= _balancer(config)
    made |= sockets(served, trusted)
    if served.certificates:
        made["metadata"] = {"filter_metadata": {"meshclient": {"certificates": served.certificates}}}
    if config.ejection is not None and "ejection" not in config.shadow:
        made["outlier_detection"] = protection.outlier_detection(config.ejection)
    if config.health is not None:
        made["health_checks"] = [protection.health_check(config.health, served.name)]
    if served.named:
        made["cluster_type"] = extension(
            "envoy.clusters.dns", "clusters.dns.v3.DnsCluster", respect_dns_ttl=True, dns_lookup_family="ALL"
        )
        made["load_assignment"] = within(served, zone)
    elif source is None:
        made |= {"type": "STATIC", "load_assignment": within(served, zone)}
    else:
        made |= {"type": "EDS", "eds_cluster_config": {"eds_config": source, "service_name": served.listing}}
    return made


def within(served: Served, zone: str) -> Document:
    """The assignment as a field of a cluster."""
    made = assignment(served, zone)
    del made["@type"]
    return made


def tunnels() -> Document:
    """Where CONNECT leads to."""
    made: Document = {"@type": CLUSTER, "name": TUNNELS, "connect_timeout": "5s", "lb_policy": "CLUSTER_PROVIDED"}
    made["cluster_type"] = extension(
        "envoy.clusters.dynamic_forward_proxy",
        "clusters.dynamic_forward_proxy.v3.ClusterConfig",
        dns_cache_config=names_cache(),
    )
    return made


def names_cache() -> Document:
    """The cache of host names that the cluster and the filter before it share."""
    return {"name": TUNNELS, "dns_lookup_family": "ALL", "max_hosts": 1024}


def learner(path: str) -> Document:
    """Where Envoy asks for services that it does not know."""
    place = {"endpoint": {"address": {"pipe": {"path": path}}}}
    listed = {"cluster_name": LEARNER, "endpoints": [{"lb_endpoints": [place]}]}
    return {"@type": CLUSTER, "name": LEARNER, "type": "STATIC", "connect_timeout": "1s", "load_assignment": listed}


def _common(config: ServiceConfig, zone: str) -> Document:
    common: Document = {"healthy_panic_threshold": percent(config.ejection.panic if config.ejection else 0.0)}
    if zone:
        common["locality_weighted_lb_config"] = {}
    return common


def _balancer(config: ServiceConfig) -> Document:
    policy = BALANCERS.get(config.balancer, "LEAST_REQUEST")
    made: Document = {"lb_policy": policy}
    if policy in _WARMING and config.slow_start:
        made[_WARMING[policy]] = {"slow_start_config": {"slow_start_window": seconds(config.slow_start)}}
    return made


def _protocol(served: Served) -> Document:
    config = served.config
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    options: Document = {"@type": f"type.googleapis.com/{kind}"}
    options["common_http_protocol_options"] = {"idle_timeout": seconds(config.connections.idle)}
    if config.http2 and served.schemes == {"https"}:
        options["auto_config"] = {"http_protocol_options": {}, "http2_protocol_options": {}}
    else:
        options["explicit_http_config"] = {"http_protocol_options": {"enable_trailers": True}}
    if served.throttled and config.throttle and config.circuit is None and "throttle" not in config.shadow:
        last = extension("envoy.filters.http.upstream_codec", "filters.http.upstream_codec.v3.UpstreamCodec")
        options["http_filters"] = [protection.throttle(config.throttle), last]
    return {kind: options}
