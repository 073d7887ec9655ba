"""A lease on records: entered again when they are deleted, and taken out at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient.mesh.mesh import Mesh
from servers.faults import HttpFault
from servers.process import wait_until

if TYPE_CHECKING:
    from route53.conftest import Hosted

    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("route53", "register", "deregister", "faults")

RECORD = "0 1 8080 orders-10-0-0-7-8080-"


def listed(hosted: Hosted) -> bool:
    return [value[: len(RECORD)] for value in hosted.values("_orders._tcp")] == [RECORD] and len(hosted.sets()) == 2


def test_deleted_records_come_back(hosted: Hosted) -> None:
    with Mesh() as mesh:
        registry = hosted.uri("check=0")
        with mesh.register("orders", host="10.0.0.7", port=8080, registry=registry, ttl=0.6, timeout=15):
            assert listed(hosted)
            hosted.clear()
            wait_until(lambda: listed(hosted), 15, "the records")
        assert hosted.sets() == []


def test_a_route_53_that_is_down_at_first_is_tried_again(hosted: Hosted, fault_proxy: FaultProxies) -> None:
    proxy = fault_proxy.http("127.0.0.1", hosted.server.port)
    proxy.set(HttpFault(status=503))
    with Mesh() as mesh:
        registry = hosted.uri(url=proxy.url)
        with mesh.register("orders", host="10.0.0.7", port=8080, registry=registry, ttl=0.6, timeout=0) as lease:
            wait_until(lambda: bool(proxy.requests), 15, "an attempt")
            assert not lease.listed
            proxy.clear()
            wait_until(lambda: lease.listed, 15, "the registration")
            assert listed(hosted)
        assert hosted.sets() == []
