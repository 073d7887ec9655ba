"""Looking at a mesh: what is told of it, under a clock of its own, and for how long answers are remembered for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import meshclient
from meshclient.model.outcome import Kind, Outcome
from meshclient.sidecar.admin import balance_sheet
from meshclient.sidecar.admin.answers import Remembering
from meshclient.sidecar.admin.sight import LOOKS, Sight

if TYPE_CHECKING:
    from collections.abc import Iterator


class Look:
    """A sight of a service with two endpoints, at a time of our own."""

    def __init__(self, mesh: meshclient.Mesh) -> None:
        self.now = 1000.0
        self.service = mesh.service("orders")
        self.sight = Sight(lambda: mesh, lambda: self.now)

    def calls(self, times: int) -> None:
        for _ in range(times):
            now = self.service.clock()
            pick = self.service.balancer.pick(now)
            assert pick is not None
            pick.answer(0.25)
            pick.done(Outcome(Kind.OK, 200), now)

    def remembers(self) -> bool:
        return all(isinstance(node.ewma, Remembering) for node in self.service.balancer._nodes.values())


@pytest.fixture
def look() -> Iterator[Look]:
    with meshclient.Mesh(services={"orders": {"endpoints": ["http://10.0.0.2:80", "http://10.0.0.1:80"]}}) as mesh:
        mesh.warm("orders")
        yield Look(mesh)


def test_answers_are_remembered_while_somebody_looks_and_a_minute_longer(look: Look) -> None:
    look.sight.glance()
    assert not look.remembers()
    look.sight.services()
    assert look.remembers()
    look.now += LOOKS - 1
    look.sight.glance()
    assert look.remembers()
    look.now += 2
    look.sight.glance()
    assert not look.remembers()


def test_nothing_is_known_before_it_was_looked_at_twice(look: Look) -> None:
    look.calls(4)
    rows = look.sight.endpoints()
    assert [row["url"] for row in rows] == ["http://10.0.0.1:80", "http://10.0.0.2:80"]
    for row in rows:
        assert [row[name] for name in ("share", "rps", "p50_seconds", "p99_seconds")] == [None] * 4
    assert look.sight.services()[0]["rps"] is None


def test_shares_and_rates_are_those_since_the_look_before(look: Look) -> None:
    look.calls(7)
    look.sight.glance()
    look.sight.services()
    look.calls(20)
    look.now += 4
    rows = look.sight.endpoints("orders")
    assert sum(float(str(row["rps"])) for row in rows) == pytest.approx(5)
    assert sum(float(str(row["share"])) for row in rows) == pytest.approx(1)
    assert {row["p50_seconds"] for row in rows} | {row["p99_seconds"] for row in rows} == {0.25}
    [service] = look.sight.services()
    assert (service["p50_seconds"], service["p99_seconds"]) == (0.25, 0.25)
    assert sum(int(str(row["attempts"])) for row in rows) == 27
    assert look.sight.endpoints("another") == []


def test_of_many_endpoints_those_are_shown_that_are_of_interest() -> None:
    rows = [f"http://10.0.0.{at}:80" for at in range(1, 10)]
    with meshclient.Mesh(services={"orders": {"endpoints": rows}}) as mesh:
        mesh.warm("orders")
        look = Look(mesh)
        look.sight.services()
        look.calls(3)
        last = look.service.snapshot.endpoints[-1]
        assert balance_sheet.eject(look.service.balancer, last.key, 60.0, look.service.clock())
        look.now += 1
        called = {row["url"] for row in look.sight.endpoints() if row["rps"]}
        [(service, found)] = look.sight.everything(4)
        assert (service["endpoints"], len(found)) == (9, 4)
        assert called | {last.url} <= {row["url"] for row in found}
        assert [row["url"] for row in found] == sorted(str(row["url"]) for row in found)
        assert len(look.sight.everything(9)[0][1]) == 9
