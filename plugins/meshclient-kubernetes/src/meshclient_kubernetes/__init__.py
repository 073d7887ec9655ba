"""Kubernetes for meshclient: the resolver behind ``kubernetes://``.

It loads on first use: listing the installed plugins must not cost an import of httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient_kubernetes.resolver import KubernetesResolver

__all__ = ["KubernetesResolver"]


def __getattr__(name: str) -> object:
    if name == "KubernetesResolver":
        from meshclient_kubernetes.resolver import KubernetesResolver

        return KubernetesResolver
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
