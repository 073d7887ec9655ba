"""etcd for meshclient: the resolver and the registrar behind ``etcd://``.

Both load on first use: listing the installed plugins must not cost an import of httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient_etcd.registrar import EtcdRegistrar
    from meshclient_etcd.resolver import EtcdResolver

__all__ = ["EtcdRegistrar", "EtcdResolver"]


def __getattr__(name: str) -> object:
    if name == "EtcdResolver":
        from meshclient_etcd.resolver import EtcdResolver

        return EtcdResolver
    if name == "EtcdRegistrar":
        from meshclient_etcd.registrar import EtcdRegistrar

        return EtcdRegistrar
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
