"""What metrics show while a registry is really away: the state, a growing age, each failed answer, and the way back."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import pytest

import meshclient
from collected import ENDPOINTS, ERRORS, HELD, Collected, collecting, until
from meshclient.telemetry import attributes
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers.consul import Consul
    from servers.faultproxies import FaultProxies

LISTED = '[services.orders]\nendpoints = ["http://10.0.0.1:80", "http://10.0.0.2:80"]\n'


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    with collecting(monkeypatch) as found:
        yield found


def through_an_outage(
    collected: Collected,
    service: str,
    begin: Callable[[], object],
    end: Callable[[], object],
    errors: dict[object, int],
) -> None:
    """Every step of an outage as an operator sees it, with at least so many `errors` by type."""
    until(lambda: collected.ages(service).keys() == {"ready"})
    before = collected.errors(service)
    begun = time.monotonic()
    begin()
    until(lambda: collected.ages(service).keys() == {"failed"})
    first = collected.ages(service)["failed"]
    until(lambda: collected.ages(service)["failed"] >= first + 0.2)
    until(lambda: all(collected.errors(service).get(kind, 0) >= before.get(kind, 0) + n for kind, n in errors.items()))
    # Calls go on by the list that is that old.
    assert collected.by(attributes.ENDPOINT_STATE, ENDPOINTS, service)["available"] == 2
    assert collected.total(HELD, service) == 0
    end()
    until(lambda: collected.ages(service).keys() == {"ready"})
    assert collected.ages(service)["ready"] < time.monotonic() - begun


def test_a_file_that_vanishes_and_one_that_is_garbage(collected: Collected, tmp_path: Path) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(LISTED, "utf-8")
    with meshclient.Mesh(f"file://{path}") as mesh:
        mesh.warm("orders")
        # It says so once: a file that cannot be read is looked at, and not asked again and again.
        errors: dict[object, int] = {"_OTHER": 1}
        through_an_outage(collected, "orders", path.unlink, lambda: path.write_text(LISTED, "utf-8"), errors)
        path.write_text("[services\n", "utf-8")
        until(lambda: collected.ages("orders").keys() == {"failed"})
        until(lambda: collected.errors("orders")["_OTHER"] >= 2)
        path.write_text(LISTED, "utf-8")
        until(lambda: collected.ages("orders").keys() == {"ready"})


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (LinkFault(reset=True), "ConsulUnreachable"),
        (LinkFault(freeze=True), "ConsulUnreachable"),
        (HttpFault(path="/v1/health/service/", status=500, body="broken"), "ConsulError"),
    ],
    ids=["reset", "silent", "500"],
)
def test_consul_behind_a_fault(
    collected: Collected, consul: Consul, fault_proxy: FaultProxies, fault: LinkFault | HttpFault, kind: str
) -> None:
    name = f"orders-{secrets.token_hex(4)}"
    for number in (1, 2):
        consul.register(name, 8000 + number, instance=f"{name}-{number}", check={"TTL": "10m", "Status": "passing"})
    proxy = fault_proxy.http("127.0.0.1", consul.port)
    uri = f"consul://127.0.0.1:{proxy.port}?wait=1s&timeout=1s"
    with meshclient.Mesh(uri) as mesh:
        assert mesh.warm(name)[name].state == "ready"
        through_an_outage(collected, name, lambda: proxy.set(fault), proxy.clear, {kind: 2})
        assert collected.by(attributes.RESOLVER, ERRORS, name).keys() == {mesh.service(name).snapshot.source}


def test_a_registry_that_is_down_from_the_start(collected: Collected, tmp_path: Path) -> None:
    path = tmp_path / "mesh.toml"
    with meshclient.Mesh(f"file://{path}") as mesh:
        assert mesh.warm("orders")["orders"].state == "failed"
        until(lambda: collected.ages("orders").get("failed", 0) > 0.3)
        assert collected.by(attributes.ENDPOINT_STATE, ENDPOINTS, "orders")["available"] == 0
        path.write_text(LISTED, "utf-8")
        until(lambda: collected.ages("orders").keys() == {"ready"})
        assert collected.by(attributes.ENDPOINT_STATE, ENDPOINTS, "orders")["available"] == 2
