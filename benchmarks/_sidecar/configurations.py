"""What each proxy is told: three endpoints, retries, ejection and time limits, on one core."""

from __future__ import annotations

import json
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TYPE = "type.googleapis.com/envoy."
NGINX = """
worker_processes 1; daemon off; pid proxy.pid; error_log proxy.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_timeout 3600s; keepalive_requests 1000000000; tcp_nodelay on; client_max_body_size 64m;
  client_body_buffer_size 64k; proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_max_temp_file_size 0;
  client_body_temp_path p1; proxy_temp_path p2; fastcgi_temp_path p3; uwsgi_temp_path p4; scgi_temp_path p5;
  upstream orders {{
    random two least_conn;
    {servers}
    keepalive 256; keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass {scheme}://orders; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_connect_timeout 1s; proxy_read_timeout 5s;
      proxy_next_upstream error timeout http_502 http_503 http_504; proxy_next_upstream_tries 3;
      {tls}
    }}
  }}
}}
"""
HAPROXY = """
global
  nbthread 1
  maxconn {most}
  tune.bufsize 32768
defaults
  mode http
  timeout connect 1s
  timeout client 3600s
  timeout server 5s
  timeout http-keep-alive 3600s
  retries 2
  option redispatch
  retry-on conn-failure empty-response 502 503 504
  http-reuse always
frontend in
  bind 127.0.0.1:{port} backlog 4096
  default_backend orders
backend orders
  balance random(2)
  default-server inter 5s fall 3 rise 1 check observe layer7 error-limit 5 on-error mark-down
  option httpchk GET /
  {servers}
"""
MESHCLIENT = """
[sidecar]
outbound = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin}"
data_plane = "{plane}"
idle_timeout = "1h"
reload = false
[services.orders]
{endpoints}
"""


def nginx(port: int, endpoints: list[int], authority: Path | None) -> str:
    """For nginx."""
    servers = [f"server 127.0.0.1:{each} max_fails=5 fail_timeout=5s;" for each in endpoints]
    tls = f"proxy_ssl_trusted_certificate {authority}; proxy_ssl_verify on;"
    tls += " proxy_ssl_name orders; proxy_ssl_protocols TLSv1.3;"
    return NGINX.format(
        port=port, servers="\n    ".join(servers), scheme="https" if authority else "http", tls=tls if authority else ""
    )


def haproxy(port: int, endpoints: list[int], authority: Path | None) -> str:
    """For HAProxy."""
    tls = f" ssl verify required ca-file {authority}" if authority else ""
    servers = [f"server s{number} 127.0.0.1:{each}{tls}" for number, each in enumerate(endpoints)]
    # It refuses to start where it could not have two files for each connection.
    most = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2
    return HAPROXY.format(port=port, servers="\n  ".join(servers), most=min(19_000, most))


def meshclient(
    ports: tuple[int, int], plane: str, endpoints: list[int], authority: Path | None, resolver: str = ""
) -> str:
    """For ours: everything that is on by default."""
    scheme = "https" if authority else "http"
    urls = json.dumps([f"{scheme}://127.0.0.1:{each}" for each in endpoints])
    lines = [] if resolver else [f"endpoints = {urls}"]
    if authority:
        lines.append(f'tls = {{ ca = "{authority}" }}')
    said = MESHCLIENT.format(port=ports[0], admin=ports[1], plane=plane, endpoints="\n".join(lines))
    return f'resolver = "{resolver}"\n{said}' if resolver else said


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def envoy(port: int, endpoints: list[int], authority: Path | None) -> str:
    """For Envoy, as one writes it by hand: router, retries, outlier detection, circuit breakers, health check."""
    retry = {"retry_on": "5xx,connect-failure,reset", "num_retries": 2, "per_try_timeout": "2s"}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "orders", "timeout": "5s", "retry_policy": retry}}
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "codec_type": "HTTP1",
        "common_http_protocol_options": {"max_requests_per_connection": 1_000_000_000, "idle_timeout": "3600s"},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": _TYPE + "extensions.filters.http.router.v3.Router"}}
        ],
    }
    most = {"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096, "max_retries": 64}
    check = {"timeout": "1s", "interval": "5s", "unhealthy_threshold": 3, "healthy_threshold": 1}
    cluster: dict[str, object] = {
        "name": "orders",
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "outlier_detection": {"consecutive_5xx": 5, "interval": "1s", "base_ejection_time": "5s"},
        "circuit_breakers": {"thresholds": [most]},
        "health_checks": [{**check, "http_health_check": {"path": "/"}}],
        "load_assignment": {
            "cluster_name": "orders",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(each)}} for each in endpoints]}],
        },
    }
    if authority:
        tls = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}
        trusted = {"trusted_ca": {"filename": str(authority)}}
        cluster["transport_socket"] = {
            "name": "tls",
            "typed_config": {
                "@type": _TYPE + "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "common_tls_context": {"tls_params": tls, "validation_context": trusted},
            },
        }
    chain = {"filters": [{"name": "manager", "typed_config": manager}]}
    listener = {"name": "in", "address": _address(port), "filter_chains": [chain]}
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})
