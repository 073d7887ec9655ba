"""Where the API server is, and with what to come to it.

Four places say so, and the first that does counts alone: the option ``server``, the option ``kubeconfig``, the pod that
the process runs in, the variable ``KUBECONFIG``. They are not mixed: the token of the pod must not reach a server that
the URI names.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshclient.discovery.http_registry.tls import TlsFiles
from meshclient.errors import ConfigError
from meshclient.model.endpoint import without_user
from meshclient_kubernetes.kubeconfig import bearer, read_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.discovery.http_registry.secret import Token
    from meshclient.discovery.resolver import ResolverUri

# Where the kubelet mounts a pod's account.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Access:
    """An API server and the credentials for it.

    Args:
        url: its address, without a final slash.
        token: the bearer token's source.
        tls: what TLS needs.
        namespace: the namespace that goes with the credentials, or empty.
    """

    url: str
    token: Token
    tls: TlsFiles
    namespace: str = ""

    @property
    def where(self) -> str:
        """The server's host and port, for people."""
        return urlsplit(self.url).netloc


def find_access(uri: ResolverUri, environ: Mapping[str, str], account: Path = ACCOUNT) -> Access:
    """What the options, the pod's account or the environment say. Raises ConfigError where nothing does."""
    server, file = uri.text("server"), uri.text("kubeconfig")
    if server and file:
        raise ConfigError("kubernetes:// takes server or kubeconfig, not both")
    if server:
        access = Access(_url(server, "server"), bearer(), TlsFiles())
    elif file:
        access = _from_kubeconfig(file, "kubeconfig")
    elif environ.get("KUBERNETES_SERVICE_HOST"):
        access = _in_cluster(environ, account)
    elif file := environ.get("KUBECONFIG", ""):
        access = _from_kubeconfig(file, "KUBECONFIG")
    else:
        raise ConfigError(
            "kubernetes:// finds no API server: this is no pod (KUBERNETES_SERVICE_HOST is not set); "
            "give server=https://host:port or kubeconfig=<file>, or set KUBECONFIG"
        )
    access = _with_files(uri, access)
    if access.token.given and access.url.startswith("http://") and not _is_loopback(access.url):
        raise ConfigError(f"the token for {access.where} would go over the network in the clear: write https://")
    return access


def _with_files(uri: ResolverUri, access: Access) -> Access:
    """`access` with the files that the options name in place of what it has."""
    given, tls = TlsFiles.parse(uri), access.tls
    if file := uri.text("token_file"):
        access = replace(access, token=bearer(file=file, origin=f"token_file={file}"))
    if given.ca_file:
        tls = replace(tls, ca_file=given.ca_file, ca_pem="")
    if given.cert_file:
        tls = replace(tls, cert_file=given.cert_file, key_file=given.key_file, cert_pem="", key_pem="")
    return replace(access, tls=tls)


def _in_cluster(environ: Mapping[str, str], account: Path) -> Access:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT") or "443"
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    token = account / "token"
    try:
        namespace = (account / "namespace").read_text("utf-8").strip()
    except OSError:
        namespace = ""  # mounted by hand: the URI has to name one
    return Access(
        url=_url(f"https://{authority}", "KUBERNETES_SERVICE_HOST"),
        token=bearer(file=str(token), origin=f"the pod's token {token}"),
        tls=TlsFiles(ca_file=str(account / "ca.crt")),
        namespace=namespace,
    )


def _from_kubeconfig(file: str, origin: str) -> Access:
    found = read_kubeconfig(file, origin)
    return Access(_url(found.server, f"{origin}={file}"), found.token, found.tls, found.namespace)


def _url(text: str, origin: str) -> str:
    """`text` as an address. Raises ConfigError, without showing a password."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or "@" in text or parts.query or parts.fragment:
        raise ConfigError(f"{origin}: {without_user(text)!r} is no address of an API server: write https://host:port")
    return text.rstrip("/")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
