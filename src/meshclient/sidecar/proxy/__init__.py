"""The built-in data plane of the sidecar: HTTP/1.1 in, the mesh behind it."""

from __future__ import annotations

from meshclient.sidecar.proxy.destination import Destination, Refusal, Route
from meshclient.sidecar.proxy.gate import Gate, Permit
from meshclient.sidecar.proxy.proxy import Proxy
from meshclient.sidecar.proxy.request_head import RequestHead
from meshclient.sidecar.proxy.route import OutboundRoute
from meshclient.sidecar.proxy.settings import ProxySettings
from meshclient.sidecar.proxy.stats import ProxyStats

__all__ = [
    "Destination", "Gate", "OutboundRoute", "Permit", "Proxy", "ProxySettings", "ProxyStats", "Refusal", "RequestHead",
    "Route",
]  # fmt: skip
