"""Eureka for meshclient: the resolver and the registrar behind ``eureka://``.

Both load on first use: listing the installed plugins must not cost an import of httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient_eureka.registrar import EurekaRegistrar
    from meshclient_eureka.resolver import EurekaResolver

__all__ = ["EurekaRegistrar", "EurekaResolver"]


def __getattr__(name: str) -> object:
    if name == "EurekaResolver":
        from meshclient_eureka.resolver import EurekaResolver

        return EurekaResolver
    if name == "EurekaRegistrar":
        from meshclient_eureka.registrar import EurekaRegistrar

        return EurekaRegistrar
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
