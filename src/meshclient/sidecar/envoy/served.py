"""What Envoy is to serve: the input of all documents."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.config.shape import ServiceConfig
    from meshclient.config.sidecar_shape import SidecarConfig
    from meshclient.model.endpoint import Endpoint

# Between a service's name, which has none of these, and what tells its lists of endpoints apart.
APART = "~"


@dataclass(frozen=True, slots=True)
class Served:
    """One service as it stands.

    Args:
        name: of the service, and of its cluster.
        config: how it is called.
        listed: its endpoints, those in view of this process.
        throttled: whether somebody asked for its throttle: Envoy's costs it a twentieth of its throughput, and ours
            nothing, so that being on by default is not enough.
        certificates: what tells the files of its TLS settings from those that take their place: Envoy reads them once
            for each cluster, so a cluster has to be another when they are.
    """

    name: str
    config: ServiceConfig
    listed: tuple[Endpoint, ...] = ()
    throttled: bool = False
    certificates: str = ""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Those that Envoy is told of.

        One that drains is left out: Envoy would use it when it panics, and what is under way to an endpoint that is
        gone from the list goes on. So is one that Envoy could not take, and would refuse all others with: in a zone of
        IPv6 (RFC 4007), or a Unix socket beside a host name.
        """
        named = self.named
        return tuple(
            endpoint
            for endpoint in self.listed
            if endpoint.health is not Health.DRAINING
            and (not named if endpoint.is_socket else "%" not in endpoint.host)
        )

    @property
    def named(self) -> bool:
        """Whether a host is a name that Envoy has to look up itself."""
        return any(not endpoint.is_socket and not is_address(endpoint.host) for endpoint in self.listed)

    @property
    def schemes(self) -> frozenset[str]:
        """Of its endpoints."""
        return frozenset(endpoint.scheme for endpoint in self.endpoints)

    @property
    def listing(self) -> str:
        """What its list of endpoints is called where that is apart from its cluster.

        Another name with other schemes: endpoints that speak TLS are for the cluster that does, and are not to reach
        one that has not been told yet, or refused to be.
        """
        secured = self.schemes - {"http"}
        return f"{self.name}{APART}{'+'.join(sorted(self.schemes))}" if secured else self.name


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything at one moment.

    Args:
        settings: of the listener.
        services: by name.
        domains: hosts under these are services.
        zone: the one this process runs in, or empty.
        resolves: whether a name that is not in `services` may be a service all the same.
        learner: path of the Unix socket at which such names are asked for; empty for nowhere.
        trusted: PEM file of the authorities that are trusted where a service names none.
    """

    settings: SidecarConfig
    services: Mapping[str, Served] = field(default_factory=lambda: MappingProxyType({}))
    domains: tuple[str, ...] = ("mesh",)
    zone: str = ""
    resolves: bool = False
    learner: str = ""
    trusted: str = ""


def is_address(host: str) -> bool:
    """Whether `host` is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
