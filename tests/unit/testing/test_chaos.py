"""Faults on purpose: the same each time, marked, gone when the block ends; by configuration only if asked twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.config.faults_schema import FAULTS
from meshclient.core.chaos import PROFILES
from meshclient.core.injection import ANY_ZONE, FaultRule, Injection
from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import AttemptFinished
from meshclient.testing import FakeEndpoint, FakeMesh, ManualClock, MeshEvents, MisbehavingServer, chaos, disable_waits
from telemetered import of, traced
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshclient.model.report import CallReport

URL = "http://orders/"


@pytest.fixture
def mesh() -> Iterator[FakeMesh]:
    instances = [FakeEndpoint(json=number) for number in range(3)]
    with FakeMesh({"orders": instances}, seed=5, clock=ManualClock(time.monotonic())) as mesh:
        yield mesh


def reports(mesh: FakeMesh, count: int = 60) -> list[CallReport]:
    with mesh.client() as http:
        return [http.get(URL).extensions["mesh"] for _ in range(count)]


def test_the_same_seed_draws_the_same_faults() -> None:
    def drawn(seed: int) -> list[tuple[str, ...]]:
        with (
            FakeMesh({"orders": [FakeEndpoint()] * 3}, seed=5) as mesh,
            chaos(mesh, "orders", error_rate=0.3, seed=seed),
        ):
            return [report.injected for report in reports(mesh)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert any(drawn(1))


def test_every_fault_is_marked_and_nothing_else(mesh: FakeMesh, face: Face) -> None:
    events = MeshEvents()
    with FakeMesh({"orders": [FakeEndpoint()] * 3}, observers=[events], seed=1) as marked:
        client: Any = marked.async_client() if face.is_async else marked.client()
        with chaos(marked, "orders", profile="flaky", error_rate=0.3, status=502):
            seen = [face.run(client.get(URL)).extensions["mesh"] for _ in range(60)]
        face.close(client)
    for attempt in (attempt for report in seen for attempt in report.attempts):
        assert bool(attempt.outcome.injected) == (attempt.outcome.kind != "ok")
    told = {fault for report in seen for fault in report.injected}
    asked = "(a fault that chaos 'flaky' asks for)"
    assert f"ended by disconnected {asked}" in told
    assert {f"answered {status} {asked}" for status in (502, 503)} <= told
    finished = [event for event in events if isinstance(event, AttemptFinished)]
    assert sum(bool(event.outcome.injected) for event in finished) == sum(len(report.injected) for report in seen)
    assert any(attempt["detail"] == f"answered 502 {asked}" for r in seen for attempt in r.as_dict()["attempts"])


def test_calls_that_take_the_short_road_meet_it_and_then_take_it_again(face: Face) -> None:
    with MisbehavingServer() as server:
        http = face.orders(server.url, service={"retry": False})
        statuses = [face.run(http.get(URL)).status_code]
        with chaos(http.mesh, "orders", error_rate=1.0, status=502):
            statuses.append(face.run(http.get(URL)).status_code)
        statuses.append(face.run(http.get(URL)).status_code)
    assert statuses == [200, 502, 200]
    assert server.requests == 2


def test_faults_are_on_the_way_that_attempts_go_anyhow(face: Face, tmp_path: Path) -> None:
    """Our own engine alone reaches Unix sockets; and an instance is meant however its name is written."""
    for url in (f"unix:{tmp_path}/none.sock", "http://LocalHost:1"):
        http = face.orders(url, service={"retry": False})
        with (
            chaos(http.mesh, "orders", latency=0.001, instances=0.5),
            pytest.raises(httpx.ConnectError) as caught,
        ):
            face.run(http.get(URL))
        assert caught.value.mesh.injected == (  # type: ignore[attr-defined]
            "delayed by 0.001s (a fault that chaos asks for)",
        )


def test_variants_meet_it_too(face: Face) -> None:
    instances = [FakeEndpoint(), FakeEndpoint()]
    split = {"orders": {"traffic": {"split": {"v1": 1, "v2": 1}, "variants": {"v1": {"tags": ["v1"]}}}, "retry": False}}
    with FakeMesh({"orders": instances}, settings=split, seed=1) as mesh:
        listed = mesh.endpoints["orders"]
        mesh.registry.set("orders", [replace(e, tags=(f"v{n}",)) for n, e in enumerate(listed, 1)])
        http: Any = mesh.async_client() if face.is_async else mesh.client()
        assert {face.run(http.get(URL)).status_code for _ in range(20)} == {200}
        with chaos(mesh, "orders", error_rate=1.0, status=502):
            assert {face.run(http.get(URL)).status_code for _ in range(20)} == {502}
        assert {face.run(http.get(URL)).status_code for _ in range(20)} == {200}
        face.close(http)


def test_a_delay_is_marked_though_the_call_succeeds(mesh: FakeMesh) -> None:
    with chaos(mesh, "orders", latency=0.5):
        (report,) = reports(mesh, 1)
    assert report.injected == ("delayed by 0.5s (a fault that chaos asks for)",)
    assert report.attempts[0].outcome.kind == "ok"
    assert report.attempts[0].duration == pytest.approx(0.5, abs=0.2)
    assert reports(mesh, 1)[0].injected == ()


def test_a_third_is_slow(mesh: FakeMesh) -> None:
    with chaos(mesh, "orders", profile="slow-third"):
        slow = {attempt.endpoint for report in reports(mesh) for attempt in report.attempts if attempt.outcome.injected}
    assert len(slow) == 1


def test_a_zone_is_lost_and_calls_go_on() -> None:
    with FakeMesh({"orders": [FakeEndpoint(json=number) for number in range(4)]}, seed=3) as mesh:
        zones = {e.host: zone for e, zone in zip(mesh.endpoints["orders"], "aabb", strict=True)}
        mesh.registry.set("orders", [Endpoint(host, 80, zone=zone) for host, zone in zones.items()])
        with chaos(mesh, "orders", profile="az-loss"), disable_waits(), mesh.client() as http:
            seen = [http.get(URL).extensions["mesh"] for _ in range(20)]
    lost = {attempt.endpoint.zone for report in seen for attempt in report.attempts if attempt.outcome.injected}
    assert len(lost) == 1
    assert {report.endpoint.zone for report in seen if report.endpoint} == set("ab") - lost


def test_the_registry_is_lost_and_comes_back(mesh: FakeMesh) -> None:
    reports(mesh, 1)
    with chaos(mesh, "orders", profile="registry-loss"):
        (report,) = reports(mesh, 1)
        assert report.snapshot is not None
        assert (report.snapshot.state, report.snapshot.cause) == ("failed", "chaos 'registry-loss' asks for it")
    after = reports(mesh, 1)[0].snapshot
    assert after is not None
    assert after.state == "ready"


def test_an_error_says_who_asked(mesh: FakeMesh) -> None:
    with (
        chaos(mesh, "orders", error_rate=1.0, error="connect_error"),
        mesh.client() as http,
        pytest.raises(httpx.ConnectError, match="a fault that chaos asks for") as caught,
    ):
        http.get(URL)
    assert len(caught.value.mesh.injected) == 3  # type: ignore[attr-defined]


def test_blocks_within_blocks(mesh: FakeMesh) -> None:
    with chaos(mesh, "orders", error_rate=1.0, status=500):
        with chaos(mesh, "orders", error_rate=1.0, status=501):
            assert "501" in reports(mesh, 1)[0].injected[0]
        assert "500" in reports(mesh, 1)[0].injected[0]
    assert mesh.service("orders").injection is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"profile": "flakey"}, "no chaos is called 'flakey': write one of slow-third, flaky"),
        ({}, "does nothing"),
        ({"error_rate": 0.1, "error": "boom"}, "ends attempts in 'boom': write one of connect_error, connect_timeout"),
        ({"error_rate": 0.1, "error": "ok"}, "ends attempts in 'ok'"),
        ({"error_rate": 50}, "error_rate=50 makes no chaos: write a share, 0 to 1"),
        ({"latency": -1.0}, "latency=-1.0 makes no chaos: write seconds"),
        ({"latency": 1.0, "instances": 30}, "instances=30"),
    ],
)
def test_what_is_wrong_is_told(mesh: FakeMesh, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words), chaos(mesh, "orders", **arguments):
        pass


def test_somebody_has_to_be_meant(mesh: FakeMesh) -> None:
    with pytest.raises(ValueError, match="Name the services"), chaos(mesh, profile="flaky"):
        pass
    with (
        meshclient.Mesh(services={"orders": {"endpoints": ["10.0.0.1:80"]}}) as other,
        pytest.raises(ValueError, match="is for a FakeMesh"),
        chaos(other, "orders", profile="registry-loss"),
    ):
        pass


def test_by_configuration_it_is_asked_for_twice(caplog: pytest.LogCaptureFixture) -> None:
    def configured(**fault: object) -> FakeMesh:
        return FakeMesh({"orders": [FakeEndpoint()] * 3}, settings={"orders": {"faults": [fault]}}, seed=1)

    with pytest.raises(ConfigError, match="is the chaos profile 'flaky': where that is meant, add in_staging = true"):
        configured(profile="flaky")
    with pytest.raises(ConfigError, match="write one of slow-third, flaky, black-hole, az-loss"):
        configured(profile="flakey", in_staging=True)
    with configured(profile="flaky", in_staging=True, seed=3) as mesh:
        assert mesh.service("orders").config.faults == tuple(
            FaultRule(rule.share, rule.delay, rule.error, rule.status, seed=3) for rule in PROFILES["flaky"]
        )
        told = {fault for report in reports(mesh, 100) for fault in report.injected}
        assert "answered 503 (a fault that the configuration asks for)" in told
    assert "FAULT INJECTION IS ON for service orders" in caplog.text


def test_what_is_written_back_is_read_again() -> None:
    rules = (FaultRule(0.5, status=503, instances=0.3, zone="*", seed=7), *PROFILES["flaky"], *PROFILES["slow-third"])
    assert FAULTS.read(FAULTS.write(rules)) == rules
    for wrong in ({"seed": 1.5}, {"zone": 3}, {"instances": "200%"}):
        with pytest.raises(ConfigError):
            FAULTS.read([{"share": 1, "status": 503, **wrong}])


def test_each_instance_is_drawn_as_often_as_any_other() -> None:
    listed = [Endpoint(f"10.0.0.{number}", 80) for number in range(3)]
    drawn = Counter(
        each.host
        for seed in range(1500)
        for each in listed
        if FaultRule(1.0, status=503, instances=0.01, seed=seed).meets((each.host, each.port), lambda: listed)
    )
    # Within five standard deviations of 500.
    assert all(abs(count - 500) < 92 for count in drawn.values())
    assert drawn.total() == 1500


def test_flaky_is_as_flaky_as_it_says() -> None:
    attempts = 20_000
    injection = Injection("orders", PROFILES["flaky"], chance=random.Random(1).random)
    faults = [injection.fault(lambda _: None, random.random) for _ in range(attempts)]
    ended = Counter(str(fault) for fault in faults if fault is not None)
    assert ended["ended by disconnected"] / attempts == pytest.approx(0.05, abs=0.008)
    assert ended["answered 503"] / attempts == pytest.approx(0.05 * 0.95, abs=0.008)
    assert len(ended) == 2


def test_a_span_says_so(monkeypatch: pytest.MonkeyPatch, face: Face) -> None:
    settings = {"orders": {"retry": False, "faults": [{"share": 1, "delay": "1ms"}]}}
    with traced(monkeypatch) as spans, FakeMesh({"orders": FakeEndpoint()}, settings=settings) as mesh:
        client: Any = mesh.async_client() if face.is_async else mesh.client()
        face.run(client.get(URL))
        with chaos(mesh, "orders", error_rate=1.0):
            face.run(client.get(URL))
        mesh.service("orders").inject(None)
        face.run(client.get(URL))
        face.close(client)
        told = [of(span).get("meshclient.attempt.injected") for span in spans.ended()]
    assert told == [
        "delayed by 0.001s (a fault that the configuration asks for)",
        "answered 503 (a fault that chaos asks for)",
        None,
    ]


def test_instances_are_drawn_by_their_addresses_and_the_seed() -> None:
    endpoints = [Endpoint(f"10.0.0.{number}", 80, zone="ab"[number % 2]) for number in range(10)]

    def met(rule: FaultRule, listed: list[Endpoint]) -> set[str]:
        injection = Injection("orders", (rule,))
        return {
            each.host
            for each in listed
            if injection.fault(lambda _: None, lambda: 0.0, (each.host, each.port), lambda: listed)
        }

    some = met(FaultRule(1.0, status=503, instances=0.3, seed=1), endpoints)
    assert len(some) == 3
    assert met(FaultRule(1.0, status=503, instances=0.3, seed=1), endpoints[::-1]) == some
    assert met(FaultRule(1.0, status=503, instances=0.3, seed=2), endpoints) != some
    assert len(met(FaultRule(1.0, status=503, instances=0.001), endpoints)) == 1
    assert met(FaultRule(1.0, status=503, zone="a"), endpoints) == {each.host for each in endpoints if each.zone == "a"}
    assert len(met(FaultRule(1.0, status=503, zone=ANY_ZONE), endpoints)) == 5
    assert met(FaultRule(1.0, status=503, zone="c"), endpoints) == set()
    many = [Endpoint(f"10.0.0.{number}", 80) for number in range(100)]
    assert len(met(FaultRule(1.0, status=503, instances=0.07), many)) == 7
    assert str(FaultRule(1.0, status=503, instances=0.5, zone="a")) == (
        "100.000% of the attempts at 50.000% of the instances in zone a answered 503"
    )
