"""What a ``eureka://`` URI says: one set for the resolver and the registrar, which are mostly given the same URI."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS, Endpoint
from meshclient_eureka.login import Login

if TYPE_CHECKING:
    from meshclient.discovery.resolver import ResolverUri

DEFAULT_PORT = 8761
DEFAULT_PATH = "/eureka"
# Seconds for which a server answers from its response cache (responseCacheUpdateIntervalMs).
SERVER_CACHE = 30.0


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the authority to trust, and the client's own certificate and key; empty where not given."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class EurekaOptions:
    """Everything configurable, validated.

    Args:
        servers: the peers, in order of preference.
        path: the path that the registry lies under, the same on every peer, without a final slash.
        source: the URI with the addresses that count, without secrets.
        login: the credentials.
        tls: PEM files for https.
        timeout: seconds for one question.
        interval: seconds between two fetches of the registry.
        by: ``app`` or ``vip``: which of an instance's names is looked up.
        address: ``host`` or ``ip``: which of an instance's addresses is called.
        endpoint_scheme: scheme of every endpoint, or empty to read it from the instance.
        propagation: seconds until readers no longer see an instance that was taken out.
    """

    servers: tuple[Endpoint, ...]
    path: str
    source: str
    login: Login
    tls: TlsFiles
    timeout: float
    interval: float
    by: str
    address: str
    endpoint_scheme: str
    propagation: float

    @classmethod
    def parse(cls, uri: ResolverUri) -> EurekaOptions:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        servers = _servers(uri)
        path = uri.path.rstrip("/") or DEFAULT_PATH
        interval = _positive(uri, "interval", 30.0)
        options = cls(
            servers=servers,
            path=path,
            source=str(replace(uri, authority=",".join(server.authority for server in servers), path=path)),
            login=_login(uri),
            tls=_tls(uri),
            timeout=_positive(uri, "timeout", 8.0),
            interval=interval,
            by=_choice(uri, "by", "app", ("app", "vip")),
            address=_choice(uri, "address", "host", ("host", "ip")),
            endpoint_scheme=_choice(uri, "endpoint_scheme", "", tuple(DEFAULT_PORTS)),
            propagation=uri.duration("propagation", SERVER_CACHE + interval),
        )
        uri.finish()
        return options


def _servers(uri: ResolverUri) -> tuple[Endpoint, ...]:
    scheme = _choice(uri, "scheme", "http", tuple(DEFAULT_PORTS))
    return tuple(_server(item.strip(), scheme) for item in (uri.authority or "127.0.0.1").split(","))


def _server(text: str, scheme: str) -> Endpoint:
    if "@" in text:
        raise ConfigError("eureka:// holds a user or password before the host; give user= and password_file=")
    if text.endswith(":"):
        advice = "write host:port alone, and scheme=https for TLS" if text in ("http:", "https:") else "write its port"
        raise ConfigError(f"eureka:// names no Eureka server: {text!r} ends without a port; {advice}")
    has_port = text.rpartition("]")[2].rpartition(":")[1] == ":"
    try:
        return Endpoint.parse(text if has_port else f"{text}:{DEFAULT_PORT}", scheme=scheme)
    except ValueError as exc:
        raise ConfigError(f"eureka:// names no Eureka server: {exc}") from None


def _login(uri: ResolverUri) -> Login:
    user, password, file = uri.text("user"), uri.text("password"), uri.text("password_file")
    if password and file:
        raise ConfigError("eureka:// takes password or password_file, not both")
    if bool(user) != bool(password or file):
        raise ConfigError("eureka:// takes user together with password_file (or password); one of them is missing")
    if ":" in user:
        raise ConfigError(f"user={user!r} in {uri}: basic authentication knows no name with a colon (RFC 7617)")
    return Login(user, password, file=file)


def _tls(uri: ResolverUri) -> TlsFiles:
    files = TlsFiles(uri.text("ca_file"), uri.text("cert_file"), uri.text("key_file"))
    if files.key_file and not files.cert_file:
        raise ConfigError("eureka:// has a client key (key_file) and no certificate (cert_file)")
    return files


def _choice(uri: ResolverUri, option: str, default: str, allowed: tuple[str, ...]) -> str:
    value = uri.text(option, default)
    if value != default and value not in allowed:
        raise ConfigError(f"{option}={value!r} in {uri}: write {' or '.join(allowed)}")
    return value


def _positive(uri: ResolverUri, option: str, default: float) -> float:
    value = uri.duration(option, default)
    if value <= 0:
        raise ConfigError(f"{option}={value:g} in {uri}: seconds must be above 0")
    return value
