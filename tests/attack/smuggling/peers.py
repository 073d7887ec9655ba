"""The proxies that ours is compared with, where they are installed: nginx, HAProxy, Envoy, as strict as they can be."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from servers.packages import find_program, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NGINX = """
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  upstream orders {{ server 127.0.0.1:{upstream}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://orders; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_request_buffering off; proxy_next_upstream off;
    }}
  }}
}}
"""
_HAPROXY = """
global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  default_backend orders
backend orders
  server one 127.0.0.1:{upstream}
"""
_TYPE = "type.googleapis.com/envoy."


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _envoy(port: int, upstream: int) -> str:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "orders"}}
    router = {"name": "router", "typed_config": {"@type": _TYPE + "extensions.filters.http.router.v3.Router"}}
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "codec_type": "HTTP1",
        "delayed_close_timeout": "0.1s",
        "http_protocol_options": {"accept_http_10": True},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [router],
    }
    endpoint = {"endpoint": {"address": _address(upstream)}}
    assignment = {"cluster_name": "orders", "endpoints": [{"lb_endpoints": [endpoint]}]}
    chain = {"filters": [{"name": "manager", "typed_config": manager}]}
    listener = {"name": "in", "address": _address(port), "filter_chains": [chain]}
    cluster = {"name": "orders", "type": "STATIC", "connect_timeout": "1s", "load_assignment": assignment}
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})


def _nginx_program() -> str | None:
    kept = unpacked("nginx", "bookworm", "usr/sbin/nginx")
    return find_program("nginx") or (str(kept) if kept.exists() else None)


def _envoy_program() -> str | None:
    spec = importlib.util.find_spec("envoy")
    kept = Path(spec.origin).parent / "_bin" / "envoy" if spec and spec.origin else None
    return str(kept) if kept and kept.exists() else find_program("envoy")


# Name: the program, its configuration for a port and an upstream's port, its arguments for the configuration's file.
_PEERS: dict[str, tuple[Callable[[], str | None], Callable[[int, int], str], list[str]]] = {
    "nginx": (
        _nginx_program,
        lambda port, up: _NGINX.format(port=port, upstream=up),
        ["-p", "{folder}/", "-c", "{file}"],
    ),
    "haproxy": (
        lambda: find_program("haproxy"),
        lambda port, up: _HAPROXY.format(port=port, upstream=up),
        ["-db", "-f", "{file}"],
    ),
    "envoy": (
        _envoy_program,
        _envoy,
        ["-c", "{file}", "--concurrency", "1", "--disable-hot-restart", "-l", "error", "--base-id", "{id}"],
    ),
}
NAMES = tuple(_PEERS)


@contextlib.contextmanager
def running(name: str, upstream: int) -> Iterator[tuple[str, int] | None]:
    """Its address while it runs in front of `upstream`; None where it is not installed."""
    find, configure, arguments = _PEERS[name]
    program = find()
    if program is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ("envoy.json" if name == "envoy" else f"{name}.conf")
        file.write_text(configure(port, upstream), "utf-8")
        # Envoy keeps shared memory by this number; two of one number end each other.
        words = [word.format(folder=folder, file=file, id=port) for word in arguments]
        process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await(("127.0.0.1", port), process)
            yield "127.0.0.1", port
        finally:
            process.terminate()
            process.wait(10)


def _await(address: tuple[str, int], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(address, 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen")
