"""What a ``eureka://`` URI says: one set for the resolver and the registrar, which are mostly given the same URI."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.authority import Authority, named
from meshclient.discovery.http_registry.option import choice, seconds
from meshclient.discovery.http_registry.tls import TlsFiles
from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS
from meshclient_eureka.login import Login

if TYPE_CHECKING:
    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.endpoint import Endpoint

DEFAULT_PATH = "/eureka"
# Seconds for which a server answers from its response cache (responseCacheUpdateIntervalMs).
SERVER_CACHE = 30.0

_AUTHORITY = Authority("Eureka server", 8761, "user= and password_file=")


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
        servers = _AUTHORITY.servers(uri)
        path = uri.path.rstrip("/") or DEFAULT_PATH
        interval = seconds(uri, "interval", 30.0)
        options = cls(
            servers=servers,
            path=path,
            source=str(replace(uri, authority=named(servers), path=path)),
            login=_login(uri),
            tls=TlsFiles.parse(uri),
            timeout=seconds(uri, "timeout", 8.0),
            interval=interval,
            by=choice(uri, "by", ("app", "vip"), "app"),
            address=choice(uri, "address", ("host", "ip"), "host"),
            endpoint_scheme=choice(uri, "endpoint_scheme", DEFAULT_PORTS),
            propagation=uri.duration("propagation", SERVER_CACHE + interval),
        )
        uri.finish()
        return options


def _login(uri: ResolverUri) -> Login:
    user, password, file = uri.text("user"), uri.text("password"), uri.text("password_file")
    if password and file:
        raise ConfigError("eureka:// takes password or password_file, not both")
    if bool(user) != bool(password or file):
        raise ConfigError("eureka:// takes user together with password_file (or password); one of them is missing")
    if ":" in user:
        raise ConfigError(f"user={user!r} in {uri}: basic authentication knows no name with a colon (RFC 7617)")
    return Login(user, password, file=file)
