"""HTTPS to etcd: whom the client trusts, what it shows, and what it says when that does not do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Ready

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Kit

    from servers.etcd import Etcd
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("etcd", "resolve", "watch")


@pytest.mark.parametrize("way", ["options", "environment"])
def test_both_sides_trust_the_authority(kit: Kit, etcd_tls: Etcd, pem_files: Path, way: str) -> None:
    name = kit.fresh()
    etcd_tls.register(name, "a", 8001)
    ca, client = pem_files / "ca.pem", pem_files / "client.pem"
    address = f"127.0.0.1:{etcd_tls.tls_port}"
    if way == "options":
        resolver = kit.resolver(f"etcd://{address}/svc?scheme=https&ca_file={ca}&cert_file={client}")
    else:
        environ = {"ETCDCTL_ENDPOINTS": f"https://{address}", "ETCDCTL_CACERT": str(ca), "ETCDCTL_CERT": str(client)}
        resolver = kit.resolver("etcd:///svc", environ)

    async def check() -> None:
        async with kit.watch(resolver, name) as watch:
            await watch.ready("a")
            await asyncio.to_thread(etcd_tls.register, name, "b", 8002)
            await watch.ready("a", "b")

    asyncio.run(check())


def test_progress_notifications_confirm_the_list(kit: Kit, etcd_tls: Etcd, fault_proxy: FaultProxies) -> None:
    """Heard from all the time, the watch is never silent, and the list is not read again."""
    name = kit.fresh()
    etcd_tls.register(name, "a", 8001)
    proxy = fault_proxy.http("127.0.0.1", etcd_tls.port)

    async def check() -> None:
        async with kit.watch(f"etcd://127.0.0.1:{proxy.port}/svc", name) as watch:
            for _ in range(4):
                assert isinstance(await watch.next(), Ready)
            times = [answer.at for answer in watch.seen]
            assert times == sorted(set(times))
        assert proxy.requests == ["POST /v3/kv/range", "POST /v3/watch"]

    asyncio.run(check())


def test_an_unknown_authority_is_refused(kit: Kit, etcd_tls: Etcd) -> None:
    async def check() -> None:
        address = f"127.0.0.1:{etcd_tls.tls_port}"
        async with kit.watch(f"etcd://{address}/svc?scheme=https", "web") as watch:
            await watch.failed("cannot be reached", "CERTIFICATE_VERIFY_FAILED", address)

    asyncio.run(check())


def test_a_missing_client_certificate_is_told(kit: Kit, etcd_tls: Etcd, pem_files: Path) -> None:
    async def check() -> None:
        address = f"127.0.0.1:{etcd_tls.tls_port}"
        async with kit.watch(f"etcd://{address}/svc?scheme=https&ca_file={pem_files / 'ca.pem'}", "web") as watch:
            await watch.failed("broke off", "web", "client certificate (cert_file=)")

    asyncio.run(check())


def test_the_wrong_one_of_http_and_https_is_told(kit: Kit, etcd_tls: Etcd) -> None:
    async def check() -> None:
        for port, options, words in (
            (etcd_tls.tls_port, "", ("broke off", "scheme=https")),
            (etcd_tls.port, "scheme=https", ("cannot be reached", "scheme=http)")),
        ):
            async with kit.watch(f"etcd://127.0.0.1:{port}/svc?{options}", "web") as watch:
                await watch.failed(f"127.0.0.1:{port}", "web", *words)

    asyncio.run(check())


def test_an_unusable_pem_file_is_named(kit: Kit, tmp_path: Path) -> None:
    empty, missing = tmp_path / "empty.pem", tmp_path / "missing.pem"
    empty.write_text("")

    async def check() -> None:
        for options, words in (
            (f"ca_file={missing}", (f"ca_file={missing}", "No such file")),
            (f"ca_file={empty}", (f"ca_file={empty}",)),
            (f"cert_file={missing}&key_file={empty}", (f"cert_file={missing}", "No such file")),
        ):
            async with kit.watch(f"etcd://127.0.0.1:1/svc?scheme=https&{options}", "web") as watch:
                await watch.failed("unusable", *words)

    asyncio.run(check())
