"""Three members of etcd, of which one goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Failed, Ready

if TYPE_CHECKING:
    from conftest import Kit

    from servers.etcd import Etcd

pytestmark = pytest.mark.registry("etcd", "watch", "faults")


def others(node: int) -> tuple[int, int]:
    first, second = (n for n in range(3) if n != node)
    return first, second


def test_the_leader_is_killed(kit: Kit, etcd_cluster: Etcd) -> None:
    """The list serves on, and changes are seen again once there is a new leader."""
    name = kit.fresh()
    leader = etcd_cluster.wait_leader()
    etcd_cluster.register_many(name, 3, node=leader)
    ids = [f"{name}-{n}" for n in range(4)]

    async def check() -> None:
        async with kit.watch(kit.uri(etcd_cluster, nodes=(leader, *others(leader))), name) as watch:
            await watch.ready(*ids[:3])
            await asyncio.to_thread(etcd_cluster.kill, leader)
            successor = await asyncio.to_thread(etcd_cluster.wait_leader)
            assert successor != leader
            await asyncio.to_thread(etcd_cluster.register_many, name, 1, first=3, node=successor)
            await watch.ready(*ids)
            assert all(len(answer.endpoints) >= 3 for answer in watch.seen), watch.seen

    asyncio.run(check())


def test_a_paused_member_is_left_for_the_next(kit: Kit, etcd_cluster: Etcd) -> None:
    name = kit.fresh()
    follower, third = others(etcd_cluster.wait_leader())
    etcd_cluster.register_many(name, 1, node=third)

    async def check() -> None:
        await asyncio.to_thread(etcd_cluster.pause, follower)
        resolver = kit.resolver(kit.uri(etcd_cluster, "timeout=1s", (follower, third)))
        for _ in range(2):
            async with kit.watch(resolver, name) as watch:
                await watch.ready(f"{name}-0")
                assert not any(isinstance(answer, Failed) for answer in watch.seen)
        assert resolver._preferred == 1

    asyncio.run(check())


def test_a_member_killed_while_it_is_watched_is_no_outage(kit: Kit, etcd_cluster: Etcd) -> None:
    name = kit.fresh()
    leader = etcd_cluster.wait_leader()
    follower, third = others(leader)
    etcd_cluster.register_many(name, 1, node=leader)

    async def check() -> None:
        async with kit.watch(kit.uri(etcd_cluster, nodes=(follower, third)), name) as watch:
            await watch.ready(f"{name}-0")
            await asyncio.to_thread(etcd_cluster.kill, follower)
            await asyncio.to_thread(etcd_cluster.register_many, name, 1, first=1, node=leader)
            await watch.ready(f"{name}-0", f"{name}-1")
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen

    asyncio.run(check())


def test_a_member_without_a_leader_is_not_believed(kit: Kit, etcd_cluster: Etcd) -> None:
    """It would keep the watch open and never hear of a change; it ends it, because it is asked to."""
    name = kit.fresh()
    leader = etcd_cluster.wait_leader()
    survivor, second = others(leader)
    etcd_cluster.register_many(name, 1, node=leader)

    async def check() -> None:
        async with kit.watch(kit.uri(etcd_cluster, nodes=(survivor,)), name) as watch:
            await watch.ready(f"{name}-0")
            for node in (leader, second):
                await asyncio.to_thread(etcd_cluster.kill, node)
            failed = await watch.failed("has no leader", name)
            assert [endpoint.id for endpoint in failed.endpoints] == [f"{name}-0"]
            for node in (leader, second):
                await asyncio.to_thread(etcd_cluster.restart, node, wait=False)
            await watch.ready(f"{name}-0")

    asyncio.run(check())


def test_every_member_is_named_when_none_answers(kit: Kit, etcd_cluster: Etcd) -> None:
    name = kit.fresh()

    async def check() -> None:
        for node in range(3):
            await asyncio.to_thread(etcd_cluster.kill, node)
        async with kit.watch(kit.uri(etcd_cluster, nodes=(0, 1, 2)), name) as watch:
            await watch.failed("none of 3 etcd members", name, "127.0.0.21", "127.0.0.22", "127.0.0.23")

    asyncio.run(check())
