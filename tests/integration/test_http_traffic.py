"""Calls divided, routed and guarded, on real instances and in both colours."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from meshclient.errors import NoEndpoints, ResolverUnavailable
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK, Connection, RawServer, always
from unit.http.steered import steered
from unit.mesh.parts import Parts

if TYPE_CHECKING:
    from meshclient.mesh import MeshService
    from servers.backend import Backend, Backends


def listed(backend: Backend | RawServer, *tags: str) -> dict[str, Any]:
    parts = urlsplit(backend.url)
    return {"host": parts.hostname, "port": parts.port, "tags": list(tags)}


def answered(face: Face, client: Any, **keywords: Any) -> str:
    instance: str = face.run(client.get("http://orders/", **keywords)).json()["instance"]
    return instance


def test_a_split_divides_calls_and_keeps_each_caller_with_one_version(face: Face, backends: Backends) -> None:
    old, new = backends(2)
    client, _ = steered(
        face,
        {"orders": [listed(old), listed(new, "v2")]},
        split={"v1": 70, "v2": 30},
        variants={"v2": {"tags": ["v2"]}},
        sticky="cookie:session",
    )
    first = {n: answered(face, client, headers={"cookie": f"session={n}"}) for n in range(60)}
    assert 8 <= Counter(first.values())[new.name] <= 30
    assert {n: answered(face, client, headers={"cookie": f"a=b; session={n}"}) for n in range(60)} == first
    without = Counter(answered(face, client) for _ in range(100))
    assert 10 <= without[new.name] <= 55


def test_rules_lead_to_a_subset_and_to_another_service(face: Face, backends: Backends) -> None:
    old, new, other = backends(3)
    client, _ = steered(
        face,
        {"orders": [listed(old), listed(new, "v2")], "orders-canary": [listed(other)]},
        routes=[
            {"to": "canary", "headers": {"x-team": "blue*"}},
            {"to": "v2", "cookies": {"preview": "*"}, "methods": ["GET"]},
        ],
        variants={"v2": {"tags": ["v2"]}, "canary": {"service": "orders-canary"}},
    )
    assert {answered(face, client) for _ in range(6)} == {old.name}
    assert {answered(face, client, headers={"X-Team": "blue-1"}) for _ in range(3)} == {other.name}
    assert {answered(face, client, headers={"cookie": "preview=1"}) for _ in range(3)} == {new.name}
    posted = face.run(client.post("http://orders/", headers={"cookie": "preview=1"}))
    assert posted.json()["instance"] == old.name
    report = face.run(client.get("http://orders/", headers={"x-team": "blue"})).extensions["mesh"]
    assert (report.service, report.endpoint.port) == ("orders-canary", other.port)


def test_a_rule_to_a_version_that_nobody_runs_fails_and_says_so(face: Face, backends: Backends) -> None:
    [old] = backends(1)
    client, _ = steered(
        face,
        {"orders": [listed(old)]},
        routes=[{"to": "v2", "path": "/beta/*"}],
        variants={"v2": {"tags": ["v2"]}},
    )
    assert face.run(client.get("http://orders/")).status_code == 200
    with pytest.raises(NoEndpoints, match="no usable endpoint of 'orders'"):
        face.run(client.get("http://orders/beta/x"))
    assert old.stats()["requests"] == 1


def test_a_canary_that_fails_is_given_up_and_the_rest_serves(face: Face, backends: Backends) -> None:
    [old] = backends(1)
    [new] = backends(1, status=500)
    client, branches = steered(
        face,
        {"orders": [listed(old), listed(new, "v2")]},
        split={"v1": 80, "v2": 20},
        variants={"v2": {"tags": ["v2"]}},
        sticky="header:x-user",
        guard={"variant": "v2", "alpha": 0.01},
    )
    assert branches.guard is not None
    for number in range(300):
        face.run(client.get("http://orders/", headers={"x-user": str(number)}))
        if branches.guard.tripped is not None:
            break
    tripped = branches.guard.tripped
    assert tripped is not None
    assert tripped.failures == tripped.calls < 20
    assert tripped.other_failures == 0
    assert {answered(face, client, headers={"x-user": str(number)}) for number in range(100)} == {old.name}


def test_a_sound_canary_keeps_its_share(face: Face, backends: Backends) -> None:
    old, new = backends(2, fail_ratio=0.2, status=404)
    client, branches = steered(
        face,
        {"orders": [listed(old), listed(new, "v2")]},
        split={"v1": 50, "v2": 50},
        variants={"v2": {"tags": ["v2"]}},
        guard={"variant": "v2", "alpha": 0.01},
    )
    for _ in range(100):
        face.run(client.get("http://orders/"))
    assert branches.guard is not None
    assert branches.guard.tripped is None
    assert new.stats()["requests"] > 20


def test_an_error_of_the_canary_reaches_its_caller_and_counts(face: Face, backends: Backends) -> None:
    def hang_up(connection: Connection) -> None:
        connection.request()

    with RawServer(hang_up) as new, RawServer(always(OK)) as old:
        client, branches = steered(
            face,
            {"orders": [listed(old), listed(new, "v2")]},
            split={"v1": 50, "v2": 50},
            variants={"v2": {"tags": ["v2"]}},
            guard={"variant": "v2"},
        )
        failures: list[Any] = []
        for _ in range(100):
            try:
                face.run(client.post("http://orders/", content=b"x"))
            except httpx.RemoteProtocolError as error:
                failures.append(error)
        assert {error.mesh.endpoint.tags for error in failures} == {("v2",)}
        assert branches.guard is not None
        assert branches.guard.tripped is not None
        assert branches.guard.tripped.failures == len(failures) < 30


@pytest.mark.parametrize(("unknown", "fails"), [("orders-canary", True), ("orders-next", False)])
def test_another_service_that_cannot_be_looked_for_fails_its_own_calls_only(
    face: Face, backends: Backends, monkeypatch: pytest.MonkeyPatch, unknown: str, fails: bool
) -> None:
    [backend] = backends(1)
    services: dict[str, list[Any]] = {"orders": [listed(backend)], "orders-canary": [listed(backend)]}
    client, _ = steered(
        face,
        services,
        split={"canary": 1},
        variants={"canary": {"service": "orders-canary"}},
        mirror={"to": "orders-next", "share": 1},
    )
    find = Parts.service

    def service(self: Parts, name: str) -> MeshService:
        if name == unknown:
            raise ResolverUnavailable(f"cannot resolve {name!r}: no thread is left")
        return find(self, name)

    monkeypatch.setattr(Parts, "service", service)
    if fails:
        with pytest.raises(httpx.ConnectError, match="cannot resolve 'orders-canary'") as caught:
            face.run(client.get("http://orders/"))
        assert caught.value.request.url == "http://orders/"
    else:
        assert face.run(client.get("http://orders/")).status_code == 200
