"""A real Eureka behind TLS: the authority is checked, a client certificate is shown."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from conftest import Kit

    from servers.eureka import Eureka

pytestmark = pytest.mark.registry("eureka", "resolve", "faults")


@contextlib.asynccontextmanager
async def tls_in_front_of(eureka: Eureka, context: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a proxy that ends TLS and passes everything on."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(eureka.host(), eureka.port)
        await asyncio.gather(pump(reader, upstream_writer), pump(upstream_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def test_https_to_a_plain_port_is_told(kit: Kit, eureka: Eureka) -> None:
    async def check() -> None:
        async with kit.watch(f"eureka://{eureka.authority}?scheme=https", "web") as watch:
            await watch.failed("cannot be reached", "plain HTTP there (scheme=http)")

    asyncio.run(check())


def test_the_authority_counts_and_a_client_certificate_is_shown(kit: Kit, eureka: Eureka, tmp_path: Path) -> None:
    name = f"web-{secrets.token_hex(4)}"
    instance = eureka.register(name, 8001)
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    mine = authority.issue_cert("client@example.com")
    mine.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    foreign = stranger.issue_cert("client@example.com")
    foreign.private_key_and_cert_chain_pem.write_to_path(tmp_path / "foreign.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def check() -> None:
        async with tls_in_front_of(eureka, context) as port:
            base = f"eureka://127.0.0.1:{port}?scheme=https&interval=100ms&timeout=2s"
            trusting = f"{base}&ca_file={tmp_path}/ca.pem"
            async with kit.watch(f"{trusting}&cert_file={tmp_path}/client.pem", name) as watch:
                await watch.ready(instance)
            async with kit.watch(base, name) as watch:
                await watch.failed("cannot be reached", "CERTIFICATE_VERIFY_FAILED")
            for given in ("", f"&cert_file={tmp_path}/foreign.pem"):
                async with kit.watch(trusting + given, name) as watch:
                    await watch.failed("broke off", name)
            async with kit.watch(f"{trusting}&cert_file={tmp_path}/none.pem", name) as watch:
                await watch.failed("client certificate", "none.pem")

    asyncio.run(check())
