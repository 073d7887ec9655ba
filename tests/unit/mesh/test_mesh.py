from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

import pytest

import meshclient
from meshclient.model.snapshot import Empty, Ready, listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meshclient.model.events import Event
    from meshclient.model.service import ServiceName

ENDPOINT = meshclient.Endpoint("127.0.0.1", 1)


class Registry:
    """Knows one service and never answers for any other."""

    source = "registry://test"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        self.asked.append(name.value)
        if name.value == "orders":
            yield listing([ENDPOINT], source=self.source)
        await asyncio.Event().wait()


def test_nothing_happens_before_a_service_is_called() -> None:
    registry = Registry()
    before = threading.active_count()
    with meshclient.Mesh(registry) as mesh:
        assert threading.active_count() == before
        assert not mesh.idle
        mesh.warm("orders")
        assert registry.asked == ["orders"]


def test_warm_waits_for_answers_and_no_longer_than_asked() -> None:
    with meshclient.Mesh(Registry()) as mesh:
        snapshots = mesh.warm("orders", "silent", timeout=0.1)
        assert {name: snapshot.state for name, snapshot in snapshots.items()} == {
            "orders": "ready",
            "silent": "pending",
        }
        assert snapshots["orders"].endpoints == (ENDPOINT,)
    with meshclient.Mesh("static://?orders=a:1", mode="on-demand") as mesh:
        assert {n: s.state for n, s in mesh.warm("orders", "users").items()} == {"orders": "ready", "users": "empty"}


def test_one_service_by_all_its_names() -> None:
    with meshclient.Mesh(Registry()) as mesh:
        service = mesh.service("orders")
        assert mesh.service("ORDERS.") is service
        for scheme, host in (("http", "orders"), ("https", "orders"), ("mesh", "orders"), ("http", "orders.mesh")):
            assert mesh.service_of(scheme, host) is service
            assert mesh.service_of(scheme, host) is service
        assert mesh.service_of("http", "127.0.0.1") is None


@pytest.mark.parametrize("how", ["close", "aclose"])
def test_calls_after_closing_begin_anew(how: str) -> None:
    registry = Registry()
    mesh = meshclient.Mesh(registry)
    first = mesh.service_of("http", "orders")
    mesh.warm("orders")
    if how == "close":
        mesh.close()
    else:
        asyncio.run(mesh.aclose())
    second = mesh.service_of("http", "orders")
    assert second is not first
    assert mesh.warm("orders")["orders"].state == "ready"
    assert mesh.service("orders") is second
    assert registry.asked == ["orders", "orders"]
    mesh.close()


def test_a_service_that_close_ended_is_not_remembered() -> None:
    """Threads that ask for a service while others close the mesh are left with one that is being watched."""
    with meshclient.Mesh(Registry()) as mesh:
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                mesh.service_of("http", "orders")

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            mesh.close()
        stop.set()
        for thread in threads:
            thread.join()
        by_host = mesh.service_of("http", "orders")
        assert by_host is mesh.service("orders")
        assert mesh.warm("orders")["orders"].state == "ready"


def test_configured_endpoints_win_over_the_resolver() -> None:
    registry = Registry()
    with meshclient.Mesh(registry, services={"orders": {"endpoints": ["10.0.0.9:9"]}}) as mesh:
        [endpoint] = mesh.warm("orders")["orders"].endpoints
        assert (endpoint.host, endpoint.port) == ("10.0.0.9", 9)
        assert registry.asked == []


def test_idle_means_nothing_to_resolve() -> None:
    assert meshclient.Mesh().idle
    assert not meshclient.Mesh("static://a:1").idle
    assert not meshclient.Mesh(services={"orders": {"endpoints": ["a:1"]}}).idle


def test_wrong_settings_and_unknown_plugins_are_said_at_once() -> None:
    with pytest.raises(meshclient.ConfigError, match="Did you mean 'deadline'"):
        meshclient.Mesh(defaults={"dedline": 1})
    with pytest.raises(meshclient.PluginError, match="acme"):
        meshclient.Mesh("acme://127.0.0.1:2379")
    with pytest.raises(meshclient.PluginError, match="nosuch"):
        meshclient.Mesh("static://a:1", defaults={"balancer": "nosuch"}).service("orders")


def test_what_the_configuration_ignored_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MESHCLIENT_DEFAULTS__DEDLINE", "1s")
    with caplog.at_level(logging.WARNING, "meshclient"):
        meshclient.Mesh()
    assert "MESHCLIENT_DEFAULTS__DEDLINE" in caplog.text


def test_from_config(tmp_path: Path) -> None:
    path = tmp_path / "meshclient.toml"
    path.write_text('resolver = "static://a:1"\n[services.orders]\ndeadline = "1s"\n')
    with meshclient.Mesh.from_config(path, sets=["services.orders.attempt_timeout=200ms"], domains=["example"]) as mesh:
        service = mesh.service_of("http", "orders.example")
        assert service is not None
        assert (service.own_settings.deadline, service.own_settings.attempt_timeout) == (1.0, 0.2)
        assert mesh.warm("orders")["orders"].endpoints[0].host == "a"


def test_observers_hear_of_lists() -> None:
    told: list[Event] = []
    with meshclient.Mesh(Registry(), observers=[told.append]) as mesh:
        mesh.warm("orders")
        mesh.close()
    assert [(type(event).__name__, getattr(event, "service", "")) for event in told] == [("SnapshotUpdated", "orders")]


@pytest.mark.parametrize("place", ["defaults", "orders"])
def test_what_cannot_be_used_is_told_when_the_mesh_is_made(tmp_path: Path, place: str) -> None:
    """And not to whoever makes the first call, perhaps on an event loop that would wait for the disk."""

    def make(**settings: object) -> meshclient.Mesh:
        if place == "defaults":
            return meshclient.Mesh("static://?orders=a:1", defaults=settings)
        return meshclient.Mesh(services={"orders": {"endpoints": ["a:1"], **settings}})

    secret = tmp_path / "secret"
    with pytest.raises(meshclient.ConfigError, match=f"secret of sessions in {secret} cannot be used: .*No such file"):
        make(session={"secret_file": str(secret)})
    secret.write_bytes(b"sixteen bytes ..")
    make(session={"secret_file": str(secret)})
    with pytest.raises(meshclient.errors.PluginNotFound, match="circuit store 'nosuch' is unknown"):
        make(circuit={"store": "nosuch://u:secret@h"})
