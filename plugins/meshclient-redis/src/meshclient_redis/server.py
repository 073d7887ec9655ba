"""Which Redis, and how to be let in: the part of a URI that circuits and responses have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint
from meshclient_redis.password import PasswordSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.discovery.resolver import ResolverUri

DEFAULT_PORT = 6379
# What redis-cli itself reads.
PASSWORD_VARIABLE = "REDISCLI_AUTH"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A server, validated.

    Args:
        host: where Redis listens.
        port: likewise.
        database: its number.
        source: the URI without secrets.
        username: whom the access rules are for; empty for the default user.
        password: its source.
        tls: whether to speak TLS.
        ca_file: PEM file of the authority to trust; empty for the system's.
        cert_file: PEM file of the client's certificate, or empty.
        key_file: PEM file of its key, or empty.
        prefix: what every key begins with.
    """

    host: str
    port: int
    database: int
    source: str
    username: str
    password: PasswordSource
    tls: bool
    ca_file: str
    cert_file: str
    key_file: str
    prefix: str

    def arguments(self, timeout: float) -> dict[str, Any]:
        """For the client's untyped constructors of connections.

        Raises PasswordError where there should be a password and is none.
        """
        return {
            "host": self.host,
            "port": self.port,
            "db": self.database,
            "username": self.username or None,
            "password": self.password.read() or None,
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "protocol": 2,
        }

    def tls_arguments(self) -> dict[str, Any]:
        """What is added to them for TLS; empty without it."""
        if not self.tls:
            return {}
        return {
            "ssl_ca_certs": self.ca_file or None,
            "ssl_certfile": self.cert_file or None,
            "ssl_keyfile": self.key_file or None,
            "ssl_check_hostname": True,
        }


def read_server(uri: ResolverUri, environ: Mapping[str, str]) -> RedisServer:
    """The server that a URI names. Raises ConfigError for what is wrong, naming it."""
    user, _, address = uri.authority.rpartition("@")
    endpoint = _endpoint(uri, address)
    server = RedisServer(
        host=endpoint.host,
        port=endpoint.port,
        database=_database(uri),
        source=str(replace(uri, authority=endpoint.authority)),
        username=uri.text("username") or unquote(user.partition(":")[0]),
        password=_password(uri, unquote(user.partition(":")[2]), environ),
        tls=uri.scheme == "rediss",
        ca_file=uri.text("ca_file"),
        cert_file=uri.text("cert_file"),
        key_file=uri.text("key_file"),
        prefix=uri.text("prefix", "meshclient"),
    )
    _check(uri, server)
    return server


def positive(uri: ResolverUri, option: str, default: float) -> float:
    """The seconds of an option. Raises ConfigError where they are not above 0."""
    value = uri.duration(option, default)
    if value <= 0:
        raise ConfigError(f"{option}={value:g} in {uri}: seconds must be above 0")
    return value


def _endpoint(uri: ResolverUri, address: str) -> Endpoint:
    text = address or "127.0.0.1"
    if "," in text:
        raise ConfigError(f"{uri} names several servers; name one, or the address that leads to the master")
    has_port = text.rpartition("]")[2].rpartition(":")[1] == ":"
    try:
        return Endpoint.parse(text if has_port else f"{text}:{DEFAULT_PORT}", scheme="http")
    except ValueError as exc:
        raise ConfigError(f"{uri} names no Redis server: {exc}") from None


def _database(uri: ResolverUri) -> int:
    text = uri.path.strip("/")
    if text and not (text.isascii() and text.isdigit()):
        raise ConfigError(f"{uri} names no database: write its number behind the address, such as redis://host:6379/0")
    return int(text or "0")


def _password(uri: ResolverUri, given: str, environ: Mapping[str, str]) -> PasswordSource:
    value, file = uri.text("password"), uri.text("password_file")
    if sum(map(bool, (given, value, file))) > 1:
        raise ConfigError(f"{uri.scheme}:// takes one password: before the address, as password, or as password_file")
    if file:
        return PasswordSource(file=file, origin=f"password_file={file}")
    if given or value:
        return PasswordSource(given or value, origin="the password of the URI")
    if value := environ.get(PASSWORD_VARIABLE, ""):
        return PasswordSource(value, origin=f"the password of {PASSWORD_VARIABLE}")
    return PasswordSource()


def _check(uri: ResolverUri, server: RedisServer) -> None:
    if not server.tls and (server.ca_file or server.cert_file or server.key_file):
        raise ConfigError(f"{uri} has PEM files and no TLS: write rediss://")
    if server.key_file and not server.cert_file:
        raise ConfigError(f"{uri} has a client key (key_file) and no certificate (cert_file)")
    if not server.prefix or any(mark in server.prefix for mark in "{} "):
        raise ConfigError(f"prefix={server.prefix!r} in {uri}: write a word without braces and spaces")
