"""The conversations with a fleet of Envoys, on gRPC."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from meshclient.errors import ConfigError, PluginNotFound
from meshclient.sidecar.envoy.ads.conversation import Conversation
from meshclient.sidecar.envoy.ads.messages import Heard, Messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from meshclient.sidecar.envoy.resources import Resources

_LOG = logging.getLogger("meshclient.envoy")
_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_METHOD = "StreamAggregatedResources"
# Connections that are silently dead are found out, and two servers at one port are an error.
_OPTIONS = (("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 5_000), ("grpc.so_reuseport", 0))


class _GrpcServer(Protocol):
    def add_insecure_port(self, address: str) -> int: ...

    def add_secure_port(self, address: str, credentials: object) -> int: ...

    def add_generic_rpc_handlers(self, handlers: Sequence[object]) -> None: ...

    async def start(self) -> None: ...

    async def stop(self, grace: float) -> None: ...


class _Grpc(Protocol):
    def stream_stream_rpc_method_handler(self, behaviour: object, **serializers: object) -> object: ...

    def method_handlers_generic_handler(self, service: str, handlers: Mapping[str, object]) -> object: ...

    def ssl_server_credentials(
        self, pairs: Sequence[tuple[bytes, bytes]], *, root_certificates: bytes | None, require_client_auth: bool
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM texts of a server that speaks TLS.

    Args:
        chain: its certificate, and those between it and its authority.
        key: of the certificate.
        clients: the authority of the Envoys that may ask; None for any client.
    """

    chain: bytes
    key: bytes
    clients: bytes | None = None


@dataclass(slots=True)
class _Peer:
    """One Envoy: who it says it is, and whether there is something to be said to it."""

    talk: Conversation = field(default_factory=Conversation)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    node: str = ""
    zone: str = ""


class AdsServer:
    """Serves Envoys, each the resources of its own zone.

    Args:
        resources: makes those of a zone, as they are now.

    Raises PluginNotFound where gRPC or Envoy's protocol buffers are not installed.
    """

    def __init__(self, resources: Callable[[str], Resources]) -> None:
        self._messages = Messages()
        try:
            self._grpc = cast("_Grpc", import_module("grpc"))
            make = import_module("grpc.aio").server
        except ImportError as exc:
            raise PluginNotFound(f"gRPC is missing ({exc}): pip install 'meshclient[xds]'") from exc
        self._resources = resources
        self._by_zone: dict[str, Resources] = {}
        self._peers: list[_Peer] = []
        self._server = cast("_GrpcServer", make(options=_OPTIONS))
        handler = self._grpc.stream_stream_rpc_method_handler(self._converse, request_deserializer=self._messages.read)
        self._server.add_generic_rpc_handlers(
            [self._grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler})]
        )

    async def listen(self, address: str, certificates: Certificates | None = None) -> int:
        """Serve at ``host:port``; the port. Raises ConfigError where that cannot be."""
        try:
            if certificates is None:
                port = self._server.add_insecure_port(address)
            else:
                pairs, clients = [(certificates.key, certificates.chain)], certificates.clients
                credentials = self._grpc.ssl_server_credentials(
                    pairs, root_certificates=clients, require_client_auth=clients is not None
                )
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as exc:
            raise ConfigError(f"{address} cannot be listened at: {exc}") from exc
        await self._server.start()
        return port

    def publish(self) -> None:
        """There is something new; it is told to every Envoy."""
        self._by_zone.clear()
        for peer in self._peers:
            peer.news.set()

    async def aclose(self) -> None:
        """End all conversations; the Envoys go on with what they have."""
        await self._server.stop(0)

    def stats(self) -> Mapping[str, object]:
        """How many Envoys there are, and which of them refused what."""
        refused = {peer.node: peer.talk.refused for peer in self._peers if peer.talk.refused}
        return {"envoys": len(self._peers), "refused": refused}

    async def _converse(self, requests: AsyncIterator[Heard], _context: object) -> AsyncIterator[bytes]:
        peer = _Peer()
        self._peers.append(peer)
        hearing = asyncio.create_task(self._hear(requests, peer), name="what an Envoy says")
        try:
            while True:
                await peer.news.wait()
                peer.news.clear()
                if hearing.done():
                    return
                for answer in peer.talk.say(self._of_zone(peer.zone)):
                    yield self._messages.response(answer)
        finally:
            self._peers.remove(peer)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _hear(self, requests: AsyncIterator[Heard], peer: _Peer) -> None:
        try:
            async for heard in requests:
                request = self._messages.request(heard)
                if heard.node.id:
                    peer.node, peer.zone = heard.node.id, heard.node.locality.zone
                if request.error:
                    what = request.kind.rpartition(".")[2]
                    _LOG.error("Envoy %s refused a %s and goes by the one before: %s", peer.node, what, request.error)
                peer.talk.hear(request)
                peer.news.set()
        finally:
            peer.news.set()

    def _of_zone(self, zone: str) -> Resources:
        if zone not in self._by_zone:
            self._by_zone[zone] = self._resources(zone)
        return self._by_zone[zone]
