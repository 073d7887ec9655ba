"""Three Consul servers, of which one goes."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Failed, Ready

if TYPE_CHECKING:
    from conftest import Kit

    from servers.consul import Consul

pytestmark = pytest.mark.registry("consul", "faults")


def fresh() -> str:
    return f"web-{secrets.token_hex(4)}"


def uri(cluster: Consul, nodes: list[int], options: str = "") -> str:
    return f"consul://{','.join(f'{cluster.host(n)}:{cluster.port}' for n in nodes)}?{options}"


def others(node: int) -> list[int]:
    return [n for n in range(3) if n != node]


def test_the_leader_is_killed(kit: Kit, consul_cluster: Consul) -> None:
    """The list serves on, and the cluster's changes are seen again once it has a new leader."""
    name = fresh()
    leader = consul_cluster.wait_leader()
    consul_cluster.register_many(name, 3, node=leader)
    ids = [f"{name}-{n}" for n in range(4)]

    async def check() -> None:
        nodes = [leader, *others(leader)]
        async with kit.watch(uri(consul_cluster, nodes), name) as watch:
            await watch.ready(*ids[:3])
            await asyncio.to_thread(consul_cluster.kill, leader)
            successor = await asyncio.to_thread(consul_cluster.wait_leader)
            assert successor != leader
            await asyncio.to_thread(consul_cluster.register_many, name, 1, first=3, node=successor)
            await watch.ready(*ids)
            assert all(len(answer.endpoints) >= 3 for answer in watch.seen), watch.seen

    asyncio.run(check())


def test_a_paused_follower_is_left_for_the_next_server(kit: Kit, consul_cluster: Consul) -> None:
    name = fresh()
    leader = consul_cluster.wait_leader()
    follower, third = others(leader)
    consul_cluster.register_many(name, 1, node=leader)

    async def check() -> None:
        await asyncio.to_thread(consul_cluster.pause, follower)
        resolver = kit.resolver(uri(consul_cluster, [follower, third], "timeout=500ms"))
        async with kit.watch(resolver, name) as watch:
            await watch.ready(f"{name}-0")
            assert not any(isinstance(answer, Failed) for answer in watch.seen)
        async with kit.watch(resolver, name) as watch:
            await watch.ready(f"{name}-0")
            assert resolver._preferred == 1

    asyncio.run(check())


def test_a_server_killed_while_it_is_watched_is_no_outage(kit: Kit, consul_cluster: Consul) -> None:
    name = fresh()
    leader = consul_cluster.wait_leader()
    follower, third = others(leader)
    consul_cluster.register_many(name, 1, node=leader)

    async def check() -> None:
        async with kit.watch(uri(consul_cluster, [follower, third]), name) as watch:
            await watch.ready(f"{name}-0")
            await asyncio.to_thread(consul_cluster.kill, follower)
            await asyncio.to_thread(consul_cluster.register_many, name, 1, first=1, node=leader)
            await watch.ready(f"{name}-0", f"{name}-1")
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen

    asyncio.run(check())


def test_without_a_majority_only_stale_answers(kit: Kit, consul_cluster: Consul) -> None:
    name = fresh()
    leader = consul_cluster.wait_leader()
    survivor, second = others(leader)
    consul_cluster.register_many(name, 1, node=leader)

    async def check() -> None:
        stale = uri(consul_cluster, [survivor], "consistency=stale")
        async with kit.watch(stale, name) as watch:
            await watch.ready(f"{name}-0")  # replicated
        for node in (leader, second):
            await asyncio.to_thread(consul_cluster.kill, node)
        async with kit.watch(stale, name) as watch:
            await watch.ready(f"{name}-0")
        strict = uri(consul_cluster, [survivor], "consistency=consistent&timeout=10s")
        async with kit.watch(strict, name) as watch:
            await watch.failed(name, "500")

    asyncio.run(check())


def test_every_server_is_named_when_none_answers(kit: Kit, consul_cluster: Consul) -> None:
    name = fresh()

    async def check() -> None:
        for node in range(3):
            await asyncio.to_thread(consul_cluster.kill, node)
        async with kit.watch(uri(consul_cluster, [0, 1, 2]), name) as watch:
            await watch.failed("none of 3 Consul servers", name, "127.0.0.11", "127.0.0.12", "127.0.0.13")

    asyncio.run(check())
