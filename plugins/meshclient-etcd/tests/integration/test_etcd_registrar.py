"""An instance's life in a real etcd, seen through the resolver."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed
from meshclient.registration.registrar import LeaseLost, Registrar, Registration
from meshclient_etcd import EtcdRegistrar

if TYPE_CHECKING:
    from conftest import Kit

    from servers.etcd import Etcd

pytestmark = pytest.mark.registry("etcd", "register", "deregister")

# Registers, says so, and stays alive; what is left to etcd when it dies.
LIVES = """
import asyncio, sys
from meshclient.discovery.resolver import ResolverUri
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient_etcd import EtcdRegistrar

async def main():
    registrar = EtcdRegistrar(ResolverUri.parse(sys.argv[1]), environ={})
    mine = Registration(ServiceName(sys.argv[2]), Endpoint("127.0.0.1", 8001, id="one"), ttl=1)
    await registrar.register(mine)
    print("registered", flush=True)
    for _ in range(300):
        await asyncio.sleep(0.2)
        await registrar.register(mine)  # also where a busy machine has let the lease run out

asyncio.run(main())
"""


def registration(kit: Kit, ttl: float = 15.0) -> Registration:
    name = kit.fresh()
    endpoint = Endpoint(
        "127.0.0.1", 8001, id="a/b c?d%", weight=3, priority=1, zone="eu-1a", tags=("v1",), metadata={"version": "7"}
    )
    return Registration(ServiceName(name), endpoint, ttl=ttl)


def leases(etcd: Etcd) -> set[str]:
    return {lease["ID"] for lease in etcd.call("/v3/lease/leases", {}).get("leases", [])}


def test_what_is_registered_is_resolved(kit: Kit, each_etcd: Etcd) -> None:
    mine = registration(kit)
    uri = kit.uri(each_etcd)
    registrar = kit.registrar(uri)
    before = leases(each_etcd)

    async def check() -> None:
        async with kit.watch(uri, mine.service.value) as watch:
            await registrar.register(mine)
            answer = await watch.ready(mine.endpoint.id)
            assert answer.endpoints == (mine.endpoint,)
            assert answer.endpoints[0].metadata == mine.endpoint.metadata
            await registrar.renew(mine)
            await registrar.register(mine)
            assert len(await asyncio.to_thread(leases, each_etcd) - before) == 1
            await registrar.deregister(mine)
            await watch.until(lambda a: isinstance(a, Empty), "Empty")
            await registrar.deregister(mine)
            assert not any(isinstance(answer, Failed) for answer in watch.seen)
        await registrar.close()

    asyncio.run(check())
    assert not leases(each_etcd) - before


def test_an_https_endpoint_without_an_id(kit: Kit, etcd: Etcd) -> None:
    mine = Registration(ServiceName(kit.fresh()), Endpoint("fd00::1", 8443, "https"))
    uri = kit.uri(etcd)

    async def check() -> None:
        async with kit.watch(uri, mine.service.value) as watch:
            await kit.registrar(uri).register(mine)
            answer = await watch.ready("[fd00::1]:8443")
            assert answer.endpoints[0].url == "https://[fd00::1]:8443"
            await kit.registrar(uri).deregister(mine)  # one that holds no lease
            await watch.until(lambda a: isinstance(a, Empty), "Empty")

    asyncio.run(check())


def test_a_process_that_dies_leaves_the_list(kit: Kit, etcd: Etcd, etcd_old: Etcd) -> None:
    """Killed, it says no farewell: etcd takes the record out with its lease."""
    name, uris = kit.fresh(), [kit.uri(server) for server in (etcd, etcd_old)]
    processes = [
        subprocess.Popen([sys.executable, "-c", LIVES, uri, name], stdout=subprocess.PIPE, text=True) for uri in uris
    ]

    async def check(uri: str, process: subprocess.Popen[str]) -> None:
        async with kit.watch(uri, name) as watch:
            await watch.ready("one")
            process.send_signal(signal.SIGKILL)
            await watch.until(lambda a: isinstance(a, Empty) and not a.exists, "Empty")
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    async def both() -> None:
        await asyncio.gather(*(check(uri, process) for uri, process in zip(uris, processes, strict=True)))

    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "registered\n"
        asyncio.run(both())
    finally:
        for process in processes:
            process.kill()
            process.communicate(timeout=10)


def test_renewal_keeps_a_short_lease_alive(kit: Kit, etcd: Etcd) -> None:
    """Renewed past the end of another one, of the same length, that is not."""
    mine = registration(kit, ttl=1.5)  # etcd makes it two seconds
    other = replace(mine, endpoint=replace(mine.endpoint, id="other"))
    uri = kit.uri(etcd)
    registrar = kit.registrar(uri)

    async def check() -> None:
        async with kit.watch(uri, mine.service.value) as watch:
            for each in (other, mine):
                await registrar.register(each)
            await watch.ready(mine.endpoint.id, "other")
            alone = asyncio.create_task(watch.ready(mine.endpoint.id))
            while not alone.done():
                await registrar.renew(mine)
                await asyncio.wait({alone}, timeout=0.1)
            await alone
            with pytest.raises(LeaseLost, match="has run out"):
                await registrar.renew(other)
            await registrar.register(other)
            await watch.ready(mine.endpoint.id, "other")
            for each in (other, mine):
                await registrar.deregister(each)

    asyncio.run(check())


def test_a_record_that_others_removed_is_written_again(kit: Kit, etcd: Etcd) -> None:
    mine = registration(kit)
    uri = kit.uri(etcd)
    registrar = kit.registrar(uri)

    async def check() -> None:
        with pytest.raises(LeaseLost, match="no lease"):
            await registrar.renew(mine)
        await registrar.register(mine)
        await registrar.renew(mine)
        await asyncio.to_thread(etcd.delete, f"svc/{mine.service}/{mine.endpoint.id}")
        with pytest.raises(LeaseLost, match="no longer listed"):
            await registrar.renew(mine)
        await registrar.register(mine)
        await registrar.renew(mine)
        await registrar.deregister(mine)

    asyncio.run(check())


def test_the_same_instance_takes_its_place_and_its_predecessor_does_not_take_it_out(kit: Kit, etcd: Etcd) -> None:
    """As in a rolling restart under a fixed id: the old process leaves after the new one has come."""
    old = registration(kit)
    new = replace(old, endpoint=replace(old.endpoint, port=8002))
    uri = kit.uri(etcd)
    first, second = kit.registrar(uri), kit.registrar(uri)

    async def check() -> None:
        await first.register(old)
        await second.register(new)
        await first.renew(old)
        await first.deregister(old)
        (key,) = await asyncio.to_thread(etcd.keys, f"svc/{new.service}/")
        assert key == f"svc/{new.service}/{new.endpoint.id}"
        await second.renew(new)
        async with kit.watch(uri, new.service.value) as watch:
            answer = await watch.ready(new.endpoint.id)
            assert answer.endpoints[0].port == 8002
        await second.deregister(new)

    asyncio.run(check())


def test_a_writer_may_register_with_its_password(kit: Kit, etcd_auth: Etcd) -> None:
    mine = registration(kit)
    registrar = kit.registrar(kit.uri(etcd_auth, "user=writer&password=pw"))

    async def check() -> None:
        await registrar.register(mine)
        await registrar.renew(mine)
        await asyncio.to_thread(etcd_auth.restart)  # its tokens are forgotten, its leases are not
        await registrar.renew(mine)
        await registrar.deregister(mine)

    asyncio.run(check())


def test_the_record_is_plain_json(kit: Kit, etcd: Etcd) -> None:
    """Others read it, too."""
    registrar: Registrar = EtcdRegistrar(ResolverUri.parse(kit.uri(etcd)), environ={})
    mine = Registration(ServiceName(kit.fresh()), Endpoint("10.0.0.1", 80, id="x"))
    asyncio.run(registrar.register(mine))
    assert json.loads(etcd.get(f"svc/{mine.service}/x")) == {"host": "10.0.0.1", "port": 80, "scheme": "http"}
    asyncio.run(registrar.deregister(mine))
    assert registrar.propagation == 1.0
