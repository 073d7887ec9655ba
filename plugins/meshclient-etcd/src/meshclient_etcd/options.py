"""What an ``etcd://`` URI and etcdctl's environment variables say.

One set for the resolver and the registrar, because both are mostly given the same URI. An option always goes before a
variable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from meshclient.discovery.http_registry.authority import Authority, named
from meshclient.discovery.http_registry.option import choice, seconds
from meshclient.discovery.http_registry.secret import Password
from meshclient.discovery.http_registry.tls import TlsFiles
from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS
from meshclient_etcd.errors import EtcdError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.endpoint import Endpoint

_AUTHORITY = Authority("etcd member", 2379, "user= and password_file=", "ETCDCTL_ENDPOINTS")
_TLS_VARIABLES = ("ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY")


@dataclass(frozen=True, slots=True)
class EtcdOptions:
    """Everything configurable, validated.

    Args:
        servers: the client URLs of the cluster's members, in order of preference.
        source: the URI with the addresses that count, without secrets.
        prefix: what stands before a service's name in a key: empty, or ending with a slash.
        user: as whom etcd is asked; empty where it is asked without a name.
        password: the user's password.
        tls: PEM files for https.
        timeout: seconds for connecting, and for a whole question that etcd answers at once.
        wait: seconds for which a watch may be silent before the list is read again.
        endpoint_scheme: scheme of every endpoint, or empty to read it from the record.
    """

    servers: tuple[Endpoint, ...]
    source: str
    prefix: str
    user: str
    password: Password
    tls: TlsFiles
    timeout: float
    wait: float
    endpoint_scheme: str

    @classmethod
    def parse(cls, uri: ResolverUri, environ: Mapping[str, str]) -> EtcdOptions:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        servers = _AUTHORITY.servers(uri, environ)
        user, password = _credentials(uri, environ)
        options = cls(
            servers=servers,
            source=str(replace(uri, authority=named(servers))),
            prefix=_prefix(uri),
            user=user,
            password=password,
            tls=TlsFiles.parse(uri, environ, _TLS_VARIABLES),
            timeout=seconds(uri, "timeout", 5.0),
            wait=seconds(uri, "wait", 60.0),
            endpoint_scheme=choice(uri, "endpoint_scheme", DEFAULT_PORTS),
        )
        uri.finish()
        return options


def _prefix(uri: ResolverUri) -> str:
    try:
        prefix = unquote(uri.path.removeprefix("/"), errors="strict")
    except UnicodeDecodeError:
        raise ConfigError(f"the path of {uri} is not percent-encoded UTF-8") from None
    return prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def _credentials(uri: ResolverUri, environ: Mapping[str, str]) -> tuple[str, Password]:
    user, value, file = uri.text("user"), uri.text("password"), uri.text("password_file")
    if value and file:
        raise ConfigError("etcd:// takes password or password_file, not both")
    if not user:
        if value or file:
            raise ConfigError("etcd:// has a password (password, password_file) and no user")
        # etcdctl takes the password from either variable.
        user, _, joined = environ.get("ETCDCTL_USER", "").partition(":")
        value = joined or environ.get("ETCDCTL_PASSWORD", "")
        if user and not value:
            raise ConfigError("ETCDCTL_USER names no password: write user:password, or set ETCDCTL_PASSWORD")
    elif not (value or file):
        raise ConfigError(f"etcd:// has the user {user!r} and no password: give password_file= or password=")
    whom, origin = f"user {user!r} of etcd", f"password_file={file}" if file else ""
    return user, Password(whom, value if user else "", file=file, origin=origin, error=EtcdError)
