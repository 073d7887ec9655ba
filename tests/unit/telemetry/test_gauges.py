"""What is read when metrics are collected, with a clock that is turned by hand."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field, replace

import pytest

from collected import AGE, ENDPOINTS, HELD, Collected
from meshclient.discovery.confluence import Confluence
from meshclient.discovery.course import Course
from meshclient.discovery.hold import Hold
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot
from meshclient.telemetry import attributes, gauges
from meshclient.telemetry.gauges import age, endpoint_state, held_endpoints, include
from meshclient.telemetry.instruments import Instruments
from meshclient.testing import ManualClock

FLEET = tuple(Endpoint(f"10.0.0.{number}", 80) for number in range(1, 6))
READY = Ready(FLEET, source="fake://", at=100.0, version=1)


@dataclass
class Part:
    """An endpoint as a balancer sees it."""

    endpoint: Endpoint
    state: str
    warmth: float = 1.0


@dataclass
class Stub:
    """A service, its list and its balancer in one."""

    course: Confluence
    clock: ManualClock
    states: tuple[str, ...] = ()

    @property
    def watch(self) -> Stub:
        return self

    @property
    def balancer(self) -> Stub:
        return self

    def status(self, now: float) -> list[Part]:
        return [Part(FLEET[0], state) for state in self.states]


@dataclass(eq=False)
class Stubs:
    """What a mesh has in use."""

    services: dict[str, Stub] = field(default_factory=dict)


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Collected:
    monkeypatch.setattr(gauges, "_MESHES", type(gauges._MESHES)())
    found = Collected()
    Instruments(found.provider.get_meter("test"))
    return found


@pytest.mark.parametrize(
    ("snapshot", "seconds"),
    [
        (READY, 50.0),
        (Empty(at=149.0), 1.0),
        (Failed("gone", last=READY, at=140.0), 50.0),
        (Failed("gone", last=Empty(at=120.0), at=140.0), 30.0),
        # Nothing was ever confirmed: for how long that has been so.
        (Failed("gone", at=140.0), 10.0),
        (Pending(at=148.0), 2.0),
        (replace(READY, at=151.0), 0.0),
    ],
)
def test_the_age_is_that_of_the_last_confirmation(snapshot: Snapshot, seconds: float) -> None:
    assert age(snapshot, 150.0) == seconds


def whole(snapshot: Snapshot, hold: Hold | None = None) -> Confluence:
    """What is known by one registry."""
    return Confluence(snapshot, (Course(snapshot, hold=hold),))


def test_what_is_in_use_and_listed_no_more() -> None:
    hold = Hold(FLEET, Ready(FLEET[:1]), 60.0)
    assert held_endpoints(whole(READY)) == 0
    assert held_endpoints(whole(READY, hold)) == 4
    assert held_endpoints(whole(Failed("gone", last=READY), hold)) == 4
    assert held_endpoints(whole(Failed("gone"))) == 0
    assert held_endpoints(whole(Empty(last=READY))) == 5
    assert held_endpoints(whole(Failed("gone", last=Empty(last=READY)))) == 5
    # The hold of an empty answer does not count twice.
    assert held_endpoints(whole(Empty(last=READY), replace(hold, said=Empty()))) == 5
    # Of two registries, what one has dropped while calls go by the other is not in use.
    assert held_endpoints(Confluence(Ready(FLEET[:2]), (Course(Ready(FLEET[:2])), Course(READY, hold=hold)))) == 1


@pytest.mark.parametrize(
    ("state", "health", "said"),
    [
        ("in_rotation", Health.PASSING, "available"),
        ("avoided", Health.PASSING, "available"),
        ("standby", Health.PASSING, "available"),
        ("ejected", Health.PASSING, "ejected"),
        ("probing", Health.PASSING, "ejected"),
        ("excluded", Health.CRITICAL, "excluded"),
        ("excluded", Health.DRAINING, "draining"),
    ],
)
def test_the_state_of_an_endpoint(state: str, health: Health, said: str) -> None:
    assert endpoint_state(Part(replace(FLEET[0], health=health), state)) == said


@pytest.mark.parametrize(
    ("state", "said"), [("in_rotation", "warming"), ("avoided", "warming"), ("ejected", "ejected")]
)
def test_one_that_is_new_is_warming(state: str, said: str) -> None:
    assert endpoint_state(Part(FLEET[0], state, 0.5)) == said


def test_an_age_is_read_when_it_is_collected(collected: Collected) -> None:
    clock = ManualClock(100.0)
    mesh = Stubs({"orders": Stub(whole(READY), clock)})
    include(mesh)
    assert collected.points(AGE, "orders") == [
        ({"meshclient.resolver": "fake://", "meshclient.snapshot.state": "ready"}, 0.0)
    ]
    clock.advance(5.0)
    assert collected.ages("orders") == {"ready": 5.0}
    mesh.services["orders"].course = whole(Failed("gone", source="fake://", last=READY, at=104.0))
    clock.advance(5.0)
    assert collected.ages("orders") == {"failed": 10.0}
    mesh.services["orders"].course = whole(replace(READY, at=110.0))
    assert collected.ages("orders") == {"ready": 0.0}


def test_of_several_registries_each_has_its_state(collected: Collected) -> None:
    """One that fails shows, though calls go by the other and the list as a whole is well."""
    lost = Course(Failed("gone", source="consul://", last=READY, at=130.0))
    mesh = Stubs({"orders": Stub(Confluence(READY, (lost, Course(replace(READY, at=140.0)))), ManualClock(150.0))})
    include(mesh)
    assert sorted(collected.points(AGE, "orders"), key=lambda point: point[1]) == [
        ({"meshclient.resolver": "fake://", "meshclient.snapshot.state": "ready"}, 10.0),
        ({"meshclient.resolver": "consul://", "meshclient.snapshot.state": "failed"}, 50.0),
    ]


def test_no_state_of_endpoints_is_missing_for_being_zero(collected: Collected) -> None:
    mesh = Stubs({"orders": Stub(whole(READY), ManualClock(), ("in_rotation", "avoided", "ejected"))})
    include(mesh)
    by_state = collected.by(attributes.ENDPOINT_STATE, ENDPOINTS, "orders")
    assert by_state == {"available": 2, "ejected": 1, "draining": 0, "warming": 0, "excluded": 0}


def test_two_meshes_with_one_service_are_one_series(collected: Collected) -> None:
    clock = ManualClock(150.0)
    hold = Hold(FLEET, Ready(FLEET[:1]), 60.0)
    older = Stubs({"orders": Stub(whole(READY), clock, ("in_rotation",))})
    younger = Stubs({"orders": Stub(whole(replace(READY, at=140.0), hold), clock, ("in_rotation", "ejected"))})
    include(older)
    include(younger)
    assert collected.ages("orders") == {"ready": 50.0}
    assert collected.by(attributes.ENDPOINT_STATE, ENDPOINTS, "orders")["available"] == 2
    assert collected.total(HELD, "orders") == 4


def test_what_is_gone_is_not_told_of(collected: Collected) -> None:
    closed, dropped = (Stubs({name: Stub(whole(READY), ManualClock())}) for name in ("closed", "dropped"))
    for mesh in (closed, dropped):
        include(mesh)
    assert collected.ages("closed")
    assert collected.ages("dropped")
    closed.services.clear()
    del dropped, mesh
    gc.collect()
    for metric in (AGE, HELD, ENDPOINTS):
        assert collected.points(metric, "closed") == []
        assert collected.points(metric, "dropped") == []
