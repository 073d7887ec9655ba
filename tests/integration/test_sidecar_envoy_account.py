"""What Envoy does, as metrics, events and the admin interface tell it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from integration.envoyplane import client, plane, until, unused_port
from meshclient.model.events import EndpointEjected, EndpointRestored
from meshclient.sidecar.admin.hearing import hear
from meshclient.sidecar.admin.sight import Sight
from meshclient.telemetry.prometheus import exposition

if TYPE_CHECKING:
    from meshclient.model.events import Event
    from servers.backend import Backends


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshclient.sidecar.envoy.account.LOOK", 0.01)
    monkeypatch.setattr("meshclient.sidecar.envoy.account._SHARE", 0.0)
    monkeypatch.setattr("meshclient.sidecar.envoy.protection.INTERVAL", 0.05)


def test_ejections_are_the_meshs_own(backends: Backends) -> None:
    (instance,) = backends()
    dead = f"http://127.0.0.1:{unused_port()}"
    ejection = {"consecutive": 2, "base": "300ms"}
    services = {"orders": {"endpoints": [instance.url, dead], "ejection": ejection, "balancer": "round_robin"}}
    heard: list[Event] = []

    async def run() -> None:
        async with plane(None, services=services) as made, client(made) as calls:
            mesh = made._mesh
            stop = hear(mesh, heard.append)
            balancer, clock = mesh.service("orders").balancer, mesh.service("orders").clock

            def states() -> dict[str, str]:
                return {part.endpoint.url: part.state for part in balancer.status(clock())}

            async def ejected() -> bool:
                assert (await calls.get("/", headers={"host": "orders"})).status_code == 200
                return states()[dead] == "ejected"

            await until(ejected)
            assert states()[instance.url] == "in_rotation"

            async def restored() -> bool:
                return states()[dead] == "in_rotation"

            await until(restored)
            stop()
            seen = Sight(lambda: mesh, calls=made.calls)
            found = {each["url"]: each["attempts"] for each in seen.endpoints()}
            assert found[instance.url] == sum(made.calls("orders")) > 0
            told = exposition(mesh).decode()
            assert 'meshclient_balancer_ejections_total{service_peer_name="orders"} 1.0' in told
            assert made._account.ledger.services()["orders"]["retries"]

    asyncio.run(run())
    found = [each for each in heard if isinstance(each, EndpointEjected | EndpointRestored)]
    assert [(type(each), each.endpoint.url) for each in found] == [(EndpointEjected, dead), (EndpointRestored, dead)]


def test_refusals_are_counted_as_the_librarys(backends: Backends) -> None:
    (slow,) = backends(delay=30.0)
    services = {"orders": {"endpoints": [slow.url], "limit": {"concurrency": 1}, "retry": False}}

    async def run() -> None:
        async with plane(None, services=services) as made, client(made) as calls:
            asked = [asyncio.create_task(calls.get("/", headers={"host": "orders"})) for _ in range(4)]
            line = (
                'meshclient_client_call_rejected_total{service_peer_name="orders",'
                'meshclient_rejection_reason="overloaded"} 3.0'
            )

            async def counted() -> bool:
                orders = made._account.ledger.services().get("orders")
                statuses = orders and (orders["statuses"], orders["active"])
                return line in exposition(made._mesh).decode() and statuses == ({"503": 3}, 1)

            await until(counted)
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(run())
