"""How the endpoints of a service are connected to, as the rest of the project reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """How https endpoints prove who they are, and this process to them. Raises ValueError for a key without a `cert`.

    Args:
        ca: PEM file, or folder in OpenSSL's form, of the authorities to trust; empty for those that httpx trusts.
        cert: PEM file of the certificate that is shown to endpoints, with those between it and its authority.
        key: PEM file of its key; empty where that stands in `cert`.
        identity: host name or address that endpoints' certificates must be for; empty for the service's name.
        verify: whether endpoints' certificates are looked at, at all.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""
    identity: str = ""
    verify: bool = True

    def __post_init__(self) -> None:
        if self.key and not self.cert:
            msg = f"key {self.key} has no certificate: write cert = '<the PEM file of its certificate>'"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class ConnectionsConfig:
    """Which connections are kept to the endpoints of a service, by each event loop of the process.

    Args:
        per_endpoint: open to one endpoint at most; 0 for any number.
        total: open to all of them at most; 0 for any number.
        idle: seconds for which one is kept that nothing is sent on, unless its server says less. Below the shortest
            that servers are known to keep (Node: 5 s).
        warm: whether one is opened to an endpoint as soon as it is in the list.
    """

    per_endpoint: int = 0
    total: int = 1024
    idle: float = 4.0
    warm: bool = False
