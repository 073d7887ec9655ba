"""What TLS is like with an API server."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from meshclient_kubernetes.errors import KubernetesError

if TYPE_CHECKING:
    from meshclient.discovery.http_registry.tls import TlsFiles


def tls_context(url: str, tls: TlsFiles) -> ssl.SSLContext | None:
    """A context for `url`, or None where that is plain HTTP. Raises KubernetesError where something is unusable."""
    if url.startswith("http://"):
        return None
    context = tls.context("Kubernetes", KubernetesError)
    # Python 3.13 began to ask for key identifiers, which the authorities of many clusters, EKS's among them, do not
    # have (kubernetes-client/python issue 2394). Chain, validity and host name are verified all the same.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
