"""Faults that only Kubernetes has, and outages of the real API server.

What every resolver survives is in test_kubernetes_fault_suite.py, on the scripted one.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty, Ready

if TYPE_CHECKING:
    from conftest import Kit

    from servers.kubernetes import Kubernetes, ScriptedKubernetes

pytestmark = pytest.mark.registry("kubernetes", "faults")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{\n", ("malformed", "not JSON")),
        ('{"type": "ADDED"}\n', ("malformed", "object is missing")),
        ('{"type": "HELLO", "object": {"metadata": {"resourceVersion": "9999999"}}}\n', ("malformed", "no event")),
        (
            '{"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd is gone"}}\n',
            ("etcd is gone",),
        ),
        ('{"type": "ERROR", "object": {}}\n', ("an error without a code",)),
    ],
)
def test_nonsense_in_a_watch_keeps_the_last_list(
    kit: Kit, scripted: ScriptedKubernetes, said: str, words: tuple[str, ...]
) -> None:
    name = kit.fresh()
    kit.put(scripted, name, "10.0.0.1")

    async def check() -> None:
        async with kit.watch(kit.uri(scripted, "wait=60"), name) as watch:
            await watch.ready("10.0.0.1")
            await kit.asks(scripted, name, "watch=")
            await asyncio.to_thread(lambda: scripted.control(say=said))
            failed = await watch.failed(name, *words)
            assert [endpoint.host for endpoint in failed.endpoints] == ["10.0.0.1"]
            await watch.ready("10.0.0.1")

    asyncio.run(check())


def test_a_throttled_question_is_put_again_when_the_server_says(kit: Kit, scripted: ScriptedKubernetes) -> None:
    name = kit.fresh()
    kit.put(scripted, name, "10.0.0.1")
    scripted.control(faults=[{"path": name, "status": 429, "headers": {"Retry-After": "1"}, "times": 1}], forget=True)

    async def check() -> float:
        begun = time.monotonic()
        async with kit.watch(kit.uri(scripted), name) as watch:
            await watch.failed("429", "asked again in 1 s", name)
            await watch.ready("10.0.0.1")
            return time.monotonic() - begun

    assert asyncio.run(check()) >= 1


def test_gone_for_a_while_and_back_with_what_it_held(kit: Kit, real_kubernetes: Kubernetes) -> None:
    name = kit.fresh()
    kit.put(real_kubernetes, name, "10.0.0.1")

    async def check() -> None:
        async with kit.watch(kit.uri(real_kubernetes), name) as watch:
            await watch.ready("10.0.0.1")
            await asyncio.to_thread(real_kubernetes.kill)
            failed = await watch.failed(name)
            assert isinstance(failed.last, Ready)
            await asyncio.to_thread(real_kubernetes.restart)
            await watch.ready("10.0.0.1")
            await asyncio.to_thread(kit.put, real_kubernetes, name, "10.0.0.2")
            await watch.ready("10.0.0.2")
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

    asyncio.run(check())


def test_restarted_with_its_state_lost(kit: Kit, real_kubernetes: Kubernetes) -> None:
    """The versions begin again at a low number, and what is known of the service is nothing."""
    name = kit.fresh()
    for number in range(20):
        kit.put(real_kubernetes, name, "10.0.0.1", f"10.0.1.{number}")

    async def check() -> None:
        async with kit.watch(kit.uri(real_kubernetes, "wait=60"), name) as watch:
            await watch.ready("10.0.0.1", "10.0.1.19")
            await asyncio.to_thread(real_kubernetes.kill)
            await watch.failed(name)
            await asyncio.to_thread(lambda: real_kubernetes.restart(wipe=True))
            await watch.empty(exists=False)
            await asyncio.to_thread(kit.put, real_kubernetes, name, "10.0.0.2")
            await watch.ready("10.0.0.2")

    asyncio.run(check())


def test_the_kernel_probes_a_silent_connection(kit: Kit, scripted: ScriptedKubernetes) -> None:
    """A peer that vanished (its node lost power) is noticed in half a minute, whatever `wait` says."""
    import socket

    from meshclient.discovery.resolver import ResolverUri
    from meshclient_kubernetes.connection import Connection
    from meshclient_kubernetes.options import KubernetesOptions

    async def check() -> list[int]:
        options = KubernetesOptions.parse(ResolverUri.parse(kit.uri(scripted)), {})
        async with Connection(options).open() as client, client.stream("GET", f"{scripted.url}/readyz") as response:
            peer = response.extensions["network_stream"].get_extra_info("socket")
            settings = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            on = peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            return [on, *(peer.getsockopt(socket.IPPROTO_TCP, setting) for setting in settings)]

    assert asyncio.run(check()) == [1, 15, 5, 3]


def test_an_error_about_the_service_is_no_empty_list(kit: Kit, scripted: ScriptedKubernetes) -> None:
    name = kit.fresh()
    scripted.control(faults=[{"path": f"services/{name}", "status": 500}])

    async def check() -> None:
        async with kit.watch(kit.uri(scripted), name) as watch:
            await watch.failed("500", name)
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

    asyncio.run(check())
