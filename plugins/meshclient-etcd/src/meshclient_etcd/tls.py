"""Whom the client trusts, and the certificate that it shows."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from meshclient_etcd.errors import EtcdError

if TYPE_CHECKING:
    from meshclient_etcd.options import EtcdOptions


def context(options: EtcdOptions) -> ssl.SSLContext:
    """For the members of `options`. Raises EtcdError where a PEM file is unusable."""
    if not any(server.scheme == "https" for server in options.servers):
        # There is nothing to verify, and an empty context saves loading the system's authorities.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    files = options.tls
    try:
        made = ssl.create_default_context(cafile=files.ca_file or None)
    except (OSError, ssl.SSLError) as exc:
        raise EtcdError(f"the authority for etcd in ca_file={files.ca_file} is unusable: {exc}") from None
    if files.cert_file:
        try:
            made.load_cert_chain(files.cert_file, files.key_file or None)
        except (OSError, ssl.SSLError) as exc:
            named = f"cert_file={files.cert_file} and key_file={files.key_file}"
            raise EtcdError(f"the client certificate for etcd in {named} is unusable: {exc}") from None
    return made
