"""Envoy's protocol buffers, as far as the stream needs them: from JSON to what is sent, and from what comes to values.

The definitions are those of `xds-protos`, which the gRPC authors publish; they are found by name when a server is made,
so that nobody else needs them.
"""

from __future__ import annotations

from collections import OrderedDict
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from meshclient.errors import PluginNotFound
from meshclient.sidecar.envoy.ads.conversation import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

# The modules of everything that is sent: an Any can only be made of types that are known.
_TYPES = (
    "envoy.config.cluster.v3.cluster_pb2",
    "envoy.config.endpoint.v3.endpoint_pb2",
    "envoy.config.listener.v3.listener_pb2",
    "envoy.config.route.v3.route_pb2",
    "envoy.extensions.access_loggers.stream.v3.stream_pb2",
    "envoy.extensions.clusters.dns.v3.dns_cluster_pb2",
    "envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2",
    "envoy.extensions.filters.http.admission_control.v3.admission_control_pb2",
    "envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2",
    "envoy.extensions.filters.http.router.v3.router_pb2",
    "envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2",
    "envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2",
    "envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2",
    "envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2",
    "envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2",
    "envoy.extensions.transport_sockets.tls.v3.tls_pb2",
    "envoy.extensions.upstreams.http.v3.http_protocol_options_pb2",
)
_DISCOVERY = "envoy.service.discovery.v3.discovery_pb2"
# Resources that are kept as they are sent: thousands of clusters are sent to each of many Envoys.
_KEPT = 20_000


class _Any(Protocol):
    """google.protobuf.Any."""


class _Response(Protocol):
    """A DiscoveryResponse."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - its name
        """The bytes."""
        ...


class _Status(Protocol):
    message: str


class _Node(Protocol):
    id: str
    locality: _Locality


class _Locality(Protocol):
    zone: str


class Heard(Protocol):
    """A DiscoveryRequest."""

    type_url: str
    version_info: str
    response_nonce: str
    resource_names: list[str]
    error_detail: _Status
    node: _Node


class Messages:
    """Makes and reads them. Raises PluginNotFound where the definitions are not installed."""

    def __init__(self) -> None:
        try:
            for module in _TYPES:
                import_module(module)
            discovery = import_module(_DISCOVERY)
            forms = import_module("google.protobuf.json_format")
            any_pb2 = import_module("google.protobuf.any_pb2")
        except ImportError as exc:
            raise PluginNotFound(
                f"an Envoy is configured over gRPC by its protocol buffers, and those are missing ({exc}): "
                "pip install 'meshclient[xds]'"
            ) from exc
        self._response = cast("Callable[..., _Response]", discovery.DiscoveryResponse)
        self._parse = cast("Callable[[str, _Any], _Any]", forms.Parse)
        self._any = cast("Callable[[], _Any]", any_pb2.Any)
        self._kept: OrderedDict[str, _Any] = OrderedDict()
        self.read = cast("Callable[[bytes], Heard]", discovery.DiscoveryRequest.FromString)

    def response(self, answer: Answer) -> bytes:
        """What is sent."""
        return self._response(
            version_info=answer.version,
            resources=[self._resource(text) for text in answer.texts.values()],
            type_url=answer.kind,
            nonce=answer.nonce,
        ).SerializeToString()

    @staticmethod
    def request(heard: Heard) -> Request:
        """What was said."""
        return Request(
            heard.type_url,
            heard.version_info,
            heard.response_nonce,
            tuple(heard.resource_names),
            heard.error_detail.message,
        )

    def _resource(self, text: str) -> _Any:
        made = self._kept.get(text)
        if made is None:
            made = self._parse(text, self._any())
            self._kept[text] = made
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made
