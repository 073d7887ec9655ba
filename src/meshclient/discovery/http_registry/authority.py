"""The servers that a registry's URI, or the variable of its own command line, names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.option import choice
from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS, Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.discovery.resolver import ResolverUri

_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Authority:
    """What the addresses of a registry have in common.

    Args:
        member: what one of its servers is called: ``Consul agent``.
        port: where a server listens that is named without port and scheme.
        login: the options that bring credentials, which have no place in an address: ``token_file=``.
        variable: the environment variable that names servers where the URI does not; empty for none.
    """

    member: str
    port: int
    login: str
    variable: str = ""

    def servers(
        self, uri: ResolverUri, environ: Mapping[str, str] = _NO_VARIABLES, *, scheme: str = "http"
    ) -> tuple[Endpoint, ...]:
        """The servers in order of preference; 127.0.0.1 where nobody names one.

        Those in the variable may be whole URLs. The option ``scheme`` goes before a URL's, and that before `scheme`.
        Raises ConfigError for what is no address, without showing a user or password.
        """
        forced = choice(uri, "scheme", DEFAULT_PORTS)
        origin, text = f"{uri.scheme}://", uri.authority
        if self.variable and not text:
            origin, text = self.variable, environ.get(self.variable, "").strip()
        servers = [self._server(item.strip(), forced or scheme, origin) for item in (text or "127.0.0.1").split(",")]
        return tuple(replace(server, scheme=forced) if forced else server for server in servers)

    def _server(self, text: str, scheme: str, origin: str) -> Endpoint:
        if "@" in text:
            raise ConfigError(f"{origin} holds a user or password before an address; give {self.login} instead")
        if text.endswith(":"):
            url = text in ("http:", "https:")
            advice = "write host:port alone, and scheme=https for TLS" if url else "write its port"
            raise ConfigError(f"{origin} names no {self.member}: {text!r} ends without a port; {advice}")
        bare = "://" not in text and not text.rpartition("]")[2].rpartition(":")[1]
        try:
            return Endpoint.parse(f"{text}:{self.port}" if bare else text, scheme=scheme)
        except ValueError as exc:
            raise ConfigError(f"{origin} names no {self.member}: {exc}") from None


def named(servers: tuple[Endpoint, ...]) -> str:
    """The servers as the authority of a URI."""
    return ",".join(server.authority for server in servers)
