"""The endpoints behind the envoy data plane: bad ones, secure ones, sticky ones, and a listener on a Unix socket."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import trustme

from integration.envoyplane import client, plane, until
from integration.tlsdriver import TlsServer
from meshclient.model.endpoint import Endpoint
from meshclient.testing.fake_resolver import FakeResolver
from unit.engine.tlspeers import authority_file, serving

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from servers.backend import Backends


def test_an_endpoint_that_fails_is_ejected(backends: Backends) -> None:
    good, bad, other = backends(3)
    bad.control(status=503)
    config = {"endpoints": [each.url for each in (good, bad, other)], "retry": False, "ejection": {"base": "60s"}}

    async def run() -> None:
        async with plane(None, services={"orders": config}) as made, client(made) as calls:

            async def ejected() -> bool:
                statuses = [(await calls.get("/", headers={"host": "orders"})).status_code for _ in range(20)]
                return statuses == [200] * 20

            await until(ejected)

    asyncio.run(run())


def test_a_key_stays_with_its_endpoint(backends: Backends) -> None:
    instances = backends(3)
    config = {
        "endpoints": [each.url for each in instances],
        "balancer": "ring_hash",
        "hash_key": "header:x-user",
    }

    async def run() -> None:
        async with plane(None, services={"orders": config}) as made, client(made) as calls:

            async def who(user: str) -> str:
                return str((await calls.get("/", headers={"host": "orders", "x-user": user})).json()["instance"])

            for user in "abcde":
                assert len({await who(user) for _ in range(5)}) == 1
            assert len({await who(f"user-{number}") for number in range(40)}) == 3

    asyncio.run(run())


def test_weights_are_kept(backends: Backends) -> None:
    light, heavy = backends(2)
    listed = [Endpoint("127.0.0.1", light.port), Endpoint("127.0.0.1", heavy.port, weight=3)]
    registry = FakeResolver({"orders": listed})
    services = {"orders": {"balancer": "round_robin", "slow_start": False}}

    async def run() -> None:
        async with plane(registry, services=services) as made, client(made) as calls:
            seen = Counter([(await calls.get("/", headers={"host": "orders"})).json()["instance"] for _ in range(80)])
            assert 15 <= seen[light.name] <= 25

    asyncio.run(run())


@pytest.mark.parametrize(("name", "status"), [("orders.internal", 200), ("orders", 503)])
def test_an_https_endpoint_is_verified_for_the_name_of_its_service(tmp_path: Path, name: str, status: int) -> None:
    authority = trustme.CA()
    tls = {"ca": authority_file(tmp_path, authority), "identity": "Orders.Internal"}

    async def run(url: str) -> None:
        services = {"orders": {"endpoints": [url], "tls": tls, "retry": False}}
        async with plane(None, services=services) as made, client(made) as calls:
            assert (await calls.get("/", headers={"host": "orders"})).status_code == status

    with TlsServer(serving(authority.issue_cert(name))) as server:
        asyncio.run(run(server.url))
        assert [request.header("host") for request in server.requests] == (["orders"] if status == 200 else [])


def test_certificates_that_are_replaced_are_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshclient.sidecar.envoy.following._READ", 0.05)
    before, after = trustme.CA(), trustme.CA()
    authority = tmp_path / "authority.pem"
    before.cert_pem.write_to_path(str(authority))
    tls = {"ca": str(authority), "identity": "orders.internal"}

    async def run(url: str) -> None:
        services = {"orders": {"endpoints": [url], "tls": tls, "retry": False, "ejection": False}}
        async with plane(None, services=services) as made, client(made) as calls:
            assert (await calls.get("/", headers={"host": "orders"})).status_code == 503
            after.cert_pem.write_to_path(str(tmp_path / "new.pem"))
            (tmp_path / "new.pem").replace(authority)

            async def trusted() -> bool:
                return (await calls.get("/", headers={"host": "orders"})).status_code == 200

            await until(trusted)

    with TlsServer(serving(after.issue_cert("orders.internal"))) as server:
        asyncio.run(run(server.url))


def test_it_listens_at_a_unix_socket_that_is_in_nobodys_way(backends: Backends) -> None:
    (instance,) = backends()

    async def run(folder: str) -> None:
        services = {"orders": {"endpoints": [instance.url]}}
        async with plane(None, services=services, outbound=f"unix:{folder}/mesh.sock") as made, client(made) as calls:
            assert made.address == f"unix:{folder}/mesh.sock"
            assert await name(calls) == instance.name

    async def name(calls: httpx.AsyncClient) -> str:
        return str((await calls.get("/", headers={"host": "orders"})).json()["instance"])

    with tempfile.TemporaryDirectory(prefix="envoy-") as folder:
        asyncio.run(run(folder))
        asyncio.run(run(folder))
