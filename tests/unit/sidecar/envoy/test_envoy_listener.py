"""The listener, and what Envoy is started with."""

from __future__ import annotations

from typing import Any

from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.model.listening import Listening
from meshclient.sidecar.envoy.bootstrap import bootstrap, fleet_bootstrap
from meshclient.sidecar.envoy.listener import listener

HERE = Listening("127.0.0.1", 18000)


def manager(settings: SidecarConfig) -> dict[str, Any]:
    made: Any = listener(settings, {"path": "routes"})
    (chain,) = made["filter_chains"]
    (only,) = chain["filters"]
    return dict(only["typed_config"])


def test_it_listens_where_it_is_told() -> None:
    tcp: Any = listener(SidecarConfig(outbound="[::1]:7140"), {})
    assert tcp["address"] == {"socket_address": {"address": "::1", "port_value": 7140}}
    unix: Any = listener(SidecarConfig(outbound="unix:/run/mesh.sock"), {})
    assert unix["address"] == {"pipe": {"path": "/run/mesh.sock"}}


def test_limits_of_requests() -> None:
    found = manager(SidecarConfig(max_head=20_000, max_line=1000, header_timeout=2.5, idle_timeout=30.0))
    assert found["max_request_headers_kb"] == 20
    assert found["request_headers_timeout"] == "2.5s"
    assert found["common_http_protocol_options"]["idle_timeout"] == "30s"


def test_what_is_off_is_not_there() -> None:
    on, off = manager(SidecarConfig(access_log="json")), manager(SidecarConfig(via=""))
    assert on["via"] == "1.1 meshclient"
    assert on["access_log"][0]["name"] == "envoy.access_loggers.stdout"
    assert "via" not in off
    assert "access_log" not in off


def test_names_are_looked_up_only_where_tunnels_are_allowed() -> None:
    def filters(settings: SidecarConfig) -> list[str]:
        return [each["name"].rpartition(".")[2] for each in manager(settings)["http_filters"]]

    assert filters(SidecarConfig()) == ["router"]
    assert filters(SidecarConfig(connect=("example.com",))) == ["dynamic_forward_proxy", "router"]


def test_the_bootstrap_bounds_connections_of_all_workers() -> None:
    def monitors(settings: SidecarConfig) -> list[int]:
        made: Any = bootstrap(settings, Listening(path="/run/admin.sock"), {}, {}, node="n", zone="")
        found = made.get("overload_manager", {}).get("resource_monitors", ())
        return [each["typed_config"]["max_active_downstream_connections"] for each in found]

    assert monitors(SidecarConfig(max_connections=100, workers=3)) == [300]
    assert monitors(SidecarConfig(max_connections=0)) == []


def test_an_envoy_of_a_fleet_says_its_zone_and_asks_its_server() -> None:
    made: Any = fleet_bootstrap(SidecarConfig(), HERE, Listening("xds.internal", 18000), node="n", zone="a")
    assert made["node"] == {"id": "n", "cluster": "meshclient", "locality": {"zone": "a"}}
    (cluster,) = made["static_resources"]["clusters"]
    (stream,) = made["dynamic_resources"]["ads_config"]["grpc_services"]
    assert stream["envoy_grpc"]["cluster_name"] == cluster["name"]
    (place,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert place["endpoint"]["address"]["socket_address"] == {"address": "xds.internal", "port_value": 18000}
