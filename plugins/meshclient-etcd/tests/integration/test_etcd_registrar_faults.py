"""An etcd that fails while an instance registers, renews or leaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import LeaseLost, Registration
from meshclient_etcd.errors import EtcdError, EtcdUnreachable
from servers.faults import HttpFault

if TYPE_CHECKING:
    from conftest import Kit

    from servers.etcd import Etcd
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("etcd", "register", "deregister", "faults")


def registration(kit: Kit) -> Registration:
    return Registration(ServiceName(kit.fresh()), Endpoint("127.0.0.1", 8001, id="one"))


def test_an_etcd_that_is_gone_is_an_error_and_not_a_lost_lease(kit: Kit, etcd: Etcd) -> None:
    mine = registration(kit)
    registrar = kit.registrar(kit.uri(etcd))

    async def check() -> None:
        await registrar.register(mine)
        await asyncio.to_thread(etcd.kill)
        for call in (registrar.register, registrar.renew, registrar.deregister):
            with pytest.raises(EtcdUnreachable, match="cannot be reached for instance"):
                await call(mine)
        await asyncio.to_thread(etcd.restart)
        await registrar.renew(mine)  # the lease outlasts a restart
        await registrar.deregister(mine)

    asyncio.run(check())


def test_an_etcd_that_lost_its_data_is_told_again(kit: Kit, etcd: Etcd) -> None:
    mine = registration(kit)
    uri = kit.uri(etcd)
    registrar = kit.registrar(uri)

    async def check() -> None:
        async with kit.watch(uri, mine.service.value) as watch:
            await registrar.register(mine)
            await watch.ready("one")
            await asyncio.to_thread(etcd.restart, wipe=True)
            with pytest.raises(LeaseLost, match="has run out"):
                await registrar.renew(mine)
            await registrar.register(mine)
            await registrar.renew(mine)
            await watch.ready("one")
            await registrar.deregister(mine)

    asyncio.run(check())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (HttpFault(status=503, body='{"message": "etcdserver: request timed out"}'), "has no leader"),
        (HttpFault(status=200, body="[]"), "malformed"),
        (HttpFault(path="grant", status=200, body='{"ID": "x"}'), "ID is not a whole number"),
        (HttpFault(path="grant", status=200, body="{}"), "names no lease"),
        (HttpFault(hang=True), "did not answer"),
    ],
    ids=["503", "garbage", "wrong lease", "no lease", "hang"],
)
def test_a_failing_etcd_is_an_error_and_then_it_works(
    kit: Kit, etcd: Etcd, fault_proxy: FaultProxies, fault: HttpFault, words: str
) -> None:
    mine = registration(kit)
    proxy = fault_proxy.http("127.0.0.1", etcd.port)
    registrar = kit.registrar(f"etcd://127.0.0.1:{proxy.port}/svc?timeout=1s")
    proxy.set(fault)

    async def check() -> None:
        with pytest.raises(EtcdError, match=words):
            await registrar.register(mine)
        await asyncio.to_thread(proxy.clear)
        await registrar.register(mine)
        await registrar.renew(mine)
        await registrar.deregister(mine)

    asyncio.run(check())
    assert not etcd.keys(f"svc/{mine.service}/")


def test_a_renewal_that_cannot_be_read_is_an_error_and_not_a_lost_lease(
    kit: Kit, etcd: Etcd, fault_proxy: FaultProxies
) -> None:
    mine = registration(kit)
    proxy = fault_proxy.http("127.0.0.1", etcd.port)
    registrar = kit.registrar(f"etcd://127.0.0.1:{proxy.port}/svc")

    async def check() -> None:
        await registrar.register(mine)
        for path, body in (("keepalive", '{"result": []}'), ("keepalive", "{}"), ("range", '{"count": -1}')):
            await asyncio.to_thread(proxy.set, HttpFault(path=path, status=200, body=body))
            with pytest.raises(EtcdError, match="malformed"):
                await registrar.renew(mine)
        await asyncio.to_thread(proxy.clear)
        await registrar.renew(mine)
        await registrar.deregister(mine)

    asyncio.run(check())


def test_a_registration_whose_answer_was_lost_is_taken_out(kit: Kit, etcd: Etcd, fault_proxy: FaultProxies) -> None:
    mine = registration(kit)
    proxy = fault_proxy.http("127.0.0.1", etcd.port)
    registrar = kit.registrar(f"etcd://127.0.0.1:{proxy.port}/svc")
    proxy.set(HttpFault(path="put", truncate=10))

    async def check() -> None:
        with pytest.raises(EtcdUnreachable, match="broke off"):
            await registrar.register(mine)
        assert await asyncio.to_thread(etcd.keys, f"svc/{mine.service}/")
        await registrar.deregister(mine)
        assert not await asyncio.to_thread(etcd.keys, f"svc/{mine.service}/")

    asyncio.run(check())


def test_a_member_that_is_gone_is_left_for_the_next(kit: Kit, etcd_cluster: Etcd) -> None:
    """A lease is the cluster's: it goes on, wherever it was granted."""
    mine = registration(kit)
    leader = etcd_cluster.wait_leader()
    follower = next(node for node in range(3) if node != leader)
    uri = kit.uri(etcd_cluster, nodes=(follower, leader))
    registrar = kit.registrar(uri)

    async def check() -> None:
        await registrar.register(mine)
        await asyncio.to_thread(etcd_cluster.kill, follower)
        await registrar.renew(mine)
        await registrar.deregister(mine)
        assert not await asyncio.to_thread(etcd_cluster.keys, f"svc/{mine.service}/", node=leader)

    asyncio.run(check())
