"""What an ``etcd://`` URI and etcdctl's environment variables say.

One set for the resolver and the registrar, because both are mostly given the same URI. An option always goes before a
variable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS, Endpoint
from meshclient_etcd.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.discovery.resolver import ResolverUri

DEFAULT_PORT = 2379


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the authority to trust, and the client's own certificate and key; empty where not given."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class EtcdOptions:
    """Everything configurable, validated.

    Args:
        servers: the client URLs of the cluster's members, in order of preference.
        source: the URI with the addresses that count, without secrets.
        prefix: what stands before a service's name in a key: empty, or ending with a slash.
        credentials: as whom etcd is asked.
        tls: PEM files for https.
        timeout: seconds for connecting, and for a whole question that etcd answers at once.
        wait: seconds for which a watch may be silent before the list is read again.
        endpoint_scheme: scheme of every endpoint, or empty to read it from the record.
    """

    servers: tuple[Endpoint, ...]
    source: str
    prefix: str
    credentials: Credentials
    tls: TlsFiles
    timeout: float
    wait: float
    endpoint_scheme: str

    @classmethod
    def parse(cls, uri: ResolverUri, environ: Mapping[str, str]) -> EtcdOptions:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        servers = _servers(uri, environ)
        options = cls(
            servers=servers,
            source=str(replace(uri, authority=",".join(server.authority for server in servers))),
            prefix=_prefix(uri),
            credentials=_credentials(uri, environ),
            tls=_tls(uri, environ),
            timeout=_positive(uri, "timeout", 5.0),
            wait=_positive(uri, "wait", 60.0),
            endpoint_scheme=_choice(uri, "endpoint_scheme", "", tuple(DEFAULT_PORTS)),
        )
        uri.finish()
        return options


def _servers(uri: ResolverUri, environ: Mapping[str, str]) -> tuple[Endpoint, ...]:
    scheme = _choice(uri, "scheme", "", tuple(DEFAULT_PORTS))
    origin, text = "the resolver URI", uri.authority
    if not text:
        origin, text = "ETCDCTL_ENDPOINTS", environ.get("ETCDCTL_ENDPOINTS", "").strip()
    servers = [_server(item.strip(), scheme or "http", origin) for item in (text or "127.0.0.1").split(",")]
    return tuple(replace(server, scheme=scheme) if scheme else server for server in servers)


def _server(text: str, scheme: str, origin: str) -> Endpoint:
    if "@" in text:
        raise ConfigError(f"{origin} holds a user or password before an address; give user= and password_file= instead")
    if text.endswith(":"):
        advice = "write host:port alone, and scheme=https for TLS" if text in ("http:", "https:") else "write its port"
        raise ConfigError(f"{origin} names no etcd member: {text!r} ends without a port; {advice}")
    bare = "://" not in text
    has_port = text.rpartition("]")[2].rpartition(":")[1] == ":"
    try:
        return Endpoint.parse(f"{text}:{DEFAULT_PORT}" if bare and not has_port else text, scheme=scheme)
    except ValueError as exc:
        raise ConfigError(f"{origin} names no etcd member: {exc}") from None


def _prefix(uri: ResolverUri) -> str:
    try:
        prefix = unquote(uri.path.removeprefix("/"), errors="strict")
    except UnicodeDecodeError:
        raise ConfigError(f"the path of {uri} is not percent-encoded UTF-8") from None
    return prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def _credentials(uri: ResolverUri, environ: Mapping[str, str]) -> Credentials:
    user, value, file = uri.text("user"), uri.text("password"), uri.text("password_file")
    if value and file:
        raise ConfigError("etcd:// takes password or password_file, not both")
    if not user:
        if value or file:
            raise ConfigError("etcd:// has a password (password, password_file) and no user")
        # etcdctl takes the password from either variable.
        user, _, joined = environ.get("ETCDCTL_USER", "").partition(":")
        value = joined or environ.get("ETCDCTL_PASSWORD", "")
        if not user:
            return Credentials()
        if not value:
            raise ConfigError("ETCDCTL_USER names no password: write user:password, or set ETCDCTL_PASSWORD")
    elif not (value or file):
        raise ConfigError(f"etcd:// has the user {user!r} and no password: give password_file= or password=")
    return Credentials(user, value, file)


def _tls(uri: ResolverUri, environ: Mapping[str, str]) -> TlsFiles:
    files = TlsFiles(
        ca_file=uri.text("ca_file", environ.get("ETCDCTL_CACERT", "")),
        cert_file=uri.text("cert_file", environ.get("ETCDCTL_CERT", "")),
        key_file=uri.text("key_file", environ.get("ETCDCTL_KEY", "")),
    )
    if files.key_file and not files.cert_file:
        raise ConfigError("etcd:// has a client key (key_file, ETCDCTL_KEY) and no certificate (cert_file)")
    return files


def _choice(uri: ResolverUri, option: str, default: str, allowed: tuple[str, ...]) -> str:
    value = uri.text(option, default)
    if value != default and value not in allowed:
        raise ConfigError(f"{option}={value!r} in {uri}: write {', '.join(allowed)}")
    return value


def _positive(uri: ResolverUri, option: str, default: float) -> float:
    value = uri.duration(option, default)
    if value <= 0:
        raise ConfigError(f"{option}={value:g} in {uri}: seconds must be above 0")
    return value
