"""Where in a service a request goes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.mesh.naming import SCHEME
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from meshclient.mesh import Mesh

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|//")


def service_base(mesh: Mesh, service: str) -> str:
    """The URL of a service without a path; raises ConfigError for what is no service's name, or of no use here.

    Where ``http://`` and its name mean something else, such as ``localhost`` or a host on the network, the scheme is
    ``mesh``, under which every host is a service: no configuration sends its requests anywhere else.
    """
    try:
        name = ServiceName.parse(service)
    except ValueError as exc:
        raise ConfigError(str(exc)) from None
    if mesh.idle:
        msg = f"no service can be called through this mesh, as {service!r}: give it a resolver or services"
        raise ConfigError(msg)
    meant = mesh._naming.service("http", name.value)  # noqa: SLF001 - asking `service_of` would begin a watch
    return f"{SCHEME if meant is None else 'http'}://{name}"


def located(base: str, path: object) -> str:
    """The URL of `path` in the service at `base`; raises ConfigError where it names a host of its own, or is none."""
    if not isinstance(path, str):
        msg = f"the path is {path!r}: give text such as '/v1/orders'"
        raise ConfigError(msg)
    if path.startswith("/") and not path.startswith("//"):
        return base + path
    if _ABSOLUTE.match(path):
        msg = (
            f"{path!r} names a host, and this channel goes to service {base.partition('://')[2]!r} only: give a path "
            "such as '/v1/orders', or call other hosts with meshclient.Client or AsyncClient"
        )
        raise ConfigError(msg)
    return f"{base}{path}" if path.startswith("?") else f"{base}/{path}"
