"""Active health checks of real instances: who fails them is not called, and who passes again is."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import meshclient
from meshclient.config.policy_shape import HealthConfig
from meshclient.discovery.runtime.loop import background
from meshclient.mesh.checking import Checking
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import Event, HealthChanged, PanicChanged
from meshclient.testing import FakeResolver
from servers.scenario_backend import ScenarioBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers.backend import Backends

BOUND = 60.0
OFTEN = {"interval": 0.2, "timeout": 0.2, "unhealthy": 2}


class Told:
    """The changes of health that a mesh told of, as (port, passing)."""

    def __init__(self) -> None:
        self.changes: list[HealthChanged] = []
        self.others: list[Event] = []
        self._more = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._more:
            if isinstance(event, HealthChanged):
                self.changes.append(event)
            else:
                self.others.append(event)
            self._more.notify_all()

    def wait(self, port: int, passing: bool) -> HealthChanged:
        def last() -> HealthChanged | None:
            return next((each for each in reversed(self.changes) if each.endpoint.port == port), None)

        with self._more:
            assert self._more.wait_for(lambda: (found := last()) and found.passing is passing, BOUND), self.changes
            found = last()
            assert found is not None
            return found


@contextmanager
def checked(told: Told, resolver: object = None, /, **settings: Any) -> Iterator[meshclient.Client]:
    health = settings.pop("health", OFTEN)
    services = {"orders": {"health": health, **settings}}
    with meshclient.Client(resolver, services=services, observers=[told]) as http:  # type: ignore[arg-type]
        yield http


def called(http: meshclient.Client, count: int = 60) -> Counter[int]:
    """Where so many calls went."""
    responses = [http.get("http://orders/") for _ in range(count)]
    return Counter(each.endpoint.port for response in responses for each in response.extensions["mesh"].attempts)


def eventually(what: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(name="quiet")
def quiet_fixture() -> Callable[[], bool]:
    """Whether nothing goes on in the background but what did before: an earlier test may have dropped a mesh."""
    before = frozenset(background()._jobs)
    return lambda: background()._jobs <= before


def test_an_endpoint_that_fails_its_checks_is_not_called_until_it_passes_again() -> None:
    told = Told()
    with ScenarioBackend("i1", "i2", "i3") as backend, checked(told, endpoints=backend.urls) as http:
        bad = backend.ports["i1"]
        http.get("http://orders/")
        backend.behave("i1", well=False)
        event = told.wait(bad, passing=False)
        assert (event.service, event.checks) == ("orders", 2)
        assert event.detail == f"GET {backend.url('i1')}/healthz answered 503"
        assert called(http).keys() == {backend.ports["i2"], backend.ports["i3"]}
        backend.behave("i1")
        assert told.wait(bad, passing=True).detail == ""
        assert bad in called(http)


def test_when_all_fail_all_are_called() -> None:
    told = Told()
    with ScenarioBackend("i1", "i2", "i3") as backend, checked(told, endpoints=backend.urls) as http:
        http.get("http://orders/")
        backend.behave(*backend.ports, well=False)
        for port in backend.ports.values():
            told.wait(port, passing=False)
        assert called(http).keys() == set(backend.ports.values())
        assert any(isinstance(event, PanicChanged) and event.active for event in told.others)


def test_a_connection_may_be_enough() -> None:
    told = Told()
    with ScenarioBackend("i1", "i2") as backend:
        backend.behave("i1", well=False)
        with checked(told, endpoints=backend.urls, health={**OFTEN, "tcp": True}) as http:
            http.get("http://orders/")
            backend.stop("i2")
            assert "connecting to" in told.wait(backend.ports["i2"], passing=False).detail
            assert called(http).keys() == {backend.ports["i1"]}
            assert backend.stats()["checks"] == {"i1": 0, "i2": 0}
        assert [event.endpoint.port for event in told.changes] == [backend.ports["i2"]]


def test_checks_that_hang_hold_up_no_other(backends: Backends) -> None:
    hanging, good = backends(2)
    hanging.control(hang=True)
    endpoints = [Endpoint("127.0.0.1", hanging.port, id=f"h{number}") for number in range(30)]
    resolver = FakeResolver({"orders": [*endpoints, Endpoint("127.0.0.1", good.port)]})
    told = Told()
    with checked(told, resolver, health={"interval": 1.0, "timeout": 1.0, "unhealthy": 1}) as http:
        http.mesh.warm("orders")
        # One after the other they would take half a minute for each round.
        eventually(lambda: good.stats()["paths"].get("/healthz", 0) >= 4)
        told.wait(hanging.port, passing=False)
        assert all(event.endpoint.port == hanging.port for event in told.changes)


def test_a_check_that_waited_for_this_process_says_nothing(backends: Backends) -> None:
    (hanging,) = backends(1)
    hanging.control(hang=True)
    known: list[bool] = []
    events: list[Event] = []

    def fast() -> float:
        return time.monotonic() * 3

    def note(key: object, now: float, *, passing: bool) -> None:
        known.append(passing)

    # By its clock every check ends long after its time is up, as behind a loop that stood still.
    config = HealthConfig(interval=0.3, timeout=0.1, unhealthy=1)
    checking = Checking("orders", config, checked=note, clock=fast, uniform=lambda: 0.0)
    with meshclient.Mesh(services={"orders": {"endpoints": [hanging.url]}}) as mesh:
        checking.follow([Endpoint("127.0.0.1", hanging.port)])
        checking.begin(mesh.service("orders").watch, events.append)
        eventually(lambda: len(known) >= 5)
    assert all(known)
    assert not events


def test_the_checks_follow_the_list() -> None:
    told = Told()
    with ScenarioBackend("old", "stays", "new") as backend:
        backend.behave("old", "new", well=False)
        registry = FakeResolver({"orders": [backend.url("old"), backend.url("stays")]})
        with checked(told, registry) as http:
            http.get("http://orders/")
            told.wait(backend.ports["old"], passing=False)
            registry.set("orders", [backend.url("stays"), backend.url("new")])
            told.wait(backend.ports["new"], passing=False)
            asked = backend.stats()["checks"]
            eventually(lambda: backend.stats()["checks"]["new"] >= asked["new"] + 3)
            # One may have been under way.
            assert backend.stats()["checks"]["old"] <= asked["old"] + 1
            assert called(http).keys() == {backend.ports["stays"]}
            # Who comes back is as good as new.
            backend.behave("old")
            registry.set("orders", [backend.url("stays"), backend.url("old")])
            assert backend.ports["old"] in called(http)


def test_they_end_with_the_mesh_and_with_the_use_of_the_name(quiet: Callable[[], bool]) -> None:
    with ScenarioBackend("i1") as backend:
        with checked(Told(), endpoints=backend.urls) as http:
            http.get("http://orders/")
            eventually(lambda: backend.stats()["checks"]["i1"] >= 2)
            assert not quiet()
        eventually(quiet)
        with meshclient.Client(
            FakeResolver({"orders": backend.urls}), defaults={"health": OFTEN}, discovery={"idle": 0.3}
        ) as released:
            asked = backend.stats()["checks"]["i1"]
            released.get("http://orders/")
            eventually(lambda: backend.stats()["checks"]["i1"] > asked)
            eventually(quiet)


def test_none_are_made_where_nothing_runs_between_calls(
    caplog: pytest.LogCaptureFixture, quiet: Callable[[], bool]
) -> None:
    with ScenarioBackend("i1") as backend:
        services = {"orders": {"endpoints": backend.urls, "health": OFTEN}}
        with meshclient.Client(services=services, mode="on-demand") as http:
            assert http.get("http://orders/").status_code == 200
            assert quiet()
        assert caplog.messages == ["orders: its endpoints are not checked, since nothing runs between calls"]
