"""Consul for meshclient: the resolver and the registrar behind ``consul://``.

Both load on first use: listing the installed plugins must not cost an import of httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient_consul.registrar import ConsulRegistrar
    from meshclient_consul.resolver import ConsulResolver

__all__ = ["ConsulRegistrar", "ConsulResolver"]


def __getattr__(name: str) -> object:
    if name == "ConsulResolver":
        from meshclient_consul.resolver import ConsulResolver

        return ConsulResolver
    if name == "ConsulRegistrar":
        from meshclient_consul.registrar import ConsulRegistrar

        return ConsulRegistrar
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
