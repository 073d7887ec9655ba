"""What a watch makes of a service's slices, and how it follows their changes, on both API servers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Health
from meshclient.model.snapshot import Empty, Ready
from servers.kubernetes import ScriptedKubernetes

if TYPE_CHECKING:
    from conftest import Kit

    from servers.kubernetes import ApiServer, Kubernetes

pytestmark = pytest.mark.registry("kubernetes", "resolve", "watch")

TERMINATING = {"ready": False, "serving": True, "terminating": True}


def test_changes_arrive_without_asking_again(kit: Kit, api: ApiServer) -> None:
    name = kit.fresh()
    kit.put(api, name, "10.0.0.1")

    async def check() -> None:
        async with kit.watch(kit.uri(api, "wait=60"), name) as watch:
            await watch.ready("10.0.0.1")
            await asyncio.to_thread(kit.put, api, name, "10.0.0.1", "10.0.0.2")
            await watch.ready("10.0.0.1", "10.0.0.2")
            await asyncio.to_thread(kit.put, api, name, "10.0.0.2")
            await watch.ready("10.0.0.2")
            await asyncio.to_thread(api.delete_slice, f"{name}-a")
            await watch.empty(exists=False)

    asyncio.run(check())


def test_slices_are_merged_and_repetitions_dropped(kit: Kit, api: ApiServer) -> None:
    name = kit.fresh()
    first = kit.slice(f"{name}-1", name, [kit.endpoint("10.0.0.1"), kit.endpoint("10.0.0.2")])
    second = kit.slice(f"{name}-2", name, [kit.endpoint("10.0.0.2"), kit.endpoint("10.0.0.3")])
    other = kit.slice(f"{name}-x", f"{name}-x", [kit.endpoint("10.0.0.9")])
    for item in (first, second, other):
        api.put_slice(item)

    async def check() -> None:
        async with kit.watch(kit.uri(api), name) as watch:
            await watch.ready("10.0.0.1", "10.0.0.2", "10.0.0.3")
            await asyncio.to_thread(api.delete_slice, f"{name}-1")
            await watch.ready("10.0.0.2", "10.0.0.3")
            second["metadata"]["labels"] = {"kubernetes.io/service-name": "something-else"}
            await asyncio.to_thread(api.put_slice, second)
            await watch.empty(exists=False)

    asyncio.run(check())


def test_the_fields_of_an_endpoint(kit: Kit, api: ApiServer) -> None:
    name = kit.fresh()
    pod = {"kind": "Pod", "namespace": "shop", "name": "web-0"}
    hints = {"forZones": [{"name": "eu-1a"}]}
    full = kit.endpoint("10.0.0.1", zone="eu-1a", nodeName="n1", hostname="web-0", targetRef=pod, hints=hints)
    ports = [{"name": "web", "port": 8443, "appProtocol": "https"}]
    api.put_slice(kit.slice(f"{name}-1", name, [full], ports=ports))

    async def check() -> None:
        async with kit.watch(kit.uri(api), name) as watch:
            (endpoint,) = (await watch.ready("10.0.0.1")).endpoints
            assert (endpoint.url, endpoint.id, endpoint.zone) == ("https://10.0.0.1:8443", "web-0", "eu-1a")
            assert endpoint.metadata == {"node": "n1", "hostname": "web-0", "for_zones": "eu-1a"}
            assert endpoint.health is Health.PASSING

    asyncio.run(check())


def test_terminating_endpoints_are_the_last_resort(kit: Kit, api: ApiServer) -> None:
    """A rolling update whose new pods are not ready yet: kube-proxy goes on to the old ones, and so does this."""
    name = kit.fresh()

    def put(*conditions: dict[str, bool]) -> None:
        records = [kit.endpoint(f"10.0.0.{n}", conditions=each) for n, each in enumerate(conditions, 1)]
        api.put_slice(kit.slice(f"{name}-1", name, records))

    put({"ready": True}, TERMINATING, {"ready": False, "serving": False, "terminating": True}, {"ready": False})

    async def check() -> None:
        async with kit.watch(kit.uri(api), name) as watch:
            await watch.ready("10.0.0.1")
            await asyncio.to_thread(put, {"ready": False}, TERMINATING, TERMINATING)
            answer = await watch.ready("10.0.0.2", "10.0.0.3")
            assert {endpoint.health for endpoint in answer.endpoints} == {Health.WARNING}
            await asyncio.to_thread(put, {"ready": False})
            await watch.empty(exists=True)
            await asyncio.to_thread(put, {"ready": True}, TERMINATING)
            await watch.ready("10.0.0.1")

    asyncio.run(check())


def test_unknown_is_told_from_known_and_empty(kit: Kit, api: ApiServer) -> None:
    name = kit.fresh()

    async def check() -> None:
        async with kit.watch(kit.uri(api, "wait=1"), name) as watch:
            await watch.empty(exists=False)
            await asyncio.to_thread(api.put_service, name)
            await watch.empty(exists=True)
            assert all(isinstance(answer, Empty) for answer in watch.seen)

    asyncio.run(check())


def test_another_namespace_stands_behind_a_dot(kit: Kit, api: ApiServer) -> None:
    name = kit.fresh()
    kit.put(api, name, "10.0.0.1")

    async def check() -> None:
        uri = kit.uri(api).replace("kubernetes://shop", "kubernetes://default")
        async with kit.watch(uri, f"{name}.shop") as watch, kit.watch(uri, name) as here:
            await watch.ready("10.0.0.1")
            await here.empty(exists=False)

    asyncio.run(check())


def test_two_address_families_are_one_list(kit: Kit, api: ApiServer) -> None:
    name = kit.fresh()
    pod = {"targetRef": {"kind": "Pod", "name": "web-0"}}
    api.put_slice(kit.slice(f"{name}-4", name, [kit.endpoint("10.0.0.1", **pod)]))
    records = [kit.endpoint("fd00::1", **pod), kit.endpoint("fd00::2")]
    api.put_slice(kit.slice(f"{name}-6", name, records, addressType="IPv6"))

    async def check() -> None:
        for options, hosts in (
            ("", ("10.0.0.1", "fd00::2")),
            ("family=ipv4", ("10.0.0.1",)),
            ("family=ipv6", ("fd00::1", "fd00::2")),
        ):
            async with kit.watch(kit.uri(api, options), name) as watch:
                await watch.ready(*hosts)

    asyncio.run(check())


@pytest.mark.parametrize("count", [1000, 5000])
def test_large_services(kit: Kit, scripted: ScriptedKubernetes, count: int) -> None:
    name = kit.fresh("many")
    slices = kit.many(name, count)
    kit.apply(scripted, slices)

    async def check() -> None:
        async with kit.watch(kit.uri(scripted), name) as watch:
            await watch.until(lambda a: len({endpoint.host for endpoint in a.endpoints}) == count, f"{count} endpoints")
            slices[3]["endpoints"].pop()
            await asyncio.to_thread(scripted.put_slice, slices[3])
            await watch.until(lambda a: len(a.endpoints) == count - 1, f"{count - 1} endpoints")

    asyncio.run(check())


def test_a_thousand_endpoints_on_the_real_server(kit: Kit, real_kubernetes: Kubernetes) -> None:
    name = kit.fresh("many")
    for item in kit.many(name, 1000):
        real_kubernetes.put_slice(item)

    async def check() -> None:
        async with kit.watch(kit.uri(real_kubernetes), name) as watch:
            assert len((await watch.next()).endpoints) == 1000

    asyncio.run(check())


def test_a_list_of_several_pages(kit: Kit, scripted: ScriptedKubernetes) -> None:
    name = kit.fresh("paged")
    kit.apply(scripted, kit.many(name, 250, per_slice=1))
    scripted.control(forget=True)

    async def check() -> None:
        async with kit.watch(kit.uri(scripted), name) as watch:
            answer = await watch.next()
            assert len(answer.endpoints) == 250

    asyncio.run(check())
    asked = [path for path in scripted.control()["requests"] if name in path and "limit=" in path]
    assert ["continue=" in path for path in asked] == [False, True, True]


def test_a_hundred_changes_in_a_second_end_in_the_last_state(kit: Kit, api: ApiServer) -> None:
    name = kit.fresh()
    kit.put(api, name, "10.0.0.1")

    def change() -> float:
        pairs = [[f"10.0.1.{number}", f"10.0.2.{number}"] for number in range(100)]
        slices = [kit.slice(f"{name}-a", name, list(map(kit.endpoint, pair))) for pair in pairs]
        begun = time.monotonic()
        if isinstance(api, ScriptedKubernetes):
            kit.apply(api, slices)
        else:
            for item in slices:
                api.put_slice(item)
        return time.monotonic() - begun

    async def check() -> tuple[float, int]:
        async with kit.watch(kit.uri(api), name) as watch:
            await watch.ready("10.0.0.1")
            duration, _ = await asyncio.gather(asyncio.to_thread(change), watch.ready("10.0.1.99", "10.0.2.99"))
            assert watch.undisturbed, watch.seen
            return duration, len(watch.seen)

    duration, answers = asyncio.run(check())
    print(f"100 changes in {duration:.2f} s: {answers} answers")


def test_malformed_endpoints_are_left_out_and_reported_once(
    kit: Kit, scripted: ScriptedKubernetes, caplog: pytest.LogCaptureFixture
) -> None:
    name = kit.fresh()
    kit.put(scripted, name, "10.0.0.1", "999.0.0.1")

    async def check() -> None:
        async with kit.watch(kit.uri(scripted), name) as watch:
            await watch.ready("10.0.0.1")
            await asyncio.to_thread(kit.put, scripted, name, "10.0.0.1", "999.0.0.1")
            assert isinstance(await watch.next(), Ready)
            assert len(caplog.records) == 1
            await asyncio.to_thread(kit.put, scripted, name, "999.0.0.1")
            await watch.failed("malformed", "999.0.0.1", name)
            waiting = kit.endpoint("10.0.0.1", conditions={"ready": False})
            unreadable = kit.slice(f"{name}-a", name, [waiting, kit.endpoint("999.0.0.2")])
            await asyncio.to_thread(scripted.put_slice, unreadable)
            await watch.failed("malformed", "999.0.0.2", name)  # that may be the one that is ready
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

    with caplog.at_level("WARNING", "meshclient.discovery"):
        asyncio.run(check())
    assert name in caplog.text
    assert "999.0.0.1" in caplog.text
