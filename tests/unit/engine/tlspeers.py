"""Both ends of TLS for tests: servers with certificates of our own authority, and clients of each kind."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from unit.http.rawserver import OK, RawServer, always

if TYPE_CHECKING:
    from meshclient.engine.target import Tls

CLIENTS = ("blocking", "asyncio", "uvloop")
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
_REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_LIMIT = 10.0


def serving(
    issued: trustme.LeafCert, *, version: ssl.TLSVersion | None = None, clients: trustme.CA | None = None
) -> ssl.SSLContext:
    """A server's context.

    Args:
        issued: its certificate.
        version: the only one it speaks; None for all.
        clients: who must have signed the certificates of clients; None where they need none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    if version is not None:
        context.maximum_version = version
        context.minimum_version = version
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def tls_server(context: ssl.SSLContext) -> RawServer:
    """One that answers every request with OK."""
    return RawServer(always(OK), tls=context)


@dataclass(frozen=True)
class Files:
    """Where a certificate's parts were written."""

    cert: str
    key: str

    @classmethod
    def write(cls, folder: Path, issued: trustme.LeafCert) -> Files:
        """Write them in place, over what was there."""
        cert, key = folder / "client.pem", folder / "client.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return cls(str(cert), str(key))


def authority_file(folder: Path, authority: trustme.CA, name: str = "ca.pem") -> str:
    """Its certificate in a file."""
    path = str(folder / name)
    authority.cert_pem.write_to_path(path)
    return path


def authority_until(end: dt.datetime) -> trustme.CA:
    """One whose own certificate expires then."""
    made = trustme.CA()
    certificate = x509.load_pem_x509_certificate(made.cert_pem.bytes())
    key = serialization.load_pem_private_key(made.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder(
        certificate.issuer,
        certificate.subject,
        key.public_key(),
        certificate.serial_number,
        end - dt.timedelta(days=1),
        end,
        list(certificate.extensions),
    )
    signed = builder.sign(key, hashes.SHA256())
    return trustme.CA.from_pem(signed.public_bytes(serialization.Encoding.PEM), made.private_key_pem.bytes())


@dataclass(frozen=True)
class Answer:
    """What came of one exchange on a new connection."""

    version: str | None
    resumed: bool | None
    alpn: str | None
    data: bytes

    @classmethod
    def of(cls, made: ssl.SSLObject | ssl.SSLSocket, data: bytes) -> Answer:
        return cls(made.version(), made.session_reused, made.selected_alpn_protocol(), data)


def ask(client: str, tls: Tls, server: RawServer, name: str) -> Answer:
    """One request on a new connection, by the kind of client named; raises what it ends with."""
    if client == "blocking":
        return _ask_blocking(tls, server.port, name)
    exchange = asyncio.wait_for(_ask(tls, server.port, name), _LIMIT)
    return uvloop.run(exchange) if client == "uvloop" else asyncio.run(exchange)


def _ask_blocking(tls: Tls, port: int, name: str) -> Answer:
    with (
        socket.create_connection(("127.0.0.1", port), _LIMIT) as plain,
        tls.context().wrap_socket(plain, server_hostname=name) as made,
    ):
        made.sendall(_REQUEST)
        data = made.recv(1000)
        if data:
            tls.learn(made, name)
        return Answer.of(made, data)


async def _ask(tls: Tls, port: int, name: str) -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls.context(), server_hostname=name)
    try:
        writer.write(_REQUEST)
        data = await reader.read(1000)
        made = writer.get_extra_info("ssl_object")
        if data:
            tls.learn(made, name)
        return Answer.of(made, data)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)
