"""Where a connection leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl


class Tls(Protocol):
    """How connections are made safe; shared by any number of targets, loops and threads."""

    def context(self) -> ssl.SSLContext:
        """What to shake hands with now: another one after its files changed. It resumes known sessions by itself."""
        ...

    def learn(self, made: ssl.SSLObject | ssl.SSLSocket, server_name: str) -> None:
        """Remember the session of a connection on which a response was read, to be resumed by the next."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """What a pool's connections are to.

    Args:
        host: name or address.
        port: TCP port.
        path: of a Unix socket, which is then used instead of `host` and `port`.
        tls: None for plain text.
        server_name: that the certificate is checked against and SNI asks for.
    """

    host: str
    port: int
    path: str = ""
    tls: Tls | None = None
    server_name: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"
