"""What a ``consul://`` URI and Consul's own environment variables say.

One set for the resolver and the registrar, because both are mostly given the same URI. The variables are those of
Consul's command line, and an option always goes before a variable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS, Endpoint
from meshclient_consul.token import TokenSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.discovery.resolver import ResolverUri

DEFAULT_PORT = 8500
MAX_WAIT = 600.0  # Consul cuts longer waits to ten minutes without saying so
CONSISTENCY = ("default", "stale", "consistent")

_TRUE = frozenset({"1", "t", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the authority to trust, and the client's own certificate and key; empty where not given."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


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
    token: TokenSource
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
            source=str(replace(uri, authority=",".join(server.authority for server in servers))),
            token=_token(uri, environ),
            tls=_tls(uri, environ),
            timeout=_positive(uri, "timeout", 5.0),
            wait=_positive(uri, "wait", 60.0, MAX_WAIT),
            query=_query(uri, namespace),
            narrowing=_narrowing(uri),
            namespace=namespace,
            endpoint_scheme=_choice(uri, "endpoint_scheme", "", tuple(DEFAULT_PORTS)),
            interval=uri.duration("interval", 0.0),
            deregister_after=_positive(uri, "deregister_after", 60.0),
        )
        uri.finish()
        return options


def _servers(uri: ResolverUri, environ: Mapping[str, str]) -> tuple[Endpoint, ...]:
    if uri.path not in ("", "/"):
        raise ConfigError(f"{uri} has a path; write consul://host:port and options only")
    scheme = _choice(uri, "scheme", "", tuple(DEFAULT_PORTS))
    fallback = scheme or ("https" if environ.get("CONSUL_HTTP_SSL", "").lower() in _TRUE else "http")
    origin, text = "the resolver URI", uri.authority
    if not text:
        origin, text = "CONSUL_HTTP_ADDR", environ.get("CONSUL_HTTP_ADDR", "").strip()
    servers = [_server(item.strip(), fallback, origin) for item in (text or "127.0.0.1").split(",")]
    return tuple(replace(server, scheme=scheme) if scheme else server for server in servers)


def _server(text: str, scheme: str, origin: str) -> Endpoint:
    if "@" in text:
        raise ConfigError(f"{origin} holds a user or password, which Consul has no use for; give token_file=")
    if text.endswith(":"):
        advice = "write host:port alone, and scheme=https for TLS" if text in ("http:", "https:") else "write its port"
        raise ConfigError(f"{origin} names no Consul agent: {text!r} ends in a colon; {advice}")
    bare = "://" not in text
    has_port = text.rpartition("]")[2].rpartition(":")[1] == ":"
    try:
        return Endpoint.parse(f"{text}:{DEFAULT_PORT}" if bare and not has_port else text, scheme=scheme)
    except ValueError as exc:
        raise ConfigError(f"{origin} names no Consul agent: {exc}") from None


def _token(uri: ResolverUri, environ: Mapping[str, str]) -> TokenSource:
    value, file = uri.text("token"), uri.text("token_file")
    if value and file:
        raise ConfigError("consul:// takes token or token_file, not both")
    if value:
        return TokenSource(value, origin="the token of the option token")
    if file:
        return TokenSource(file=file, origin=f"token_file={file}")
    if value := environ.get("CONSUL_HTTP_TOKEN", ""):
        return TokenSource(value, origin="the token of CONSUL_HTTP_TOKEN")
    if file := environ.get("CONSUL_HTTP_TOKEN_FILE", ""):
        return TokenSource(file=file, origin=f"CONSUL_HTTP_TOKEN_FILE={file}")
    return TokenSource()


def _tls(uri: ResolverUri, environ: Mapping[str, str]) -> TlsFiles:
    files = TlsFiles(
        ca_file=uri.text("ca_file", environ.get("CONSUL_CACERT", "")),
        cert_file=uri.text("cert_file", environ.get("CONSUL_CLIENT_CERT", "")),
        key_file=uri.text("key_file", environ.get("CONSUL_CLIENT_KEY", "")),
    )
    if files.key_file and not files.cert_file:
        raise ConfigError("consul:// has a client key (key_file, CONSUL_CLIENT_KEY) and no certificate (cert_file)")
    return files


def _query(uri: ResolverUri, namespace: str) -> tuple[tuple[str, str], ...]:
    datacenter = uri.text("dc")
    consistency = _choice(uri, "consistency", "default", CONSISTENCY)
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


def _choice(uri: ResolverUri, option: str, default: str, allowed: tuple[str, ...]) -> str:
    value = uri.text(option, default)
    if value != default and value not in allowed:
        raise ConfigError(f"{option}={value!r} in {uri}: write {', '.join(allowed)}")
    return value


def _positive(uri: ResolverUri, option: str, default: float, limit: float | None = None) -> float:
    value = uri.duration(option, default)
    if value <= 0 or (limit is not None and value > limit):
        bound = f" and at most {limit:g}" if limit is not None else ""
        raise ConfigError(f"{option}={value:g} in {uri}: seconds must be above 0{bound}")
    return value
