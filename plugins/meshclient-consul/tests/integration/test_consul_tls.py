"""HTTPS to Consul: whom the client trusts, and what it says when it does not."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Kit

    from servers.consul import Consul

pytestmark = pytest.mark.registry("consul", "resolve")


@pytest.mark.parametrize("way", ["options", "environment"])
def test_the_authority_is_trusted(kit: Kit, consul_tls: Consul, way: str) -> None:
    assert consul_tls.tls is not None
    name = f"web-{secrets.token_hex(4)}"
    instance = consul_tls.register(name, 8001)
    address = consul_tls.https_url.removeprefix("https://")
    if way == "options":
        resolver = kit.resolver(f"consul://{address}?scheme=https&ca_file={consul_tls.tls.authority}")
    else:
        environ = {"CONSUL_HTTP_ADDR": address, "CONSUL_HTTP_SSL": "true"}
        resolver = kit.resolver("consul://", environ | {"CONSUL_CACERT": str(consul_tls.tls.authority)})

    async def check() -> None:
        async with kit.watch(resolver, name) as watch:
            await watch.ready(instance)

    asyncio.run(check())


def test_an_unknown_authority_is_refused(kit: Kit, consul_tls: Consul) -> None:
    async def check() -> None:
        address = consul_tls.https_url.removeprefix("https://")
        async with kit.watch(f"consul://{address}?scheme=https", "web") as watch:
            await watch.failed("cannot be reached", "CERTIFICATE_VERIFY_FAILED", address)

    asyncio.run(check())


def test_an_unusable_pem_file_is_named(kit: Kit, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    missing = tmp_path / "missing.pem"

    async def check() -> None:
        for options, words in (
            (f"ca_file={missing}", (f"ca_file={missing}", "No such file")),
            (f"ca_file={empty}", (f"ca_file={empty}",)),
            (f"cert_file={missing}&key_file={empty}", (f"cert_file={missing}", "No such file")),
        ):
            async with kit.watch(f"consul://127.0.0.1:1?scheme=https&{options}", "web") as watch:
                await watch.failed("unusable", *words)

    asyncio.run(check())


def test_a_client_certificate_is_presented(kit: Kit, tmp_path: Path) -> None:
    """Consul asks for one only when it is told to, so this test's agent is its own."""
    import trustme

    from servers.consul import Consul, TlsFiles
    from servers.errors import NotInstalledError

    authority = trustme.CA()
    files = TlsFiles(tmp_path / "ca.pem", tmp_path / "server.pem", tmp_path / "server.key")
    authority.cert_pem.write_to_path(files.authority)
    server = authority.issue_cert("127.0.0.1")
    server.cert_chain_pems[0].write_to_path(files.certificate)
    server.private_key_pem.write_to_path(files.key)
    client = authority.issue_cert("client.example.com")
    client.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    consul = Consul(tls=files, config={"verify_incoming_https": True})
    if reason := consul.missing():
        pytest.skip(reason)

    async def check() -> None:
        base = f"consul://{consul.https_url.removeprefix('https://')}?scheme=https&ca_file={files.authority}"
        async with kit.watch(base, "web") as watch:
            await watch.failed("broke off", "web", "certificate")
        async with kit.watch(f"{base}&cert_file={tmp_path / 'client.pem'}", "consul") as watch:
            await watch.until(lambda a: a.state == "ready", "Ready")

    try:
        with consul:
            asyncio.run(check())
    except NotInstalledError as error:
        pytest.skip(str(error))
