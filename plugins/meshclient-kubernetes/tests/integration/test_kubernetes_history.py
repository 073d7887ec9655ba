"""Versions that run out, go back or stand still: when the API server's history is not the one that a watch knew."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient_kubernetes import pace, slices
from meshclient_kubernetes.events import View

if TYPE_CHECKING:
    from conftest import Kit

    from servers.kubernetes import Kubernetes, ScriptedKubernetes

pytestmark = pytest.mark.registry("kubernetes", "watch", "faults")


def asked(server: ScriptedKubernetes, name: str) -> list[str]:
    """The questions about a service since the last `forget`: list or watch."""
    return ["watch" if "watch=" in path else "list" for path in server.control()["requests"] if f"%3D{name}&" in path]


@pytest.mark.parametrize("gone", ["event", "status"])
def test_an_expired_version_is_followed_by_a_list(kit: Kit, scripted: ScriptedKubernetes, gone: str) -> None:
    """What happened while nobody was watching and is compacted now is only in a list."""
    name = kit.fresh()
    server = scripted
    kit.put(server, name, "10.0.0.1")

    def change_and_compact() -> None:
        changed = kit.slice(f"{name}-a", name, [kit.endpoint("10.0.0.2")])
        place = ["endpointslices", "shop", f"{name}-a"]
        server.control(end="clean", apply=[[place, changed]], compact=True, gone=gone)

    async def check() -> None:
        async with kit.watch(kit.uri(server, "wait=60"), name) as watch:
            await watch.ready("10.0.0.1")
            await asyncio.to_thread(kit.put, server, name, "10.0.0.1", "10.0.0.3")  # so that it heard something
            await watch.ready("10.0.0.1", "10.0.0.3")
            await asyncio.to_thread(change_and_compact)
            await watch.ready("10.0.0.2")
            assert watch.undisturbed, watch.seen

    asyncio.run(check())
    assert asked(server, name)[:4] == ["list", "watch", "watch", "list"]


def test_an_expired_version_on_the_real_server(
    kit: Kit, real_kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real one tells it by an ERROR event; version 1 is from before its watch cache began."""
    name = kit.fresh()
    kit.put(real_kubernetes, name, "10.0.0.1")
    list_slices, lists = slices.Slices.list, 0

    async def stale_at_first(self: slices.Slices) -> View:
        nonlocal lists
        lists += 1
        view = await list_slices(self)
        return View("1", view.slices) if lists == 1 else view

    monkeypatch.setattr(slices.Slices, "list", stale_at_first)

    async def check() -> None:
        async with kit.watch(kit.uri(real_kubernetes, "wait=60"), name) as watch:
            await watch.ready("10.0.0.1")
            await watch.ready("10.0.0.1")
            assert lists == 2
            await asyncio.to_thread(kit.put, real_kubernetes, name, "10.0.0.2")
            await watch.ready("10.0.0.2")
            assert watch.undisturbed, watch.seen

    asyncio.run(check())


