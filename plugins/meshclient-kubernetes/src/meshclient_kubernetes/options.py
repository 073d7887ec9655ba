"""What a ``kubernetes://`` URI says."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.option import choice, seconds
from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS, MAX_PORT
from meshclient_kubernetes.access import ACCOUNT, Access, find_access

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from meshclient.discovery.resolver import ResolverUri

# RFC 1123, section 2.1, as Kubernetes has it for names of namespaces and Services.
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
FAMILIES = ("ipv4", "ipv6")


@dataclass(frozen=True, slots=True)
class PortChoice:
    """Which port of a slice to call, and how.

    Args:
        port: a port's name or number; empty for the only one, or the one named http or https.
        scheme: the scheme of every endpoint, or empty to read it from the port.
    """

    port: str = ""
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class KubernetesOptions:
    """Everything configurable, validated.

    Args:
        namespace: where names without a namespace are looked for.
        source: the URI with that namespace, without secrets.
        access: the API server and the credentials.
        choice: port and scheme of the endpoints.
        family: ``ipv4`` or ``ipv6`` for those addresses alone, or empty.
        timeout: seconds for connecting, and for a question that is answered at once.
        wait: seconds for which the API server may hold a watch.
    """

    namespace: str
    source: str
    access: Access
    choice: PortChoice
    family: str
    timeout: float
    wait: float

    @classmethod
    def parse(cls, uri: ResolverUri, environ: Mapping[str, str], account: Path = ACCOUNT) -> KubernetesOptions:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        if uri.path not in ("", "/"):
            raise ConfigError(f"kubernetes:// has a path, {uri.path!r}: write kubernetes://<namespace> and options")
        access = find_access(uri, environ, account)
        namespace = uri.authority or access.namespace or "default"
        if not LABEL.fullmatch(namespace):
            shown = namespace.rpartition("@")[2]
            raise ConfigError(f"{shown!r} is not a namespace: write kubernetes://<namespace>, and server= apart")
        options = cls(
            namespace=namespace,
            source=str(replace(uri, authority=namespace)),
            access=access,
            choice=PortChoice(_port(uri), choice(uri, "endpoint_scheme", DEFAULT_PORTS)),
            family=choice(uri, "family", FAMILIES),
            timeout=seconds(uri, "timeout", 5.0),
            # In whole seconds. Two minutes bound how long a server that has fallen silent goes unnoticed.
            wait=seconds(uri, "wait", 120.0, least=1.0),
        )
        uri.finish()
        return options


def _port(uri: ResolverUri) -> str:
    port = uri.text("port")
    number = port.isascii() and port.isdigit()
    if port and not (1 <= int(port) <= MAX_PORT if number and len(port) < 6 else LABEL.fullmatch(port) and not number):
        raise ConfigError(f"port={port!r} in {uri}: write the name of a port or a number from 1 to {MAX_PORT}")
    return str(int(port)) if number and port else port
