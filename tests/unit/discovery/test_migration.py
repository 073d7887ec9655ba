"""``migrate(a, b)`` as it runs: a serves, b is compared, and b does no harm."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from meshclient import ConfigError, Mesh
from meshclient.discovery.migration import Migrating
from meshclient.discovery.schemes import open_resolver
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import MigrationAgrees, MigrationDiffers
from meshclient.testing import FakeResolver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from meshclient.model.events import Event
    from meshclient.model.service import ServiceName

BOUND = 60.0
A, B, C = (Endpoint(f"10.0.0.{number}", 80, id=f"i{number}") for number in (1, 2, 3))


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def migrating(a: Any, b: Any, told: list[Event]) -> Migrating:
    return Migrating(a, b, tell=told.append, settle=0.0, interval=0.0)


def test_differences_and_agreement_are_told_and_a_serves(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []
    a, b = FakeResolver({"orders": [A, B]}, source="a://"), FakeResolver({"orders": [B, C]}, source="b://")
    with Mesh(migrating(a, b, told)) as mesh:
        snapshot = mesh.warm("orders")["orders"]
        assert snapshot.endpoints == (A, B)
        assert mesh.service("orders").snapshot.source == "a://"
        until(lambda: len(told) == 1)
        assert told[0] == MigrationDiffers("orders", (A,), (C,))
        b.set("orders", [A, B])
        until(lambda: len(told) == 2)
        assert told[1] == MigrationAgrees("orders", 2)
        a.set("orders", [A])
        assert mesh.service("orders").snapshot.endpoints == (A,)
        until(lambda: len(told) == 3)
        assert told[2] == MigrationDiffers("orders", (), (B,))
        b.empty("orders")
        until(lambda: len(told) == 4)
        assert told[3] == MigrationDiffers("orders", (A,), ())
        assert mesh.service("orders").snapshot.endpoints == (A,)
    lines = [record.getMessage() for record in caplog.records if record.name == "meshclient.discovery"]
    assert "orders: 1 endpoints are only in a:// (10.0.0.1:80), 1 only in b:// (10.0.0.3:80)" in lines
    assert "orders: migrate(a://, b://) agrees on all 2 endpoints" in lines


class Harmful:
    """A registry that does what no registry should."""

    source = "harmful://"

    def __init__(self, deed: str) -> None:
        self.deed = deed
        self.begun = 0

    async def watch(self, name: ServiceName) -> AsyncIterator[Any]:
        self.begun += 1
        if self.deed == "raises":
            raise ZeroDivisionError("in b")
        if self.deed == "cancels":
            raise asyncio.CancelledError
        if self.deed == "garbage":
            yield "endpoints: 10.0.0.9"
        if self.deed == "garbage within":
            from meshclient.model.snapshot import Ready

            yield Ready(("10.0.0.9:80",), source="harmful://")  # type: ignore[arg-type]
        if self.deed == "ends":
            return
        await asyncio.Event().wait()


@pytest.mark.parametrize("deed", ["raises", "cancels", "garbage", "garbage within", "ends", "hangs"])
def test_nothing_that_b_does_reaches_a_caller(deed: str, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []
    a, b = FakeResolver({"orders": [A]}, source="a://"), Harmful(deed)
    with Mesh(migrating(a, b, told), observers=[told.append]) as mesh:
        snapshot = mesh.warm("orders")["orders"]
        assert (snapshot.state, snapshot.endpoints) == ("ready", (A,))
        until(lambda: b.begun > 0)
        if deed != "hangs":
            until(lambda: "cannot be compared" in caplog.text)
        for fleet in ([A, B], [B], [A, B, C]):
            a.set("orders", fleet)
            assert list(mesh.service("orders").snapshot.endpoints) == fleet
    assert {type(event).__name__ for event in told} == {"SnapshotUpdated"}


def test_an_outage_of_a_is_a_callers_as_ever_and_no_difference() -> None:
    told: list[Event] = []
    a, b = FakeResolver({"orders": [A]}, source="a://"), FakeResolver({"orders": [A]}, source="b://")
    with Mesh(migrating(a, b, told)) as mesh:
        mesh.warm("orders")
        until(lambda: len(told) == 1)
        a.fail("orders", "down")
        snapshot = mesh.service("orders").snapshot
        assert (snapshot.state, snapshot.endpoints) == ("failed", (A,))
        b.set("orders", [B])
        b.set("orders", [A])
        a.set("orders", [A])
        assert mesh.service("orders").snapshot.state == "ready"
    assert told == [MigrationAgrees("orders", 1)]


def test_the_end_of_a_watch_ends_both() -> None:
    a, b = FakeResolver({"orders": [A]}), FakeResolver({"orders": [A]})
    with Mesh(Migrating(a, b)) as mesh:
        mesh.warm("orders")
        until(lambda: bool(b._watches))
    assert not any(a._watches.values())
    assert not any(b._watches.values())


def test_it_is_written_in_the_text_of_a_resolver(tmp_path: Path) -> None:
    told: list[Event] = []
    path = tmp_path / "mesh.toml"
    path.write_text('[services.orders]\nendpoints = ["http://10.0.0.1:80"]\n')
    text = f"migrate( static://10.0.0.9:80?orders=10.0.0.1:80,10.0.0.2:80 | dns:// ,\n  file://{path} + env:// )"
    resolver = open_resolver(text, tell=told.append)
    assert isinstance(resolver, Migrating)
    assert (
        resolver.source
        == f"migrate(static://10.0.0.9:80?orders=10.0.0.1:80,10.0.0.2:80 | dns://, file://{path} + env://)"
    )
    resolver._settle = 0.0
    with Mesh(resolver) as mesh:
        assert len(mesh.warm("orders")["orders"].endpoints) == 2
        until(lambda: bool(told))
    (report,) = told
    assert isinstance(report, MigrationDiffers)
    assert [str(endpoint) for endpoint in report.only_in_a] == ["http://10.0.0.2:80"]
    assert report.only_in_b == ()


def test_observers_of_a_mesh_hear_of_it() -> None:
    told: list[Event] = []
    with Mesh("migrate(static://10.0.0.1:80, static://10.0.0.1:80)", observers=[told.append]) as mesh:
        resolver = mesh._resolver
        assert isinstance(resolver, Migrating)
        resolver._settle = 0.0
        mesh.warm("orders")
        until(lambda: MigrationAgrees("orders", 1) in told)


def test_a_mistake_in_the_text_is_told_with_an_example() -> None:
    with pytest.raises(ConfigError, match=r"migrate\(a, b\) takes two resolvers and not 1: write migrate\("):
        Mesh("migrate(static://a:1)")