def test_an_expired_page_is_followed_by_the_whole_list(
    kit: Kit, scripted: ScriptedKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = kit.fresh()
    kit.apply(scripted, kit.many(name, 30, per_slice=10))
    monkeypatch.setattr(slices, "PAGE", 2)
    server = scripted
    refused = {"path": "continue=", "status": 410, "times": 1}
    server.control(faults=[refused], forget=True)

    async def check() -> None:
        async with kit.watch(kit.uri(server), name) as watch:
            await watch.until(lambda a: len(a.endpoints) == 30, "30 endpoints")

    asyncio.run(check())
    questions = [path for path in server.control()["requests"] if "watch=" not in path]
    assert [("limit=" in path, "continue=" in path) for path in questions] == [
        (True, False),
        (True, True),
        (False,) * 2,
    ]


def test_a_list_that_always_expires_is_a_failure(kit: Kit, scripted: ScriptedKubernetes) -> None:
    name = kit.fresh()
    scripted.control(faults=[{"path": name, "status": 410}])

    async def check() -> None:
        async with kit.watch(kit.uri(scripted), name) as watch:
            await watch.failed("410", name)

    asyncio.run(check())


def test_bookmarks_confirm_the_list_and_carry_the_version_on(kit: Kit, scripted: ScriptedKubernetes) -> None:
    """Others' changes move the version; without bookmarks a quiet service's own would run out."""
    name = kit.fresh()
    kit.put(scripted, name, "10.0.0.1")
    scripted.control(bookmark=0.1, gone="status", forget=True)

    async def check() -> None:
        async with kit.watch(kit.uri(scripted, "wait=60"), name) as watch:
            await watch.ready("10.0.0.1")
            await asyncio.to_thread(kit.put, scripted, kit.fresh("noise"), "10.0.0.9")
            # The next bookmark and the one after it: the first may have been on its way before the noise.
            await watch.next()
            await watch.next()
            await asyncio.to_thread(lambda: scripted.control(compact=True, end="clean"))
            await asyncio.to_thread(kit.put, scripted, name, "10.0.0.2")
            await watch.ready("10.0.0.2")
            assert watch.undisturbed, watch.seen

    asyncio.run(check())
    assert asked(scripted, name) == ["list", "watch", "watch"]


def test_a_watch_that_said_nothing_is_followed_by_a_list(kit: Kit, scripted: ScriptedKubernetes) -> None:
    """A server whose versions were reset is silent until they have caught up: nothing else would show it."""
    name = kit.fresh()
    server = scripted
    kit.put(server, name, "10.0.0.1")
    for number in range(20):
        kit.put(server, name, f"10.0.1.{number}", "10.0.0.1")

    def lose_everything() -> None:
        server.control(reset=True, bookmark=60)
        kit.put(server, name, "10.0.0.7")

    async def check() -> None:
        async with kit.watch(kit.uri(server, "wait=1"), name) as watch:
            await watch.ready("10.0.1.19", "10.0.0.1")
            await asyncio.to_thread(lose_everything)
            await watch.ready("10.0.0.7")
            assert watch.undisturbed, watch.seen

    asyncio.run(check())


def test_a_version_that_goes_back_is_followed_by_a_list(kit: Kit, scripted: ScriptedKubernetes) -> None:
    name = kit.fresh()
    kit.put(scripted, name, "10.0.0.1")
    bookmark = '{"type":"BOOKMARK","object":{"kind":"EndpointSlice","metadata":{"resourceVersion":"7"}}}\n'

    async def check() -> None:
        async with kit.watch(kit.uri(scripted, "wait=60"), name) as watch:
            await watch.ready("10.0.0.1")
            await kit.asks(scripted, name, "watch=")
            await asyncio.to_thread(lambda: scripted.control(say=bookmark))
            await watch.ready("10.0.0.1")

    asyncio.run(check())
    assert asked(scripted, name)[:3] == ["list", "watch", "list"]


def test_a_change_after_the_server_ended_the_watch(kit: Kit, scripted: ScriptedKubernetes) -> None:
    """As it does now and then, politely; the connection is still there to go on with."""
    name = kit.fresh()
    kit.put(scripted, name, "10.0.0.1", "10.0.0.2")
    changed = kit.slice(f"{name}-a", name, [kit.endpoint("10.0.0.2"), kit.endpoint("10.0.0.3")])

    async def check() -> None:
        async with kit.watch(kit.uri(scripted, "wait=60"), name) as watch:
            await watch.ready("10.0.0.1", "10.0.0.2")
            await kit.asks(scripted, name, "watch=")
            order = [[["endpointslices", "shop", f"{name}-a"], changed]]
            await asyncio.to_thread(lambda: scripted.control(end="clean", apply=order))
            await watch.ready("10.0.0.2", "10.0.0.3")
            assert watch.undisturbed, watch.seen

    asyncio.run(check())


def test_versions_that_always_expire_are_asked_for_at_a_bounded_rate(
    kit: Kit, scripted: ScriptedKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = kit.fresh()
    kit.put(scripted, name, "10.0.0.1")
    scripted.control(faults=[{"path": "watch=", "status": 410}])
    monkeypatch.setattr(pace, "INTERVAL", 0.1)

    async def check() -> float:
        begun = asyncio.get_running_loop().time()
        async with kit.watch(kit.uri(scripted), name) as watch:
            for _ in range(10):
                await watch.ready("10.0.0.1")
        return asyncio.get_running_loop().time() - begun

    seconds = asyncio.run(check())
    assert 19 <= len(asked(scripted, name)) <= pace.BURST + seconds / pace.INTERVAL + 1
