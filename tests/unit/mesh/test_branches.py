"""The variants of a service as they run: which endpoints each has, and where calls go."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from meshclient.core.shadow import Shadow
from meshclient.core.traffic.head import Head
from meshclient.core.traffic.plan import Choice
from meshclient.mesh.branches import Branches, Course
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import ShadowDecision
from meshclient.model.outcome import Kind, Outcome
from meshclient.model.report import AttemptReport, CallReport
from meshclient.testing import FakeResolver
from unit.mesh.parts import Parts, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.model.events import CanaryTripped, Event

OLD = [Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 80)]
V2 = Endpoint("10.0.1.1", 80, tags=("v2",))
V3 = Endpoint("10.0.2.1", 80, metadata={"version": "3"})
OTHER = Endpoint("10.9.9.9", 80)
VARIANTS = {"v2": {"tags": ["v2"]}, "v3": {"metadata": {"version": "3"}}, "other": {"service": "other"}}
ANY = Head("GET", "/", httpx.Headers().get)


@pytest.fixture
def registry() -> FakeResolver:
    return FakeResolver({"orders": [*OLD, V2, V3], "other": [OTHER]})


@pytest.fixture
def mesh(registry: FakeResolver) -> Iterator[meshclient.Mesh]:
    with meshclient.Mesh(registry, discovery={"hold": False}) as made:
        made.warm("orders", "other")
        yield made


def hosts(branches: Branches, parts: Parts, name: str) -> list[str]:
    return [endpoint.host for endpoint in branches.target(parts, name).snapshot.endpoints]


def report(kind: Kind, *later: Kind) -> CallReport:
    endings = [AttemptReport(V2, Outcome(each), 0.0, 0.1) for each in (kind, *later)]
    return CallReport("orders", tuple(endings))


def test_each_variant_has_its_endpoints_and_the_rest_what_is_left(mesh: meshclient.Mesh) -> None:
    parts = Parts(mesh)
    config = policy(split={"v1": 1, "v2": 1, "v3": 1, "other": 1}, variants=VARIANTS)
    branches = Branches(mesh.service("orders"), config)
    assert hosts(branches, parts, "v1") == ["10.0.0.1", "10.0.0.2"]
    assert hosts(branches, parts, "v2") == ["10.0.1.1"]
    assert hosts(branches, parts, "v3") == ["10.0.2.1"]
    assert branches.target(parts, "other") is mesh.service("other")
    assert branches.target(parts, "v2") is branches.target(parts, "v2")
    # Each with histories, budget and limits of its own, under the name of the service.
    assert len({id(each.balancer) for each in parts.made}) == len({id(each.budget) for each in parts.made}) == 3
    assert {each.name for each in parts.made} == {"orders"}


def test_where_only_other_services_are_variants_the_rest_is_the_service_itself(mesh: meshclient.Mesh) -> None:
    config = policy(split={"v1": 1, "other": 1}, variants={"other": VARIANTS["other"]})
    branches = Branches(mesh.service("orders"), config)
    assert branches.target(Parts(mesh), "v1") is mesh.service("orders")
    only_copies = Branches(mesh.service("orders"), policy(mirror={"to": "other", "share": 1}))
    assert only_copies.choose(Parts(mesh), ANY).target is mesh.service("orders")
    assert only_copies.shadow(Parts(mesh)) is mesh.service("other")


def test_a_shadow_may_be_a_variant(mesh: meshclient.Mesh) -> None:
    config = policy(variants={"v2": VARIANTS["v2"]}, mirror={"to": "v2", "share": 1})
    branches, parts = Branches(mesh.service("orders"), config), Parts(mesh)
    shadow = branches.shadow(parts)
    assert shadow is branches.target(parts, "v2")
    # Copies alone do not make it a part of production.
    target = branches.choose(parts, ANY).target
    assert V2 not in target.snapshot.endpoints
    assert OLD[0] in target.snapshot.endpoints


def test_calls_are_divided_among_the_variants_that_have_endpoints(
    mesh: meshclient.Mesh, registry: FakeResolver
) -> None:
    config = policy(split={"v1": 1, "v2": 1, "other": 1}, variants={k: VARIANTS[k] for k in ("v2", "other")})
    branches, parts = Branches(mesh.service("orders"), config), Parts(mesh)

    def chosen() -> Counter[str]:
        return Counter(branches.choose(parts, ANY, f"user-{n}").choice.variant for n in range(300))

    before = chosen()
    assert {name for name, count in before.items() if count > 50} == {"v1", "v2", "other"}
    registry.set("orders", OLD)
    without = chosen()
    assert set(without) == {"v1", "other"}
    assert without["v1"] > before["v1"]
    # A list that is only kept serves on while somebody on it answers.
    registry.empty("other")
    assert set(chosen()) == {"v1", "other"}
    other = mesh.service("other")
    pick = other.balancer.pick(other.clock())
    assert pick is not None
    pick.done(Outcome(Kind.CONNECT_ERROR), other.clock())
    assert set(chosen()) == {"v1"}
    registry.fail("other")
    assert set(chosen()) == {"v1"}
    registry.set("orders", [V2])
    assert set(chosen()) == {"v2"}
    # Where no variant has any, the call is let go where its error will say so.
    registry.set("orders", [V3])
    assert set(chosen()) == {"v1"}
    registry.empty("orders", exists=False)
    assert set(chosen()) <= {"v1", "v2", "other"}


def test_a_rule_leads_to_its_variant_even_where_nobody_is_there(mesh: meshclient.Mesh, registry: FakeResolver) -> None:
    config = policy(routes=[{"to": "v2", "headers": {"x-preview": "*"}}], variants={"v2": VARIANTS["v2"]})
    branches, parts = Branches(mesh.service("orders"), config), Parts(mesh)
    registry.set("orders", OLD)
    asked = Head("GET", "/", httpx.Headers({"X-Preview": "1"}).get)
    assert branches.choose(parts, asked).target.snapshot.state == "empty"
    assert branches.choose(parts, ANY).target.snapshot.endpoints == tuple(OLD)


def test_a_worse_variant_gets_no_more_calls_and_that_is_told(mesh: meshclient.Mesh) -> None:
    told: list[CanaryTripped] = []
    config = policy(split={"v1": 80, "v2": 20}, variants={"v2": VARIANTS["v2"]}, guard={"variant": "v2"})
    branches, parts = Branches(mesh.service("orders"), config, told.append), Parts(mesh)
    for number in range(400):
        course = branches.choose(parts, ANY, f"user-{number}")
        bad = course.choice.variant == "v2"
        # What a repeat mends, and what says nothing about the server, is not mistaken for the first attempt.
        branches.ended(course, report(Kind.SERVER_ERROR, Kind.OK) if bad else report(Kind.OK, Kind.SERVER_ERROR))
        branches.ended(course, report(Kind.CANCELLED))
        branches.ended(course, CallReport("orders"))
        branches.ended(course, None)
    assert branches.guard is not None
    assert told == [branches.guard.tripped]
    assert (told[0].failures, told[0].other_failures) == (told[0].calls, 0)
    assert told[0].calls < 20
    assert {branches.choose(parts, ANY, f"user-{n}").choice.variant for n in range(200)} == {"v1"}


def test_a_guard_in_shadow_mode_says_what_it_would_have_done(
    mesh: meshclient.Mesh, caplog: pytest.LogCaptureFixture
) -> None:
    service = mesh.service("orders")
    decisions: list[Event] = []
    service.shadow = Shadow("orders", ["guard"], decisions.append)
    told: list[CanaryTripped] = []
    config = policy(split={"v1": 80, "v2": 20}, variants={"v2": VARIANTS["v2"]}, guard={"variant": "v2"})
    branches, parts = Branches(service, config, told.append), Parts(mesh)
    before = [branches.choose(parts, ANY, f"user-{n}").choice.variant for n in range(200)]
    for _ in range(30):
        branches.ended(Course(Choice("v2", 0.2), service), report(Kind.SERVER_ERROR))
    [decision] = decisions
    assert isinstance(decision, ShadowDecision)
    assert (decision.service, decision.policy) == ("orders", "guard")
    assert service.shadow.counts == {"guard": 1}
    assert (told, caplog.records) == ([], [])
    assert [branches.choose(parts, ANY, f"user-{n}").choice.variant for n in range(200)] == before


def test_a_policy_keeps_no_mesh_alive(registry: FakeResolver) -> None:
    mesh = meshclient.Mesh(registry)
    service = mesh.service("orders")
    branches = Branches(service, policy(split={"v1": 1, "v2": 1}, variants={"v2": VARIANTS["v2"]}))
    branches.choose(Parts(mesh), ANY)
    setattr(service, "traffic", branches)  # noqa: B010 - where it is kept
    watched, alive = service.watch, weakref.ref(mesh)
    del mesh, service, branches
    gc.collect()
    assert alive() is None
    watched.close(5.0)
