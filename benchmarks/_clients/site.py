"""Where the requests of one cell go."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

SERVICE = "http://orders"


@dataclass(frozen=True, slots=True)
class Site:
    """The endpoints.

    Args:
        origins: of three endpoints; clients without a notion of services ask the first.
        authority: file of the certificate authority, empty without TLS.
    """

    origins: list[str]
    authority: str

    @property
    def services(self) -> dict[str, object]:
        """The configuration of a service at these endpoints."""
        tls = {"tls": {"ca": self.authority}} if self.authority else {}
        return {"orders": {"endpoints": self.origins, **tls}}

    def verify(self) -> ssl.SSLContext | bool:
        """For ``verify=``; clients that need no TLS are spared the making of a context."""
        return ssl.create_default_context(cafile=self.authority) if self.authority else False
