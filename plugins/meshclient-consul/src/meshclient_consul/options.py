"""What a ``consul://`` URI and Consul's own environment variables say.

One set for the resolver and the registrar, because both are mostly given the same URI. The variables are those of
Consul's command line, and an option always goes before a variable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.authority import Authority, named
from meshclient.discovery.http_registry.option import choice, seconds
from meshclient.discovery.http_registry.secret import Token
from meshclient.discovery.http_registry.tls import TlsFiles
from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS
from meshclient_consul.errors import ConsulError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.endpoint import Endpoint

MAX_WAIT = 600.0  # Consul cuts longer waits to ten minutes without saying so
CONSISTENCY = ("default", "stale", "consistent")

_TRUE = frozenset({"1", "t", "true", "yes", "on"})
_AUTHORITY = Authority("Consul agent", 8500, "token_file=", "CONSUL_HTTP_ADDR")
_TLS_VARIABLES = ("CONSUL_CACERT", "CONSUL_CLIENT_CERT", "CONSUL_CLIENT_KEY")


@dataclass(frozen=True, slots=True)
class ConsulOptions:
    """Everything configurable, validated.

    Args:
        servers: the HTTP addresses of agents or servers, in order of preference.
        source: the URI with the addresses that count, without secrets.
        token: the ACL token's source.
        tls: PEM files for https.
        timeout: seconds for connecting, and for a whole question that Consul answers at once.
        wait: seconds for which Consul may hold a blocking query.
        query: parameters of the health question that do not narrow it: datacenter, namespace, consistency.
        narrowing: parameters that leave instances out: tags, filter, passing.
        namespace: Consul Enterprise namespace, or empty.
        endpoint_scheme: scheme of every endpoint, or empty to read it from the instance.
        interval: seconds between a registrar's HTTP checks, or 0 for a third of the registration's ttl.
        deregister_after: seconds after which Consul removes an instance whose check stays critical.
    """

    servers: tuple[Endpoint, ...]
    source: str
    token: Token
    tls: TlsFiles
    timeout: float
    wait: float
    query: tuple[tuple[str, str], ...]
    narrowing: tuple[tuple[str, str], ...]
    namespace: str
    endpoint_scheme: str
    interval: float
    deregister_after: float

    @classmethod
    def parse(cls, uri: ResolverUri, environ: Mapping[str, str]) -> ConsulOptions:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        servers = _servers(uri, environ)
        namespace = uri.text("namespace")
        options = cls(
            servers=servers,
            source=str(replace(uri, authority=named(servers))),
            token=_token(uri, environ),
            tls=TlsFiles.parse(uri, environ, _TLS_VARIABLES),
            timeout=seconds(uri, "timeout", 5.0),
            wait=seconds(uri, "wait", 60.0, most=MAX_WAIT),
            query=_query(uri, namespace),
            narrowing=_narrowing(uri),
            namespace=namespace,
            endpoint_scheme=choice(uri, "endpoint_scheme", DEFAULT_PORTS),
            interval=uri.duration("interval", 0.0),
            deregister_after=seconds(uri, "deregister_after", 60.0),
        )
        uri.finish()
        return options


def _servers(uri: ResolverUri, environ: Mapping[str, str]) -> tuple[Endpoint, ...]:
    if uri.path not in ("", "/"):
        raise ConfigError(f"{uri} has a path; write consul://host:port and options only")
    secure = environ.get("CONSUL_HTTP_SSL", "").lower() in _TRUE
    return _AUTHORITY.servers(uri, environ, scheme="https" if secure else "http")


def _token(uri: ResolverUri, environ: Mapping[str, str]) -> Token:
    token = partial(Token, "Consul", error=ConsulError)
    value, file = uri.text("token"), uri.text("token_file")
    if value and file:
        raise ConfigError("consul:// takes token or token_file, not both")
    if value:
        return token(value, origin="the token of the option token")
    if file:
        return token(file=file, origin=f"token_file={file}")
    if value := environ.get("CONSUL_HTTP_TOKEN", ""):
        return token(value, origin="the token of CONSUL_HTTP_TOKEN")
    if file := environ.get("CONSUL_HTTP_TOKEN_FILE", ""):
        return token(file=file, origin=f"CONSUL_HTTP_TOKEN_FILE={file}")
    return token()


def _query(uri: ResolverUri, namespace: str) -> tuple[tuple[str, str], ...]:
    datacenter = uri.text("dc")
    consistency = choice(uri, "consistency", CONSISTENCY, "default")
    query = [("dc", datacenter)] if datacenter else []
    if namespace:
        query.append(("ns", namespace))
    if consistency != "default":
        query.append((consistency, ""))
    return tuple(query)


def _narrowing(uri: ResolverUri) -> tuple[tuple[str, str], ...]:
    narrowing = [("tag", tag.strip()) for tag in uri.text("tag").split(",") if tag.strip()]
    if expression := uri.text("filter"):
        narrowing.append(("filter", expression))
    if uri.flag("passing"):
        narrowing.append(("passing", "1"))
    return tuple(narrowing)
