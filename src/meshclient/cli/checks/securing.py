"""What a service's TLS is configured with, tried without a network."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from meshclient.cli.checks.reached import Span
from meshclient.cli.checks.tls import Secured
from meshclient.engine.tls import TlsContexts
from meshclient.engine.tls_certificate import Presented
from meshclient.engine.tls_context import ResumingContext
from meshclient.engine.tls_settings import TlsSettings, TlsUnusable

if TYPE_CHECKING:
    from meshclient.config.shape import ServiceConfig

# More than a handshake has of turns.
_TURNS = 10


def contexts_of(service: str, config: ServiceConfig) -> TlsContexts:
    """How connections to the service's https endpoints are made safe, as clients do it."""
    tls = config.tls
    if tls is None:
        return TlsContexts(TlsSettings())
    settings = TlsSettings(ca=tls.ca, cert=tls.cert, key=tls.key, verify=tls.verify, identity=tls.identity)
    return TlsContexts(settings, f"service {service!r}")


def secured(service: str, config: ServiceConfig, contexts: TlsContexts) -> Secured:
    """Whether its files can be used, and for how long."""
    tls = config.tls
    verify = tls is None or tls.verify
    cert, key = (tls.cert, tls.key) if tls is not None else ("", "")
    try:
        contexts.context()
    except TlsUnusable as exc:
        # Whose files they are is said anyway.
        return Secured(service, verify, str(exc).removeprefix(f"service {service!r}: "), cert)
    return Secured(service, verify, "", cert, _validity(cert, key) if cert else None)


def _validity(cert: str, key: str) -> Span | None:
    """When the certificate in a file is valid.

    ssl tells of certificates that a peer has shown and that were verified, and of no others: so it is shown to
    ourselves, in memory, and trusted for itself.
    """
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ResumingContext()
    try:
        server.load_cert_chain(cert, key or None, password=str)
        client.check_hostname = False
        client.load_verify_locations(cert)
    except (OSError, ValueError):
        return None
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours, theirs = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    for _ in range(_TURNS):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as exc:
                # It has expired, or is not valid yet: of this one ssl tells even so.
                refused = Presented.noted(exc)
                return None if refused is None else Span(refused.begins, refused.ends)
            except ssl.SSLError:
                return None
        shown = ours.getpeercert() if ours.version() else None
        if shown:
            return Span(
                ssl.cert_time_to_seconds(str(shown["notBefore"])), ssl.cert_time_to_seconds(str(shown["notAfter"]))
            )
    return None
