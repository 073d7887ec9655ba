"""TLS as Envoy speaks it: to the endpoints of a service, and to the server of a fleet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.config.wire_shape import TlsConfig
from meshclient.sidecar.envoy.served import is_address
from meshclient.sidecar.envoy.vocabulary import Document, extension

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.sidecar.envoy.served import Served

_NONE = TlsConfig()
# Envoy's own for clients ends at 1.2, at which endpoints that speak 1.3 alone hang up.
_VERSIONS = {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}


def sockets(served: Served, trusted: str) -> Document:
    """The fields of a cluster that say how its endpoints are connected to; none for plain TCP.

    Where some endpoints speak TLS and others do not, an endpoint's own metadata says which it is.
    """
    if "https" not in served.schemes:
        return {}
    safe = secured(served.config.tls or _NONE, served.name, trusted)
    if len(served.schemes) == 1:
        return {"transport_socket": safe}
    plain = extension("envoy.transport_sockets.raw_buffer", "transport_sockets.raw_buffer.v3.RawBuffer")
    return {
        "transport_socket_matches": [
            {"name": "https", "match": {"scheme": "https"}, "transport_socket": safe},
            {"name": "http", "match": {"scheme": "http"}, "transport_socket": plain},
        ]
    }


def certificates(tls: TlsConfig | None) -> str:
    """What changes when one of the files that `tls` names is another; empty without any."""
    paths = () if tls is None else (tls.ca, tls.cert, tls.key)
    return " ".join(_stamp(path) for path in paths if path)


def _stamp(path: str) -> str:
    try:
        found = Path(path).stat()
    except OSError:
        return "-"
    return f"{found.st_mtime_ns}.{found.st_size}.{found.st_ino}"


def secured(tls: TlsConfig, identity: str, trusted: str, protocols: Sequence[str] = ()) -> Document:
    """The transport socket of a client.

    Args:
        tls: whom it trusts, and what it shows.
        identity: whom it expects, where `tls` does not say.
        trusted: PEM file of authorities, likewise.
        protocols: that are offered (ALPN), where the cluster does not know better.
    """
    identity = (tls.identity or identity).lower()
    common: Document = {"tls_params": _VERSIONS}
    if tls.verify:
        kind = "IP_ADDRESS" if is_address(identity) else "DNS"
        common["validation_context"] = {
            "trusted_ca": {"filename": tls.ca or trusted},
            "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": identity}}],
        }
    if tls.cert:
        key = tls.key or tls.cert
        common["tls_certificates"] = [{"certificate_chain": {"filename": tls.cert}, "private_key": {"filename": key}}]
    if protocols:
        common["alpn_protocols"] = list(protocols)
    fields: Document = {"common_tls_context": common}
    if not is_address(identity):
        fields["sni"] = identity
    return extension("envoy.transport_sockets.tls", "transport_sockets.tls.v3.UpstreamTlsContext", **fields)
