"""How the sidecar listens, what it lets through and how it ends, as the rest of the project reads it.

Addresses are text, as they are written; `meshclient.model.listening` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from meshclient.model.listening import Listening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.model.endpoint import Endpoint

AccessLog = Literal["", "json"]
DataPlane = Literal["builtin", "envoy"]


@dataclass(frozen=True, slots=True)
class RegisterConfig:
    """How the local application is listed in a registry while the sidecar stands before it.

    Args:
        service: the name it serves under.
        registry: URI of the registry; empty for the resolver, or what of it can be registered at.
        host: the address others reach it at; empty for the one this host uses to reach others.
        port: where they reach it; 0 for the inbound listener's own.
        id: unique within the registry; empty for one made of name, host and port.
        zone: availability zone.
        weight: share relative to other instances.
        tags: labels.
        ttl: seconds after which the registry drops it when the sidecar is silent.
        propagation: seconds to serve on after it was taken out, or None for what the registry needs.
    """

    service: str = ""
    # Out of repr(), since an address may hold a token.
    registry: str = field(default="", repr=False)
    host: str = ""
    port: int = 0
    id: str = ""
    zone: str = ""
    weight: float = 1.0
    tags: tuple[str, ...] = ()
    ttl: float = 15.0
    propagation: float | None = None


@dataclass(frozen=True, slots=True)
class SidecarConfig:
    """The proxy beside an application.

    Raises ValueError where the admin interface is to be reached from outside without a token, or two listeners are to
    share an address.

    Args:
        outbound: where the application sends what is for services; empty for nowhere.
        inbound: where others send what is for the application; empty for nowhere.
        app: where the application listens, behind `inbound`.
        admin: where the sidecar tells of itself; empty for nowhere.
        service: to which everything outbound goes, whatever it names; empty for what each request names.
        upstreams: where that service listens, instead of what a resolver says.
        prefixes: services by the beginnings of paths, for requests that name none.
        connect: hosts, or hosts and ports, to which tunnels may be opened by CONNECT; ``*.example.com`` for all below.
        passthrough: whether requests to a proxy (an absolute target) for hosts that are no service are sent on there.
        header_timeout: seconds in which the head of a request must be there from its first byte.
        idle_timeout: seconds for which a client's connection is kept without a request.
        body_timeout: seconds that a body may stand still.
        tunnel_timeout: seconds for which a tunnel (CONNECT, WebSocket) is kept through which nothing goes.
        max_head: bytes of a request's head at most.
        max_line: bytes of one line of it at most.
        replay: bytes of a request's body that are kept, so that it can be sent again.
        max_connections: of clients at most, by each listener of each worker; 0 for any number.
        drain: seconds that requests under way are given at the end.
        workers: processes.
        via: the name by which it appears in Via; empty for none.
        forwarded: whether Forwarded and X-Forwarded-For say who asked.
        access_log: ``json`` for a line on standard output for each request, or empty.
        admin_token_file: holds what must be sent to the admin interface as a bearer token; empty for none.
        data_plane: ``builtin``, or ``envoy`` for an Envoy that is run and fed from here.
        health: path on the application that answers 2xx while it may be called; empty for a TCP connection to it.
        health_interval: seconds between two looks.
        limit: requests that the application is given at once; 0 for any number.
        reload: whether the configuration file is looked at for changes; SIGHUP works in any case.
        register: how the application is listed, or None for not at all.
    """

    outbound: str = "127.0.0.1:7140"
    inbound: str = ""
    app: str = "127.0.0.1:8080"
    admin: str = "127.0.0.1:7190"
    service: str = ""
    upstreams: tuple[Endpoint, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    connect: tuple[str, ...] = ()
    passthrough: bool = False
    header_timeout: float = 10.0
    idle_timeout: float = 75.0
    body_timeout: float = 60.0
    tunnel_timeout: float = 3600.0
    max_head: int = 32 * 2**10
    max_line: int = 16 * 2**10
    replay: int = 64 * 2**10
    max_connections: int = 16_384
    drain: float = 10.0
    workers: int = 1
    via: str = "meshclient"
    forwarded: bool = True
    access_log: AccessLog = ""
    admin_token_file: str = ""
    data_plane: DataPlane = "builtin"
    health: str = ""
    health_interval: float = 2.0
    limit: int = 0
    reload: bool = True
    register: RegisterConfig | None = None

    def __post_init__(self) -> None:
        if self.admin and not self.admin_token_file and not Listening.parse(self.admin).loopback:
            msg = (
                f"admin {self.admin} can be reached from outside and anybody could drain this sidecar: write "
                "admin_token_file = '<a file that holds a token>', or an address such as '127.0.0.1:7190'"
            )
            raise ValueError(msg)
        seen: dict[str, str] = {}
        for name in ("outbound", "inbound", "admin", "app"):
            address = getattr(self, name)
            if not address or address.endswith(":0") or (name == "app" and not self.inbound):
                continue
            if address in seen:
                msg = f"{seen[address]} and {name} are both {address}: give each an address of its own"
                raise ValueError(msg)
            seen[address] = name
        if self.register is not None and not self.inbound:
            msg = (
                "register lists what is behind the inbound listener, and there is none: write inbound = '0.0.0.0:7143'"
            )
            raise ValueError(msg)
        if self.register is not None and not self.register.service:
            msg = "register does not say as what: write register = 'orders', or service = 'orders' in its table"
            raise ValueError(msg)
        if self.max_line > self.max_head:
            msg = f"max_line {self.max_line} is more than max_head {self.max_head}: lower it"
            raise ValueError(msg)
