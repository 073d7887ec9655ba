"""What TLS needs for an API server, and the context made of it."""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from meshclient_kubernetes.errors import KubernetesError


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """The authority to trust and the client's own certificate, as PEM files or PEM text; empty where not given."""

    ca_file: str = ""
    ca_pem: str = ""
    cert_file: str = ""
    key_file: str = ""
    cert_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)


def tls_context(url: str, tls: TlsMaterial) -> ssl.SSLContext:
    """A context for `url` that trusts the authority that `tls` names, or else the system's.

    Raises KubernetesError where a certificate or key is unusable.
    """
    if url.startswith("http://"):
        # There is nothing to verify, and an empty context saves loading the system's authorities.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None, cadata=tls.ca_pem or None)
    except (OSError, ssl.SSLError) as exc:
        named = f"ca_file={tls.ca_file}" if tls.ca_file else "certificate-authority-data"
        raise KubernetesError(f"the authority for Kubernetes in {named} is unusable: {exc}") from None
    # Python 3.13 began to ask for key identifiers, which the authorities of many clusters, EKS's among them, do not
    # have (kubernetes-client/python issue 2394). Chain, validity and host name are verified all the same.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        _load_certificate(context, tls)
    except (OSError, ssl.SSLError) as exc:
        named = f"cert_file={tls.cert_file} and key_file={tls.key_file}" if tls.cert_file else "client-certificate-data"
        raise KubernetesError(f"the client certificate for Kubernetes in {named} is unusable: {exc}") from None
    return context


def _load_certificate(context: ssl.SSLContext, tls: TlsMaterial) -> None:
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file or None, password=_no_password)
    elif tls.cert_pem:
        # OpenSSL takes a certificate and its key from a file alone. This one is ours to read, and gone at once.
        descriptor, path = tempfile.mkstemp()
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{tls.cert_pem}\n{tls.key_pem}\n")
            context.load_cert_chain(path, password=_no_password)
        finally:
            Path(path).unlink()


def _no_password() -> str:
    """For an encrypted key: without this OpenSSL would ask at the terminal, and everything would wait for an answer."""
    return ""
