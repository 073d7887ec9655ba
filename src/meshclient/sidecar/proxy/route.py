"""Where requests of the outbound listener go.

In this order: CONNECT, a service for everything, the ``mesh-service`` header, a prefix of the path, the authority of an
absolute target, and the Host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.errors import MeshError
from meshclient.sidecar.proxy.destination import Destination, Refusal
from meshclient.sidecar.proxy.grammar import ABSOLUTE, HOST

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from meshclient.mesh import Mesh
    from meshclient.sidecar.proxy.request_head import RequestHead

_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*:")
# What names the mesh itself: ``orders.mesh``.
_SUFFIX = ".mesh"
_AFTER_PREFIX = frozenset((b"", b"/", b"?"))


class OutboundRoute:
    """The rules of one outbound listener.

    Args:
        mesh: knows which names are services.
        service: gets every request; empty for none.
        prefixes: services by the beginning of a path, which is taken off: ``{"/orders/": "orders"}``.
        connect: ``host:port`` or hosts that CONNECT may reach; ``*.example.com`` for those below one.
        passthrough: whether an absolute target whose host is no service goes there.
    """

    def __init__(
        self,
        mesh: Mesh,
        *,
        service: str = "",
        prefixes: Mapping[str, str] | None = None,
        connect: Collection[str] = (),
        passthrough: bool = False,
    ) -> None:
        self._mesh = mesh
        self._service = service
        # The longest first, so that it wins.
        self._prefixes = sorted(
            ((prefix.rstrip("/").encode(), name) for prefix, name in (prefixes or {}).items()),
            key=lambda each: len(each[0]),
            reverse=True,
        )
        self._connect = frozenset(each.lower() for each in connect)
        self._passthrough = passthrough

    def __call__(self, request: RequestHead) -> Destination | Refusal:
        """As `Route`."""
        target = request.target
        if request.method == "CONNECT":
            return self._tunnel(target)
        authority = b""
        absolute = ABSOLUTE(target)
        if absolute is not None:
            authority, rest = absolute.groups()
            if not authority or not HOST(authority):
                return _bad("its target has no host, or one that is none")
            target = rest if rest[:1] == b"/" else b"/" + rest
            if request.method == "OPTIONS" and not rest:
                target = b"*"
        elif target[:1] != b"/" and not (target == b"*" and request.method == "OPTIONS"):
            if _SCHEME.match(target):
                return Refusal(
                    421, "no_route", "Only http:// is spoken here: the mesh makes https of it where an endpoint wants "
                    "that. For another host, ask for a tunnel (CONNECT)."
                )  # fmt: skip
            return _bad("its target is neither a path nor a URL")
        return self._find(request, target, authority)

    def _find(self, request: RequestHead, target: bytes, authority: bytes) -> Destination | Refusal:
        host = authority or request.host
        if self._service:
            return Destination(self._service, target, host or self._service.encode())
        named = request.special.get(b"mesh-service")
        if named is not None:
            return self._named(named, target, host)
        if not authority:
            for prefix, name in self._prefixes:
                rest = target[len(prefix) :]
                # Of whole segments: /orders is not the beginning of /orders-of-others.
                if target.startswith(prefix) and rest[:1] in _AFTER_PREFIX:
                    return Destination(name, b"/" + rest.lstrip(b"/"), name.encode())
        name = _hostname(host)
        service = self._service_of(name)
        if service:
            return Destination(service, target, host)
        if authority and self._passthrough and name:
            return Destination("", target, authority, authority.decode("latin-1"))
        return _nowhere(name)

    def _named(self, named: list[bytes], target: bytes, host: bytes) -> Destination | Refusal:
        name = named[0].decode("latin-1")
        if len(named) > 1 or not self._service_of(name):
            return Refusal(404, "no_route", f"mesh-service names no service that is known here: {name!r}.")
        return Destination(self._service_of(name), target, host or name.encode())

    def _service_of(self, name: str) -> str:
        """The service that a host means, or nothing."""
        for known in (name, name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else ""):
            try:
                service = self._mesh.service_of("http", known) if known else None
            except MeshError:
                continue
            if service is not None:
                return service.name
        return ""

    def _tunnel(self, target: bytes) -> Destination | Refusal:
        host, _, port = target.decode("latin-1").lower().rpartition(":")
        if not HOST(target) or not host or not port.isdigit() or not 0 < int(port) < 65536:
            return _bad("the target of CONNECT is not host:port")
        allowed = (f"{host}:{port}", host, *_above(host, port))
        if self._connect.isdisjoint(allowed):
            return Refusal(
                403,
                "no_route",
                f"CONNECT to {host}:{port} is not allowed: add it to 'connect' in [sidecar].",
                close=True,
            )
        return Destination("", target, target, f"{host}:{port}")


def _above(host: str, port: str) -> list[str]:
    parts = host.split(".")
    names = [f"*.{'.'.join(parts[at:])}" for at in range(1, len(parts))]
    return [*names, *[f"{name}:{port}" for name in names], "*", f"*:{port}"]


def _hostname(authority: bytes) -> str:
    """Without the port, in lower case."""
    text = authority.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0][1:]
    return text.partition(":")[0]


def _bad(why: str) -> Refusal:
    return Refusal(400, "bad_request", f"The request is malformed: {why}.", close=True)


def _nowhere(name: str) -> Refusal:
    what = f"The host {name!r} is no service" if name else "The request names no host"
    return Refusal(
        404, "no_route", f"{what} that is known here: use the name of a service as the host, or the header "
        "mesh-service, and see whether a resolver or its endpoints are configured.",
    )  # fmt: skip
