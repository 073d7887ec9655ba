"""The pytest plugin, as a project meets it that has meshclient installed: in a process of its own."""

from __future__ import annotations

import re

import pytest

from meshclient.testing import FakeMesh, MeshEvents
from meshclient.testing.leaks import LeakWatch

pytest_plugins = "pytester"

GOOD = """
import httpx
import pytest
import meshclient
from meshclient.testing import FakeEndpoint, disable_waits

pytestmark = pytest.mark.mesh(
    services={"orders": [FakeEndpoint(script=[503], json={"id": 42})]}, defaults={"retry": {"backoff": "1s..1s"}}
)

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="module")
def shared():
    with meshclient.Mesh(services={name: {"endpoints": ["10.0.0.1:80"]} for name in ("early", "late")}) as mesh:
        mesh.warm("early")
        yield mesh

def ask(http):
    return http.get("http://orders/v1/orders/42")

@pytest.mark.mesh(services={"orders": [FakeEndpoint(script=[503], json={"id": 42})]})
def test_events(mesh, mesh_events):
    with mesh.client() as http:
        assert ask(http).json() == {"id": 42}
    mesh_events.assert_sequence("picked", "retrying", "picked")
    assert [event.outcome.status for event in mesh_events.of("picked")] == [503, 200]

LONG = {"attempt_timeout": "300s", "deadline": "300s"}

@pytest.mark.mesh(services={"orders": FakeEndpoint(latency=100, json=1)}, defaults=LONG)
@pytest.mark.anyio
async def test_asynchronous_by_the_clock(mesh, mesh_clock):
    begun = mesh_clock()
    async with mesh.async_client() as http:
        assert (await ask(http)).json() == 1
    assert mesh_clock() - begun == 100

@pytest.mark.mesh(services={"orders": FakeEndpoint(latency=100)}, defaults={"attempt_timeout": "3s", "deadline": "7s"})
def test_limits_by_the_clock(mesh, mesh_clock):
    begun = mesh_clock()
    with mesh.client() as http, pytest.raises(meshclient.DeadlineExceeded):
        ask(http)
    assert mesh_clock() - begun == pytest.approx(7, abs=0.5)

@pytest.mark.parametrize("time", [1, 2])
@pytest.mark.mesh(services={"orders": [FakeEndpoint(json=number) for number in range(5)]}, seed=7)
def test_the_same_each_time(mesh, time):
    with mesh.client() as http:
        drawn = [ask(http).json() for _ in range(8)]
    assert SEEN.setdefault("drawn", drawn) == drawn

SEEN = {}

@pytest.mark.parametrize("time", [1, 2])
@pytest.mark.mesh(services={"orders": [FakeEndpoint(script=[FakeEndpoint(status=500, script=[503])], json=1)]})
def test_a_script_begins_anew(mesh, mesh_events, time):
    with mesh.client() as http:
        ask(http)
    assert [event.outcome.status for event in mesh_events.of("picked")] == [503, 200]

def test_a_mesh_of_a_wider_fixture_is_not_the_tests(shared, mesh):
    shared.warm("late")

@pytest.mark.mesh(services={"orders": ["http://127.0.0.1:9"]}, defaults={"retry": False})
def test_real_instances(mesh):
    with meshclient.Client(mesh=mesh) as http, pytest.raises(httpx.ConnectError):
        ask(http)

KEPT = []

@pytest.mark.mesh_may_leak
def test_allowed(mesh):
    KEPT.append(meshclient.Mesh(services={"users": {"endpoints": ["10.0.0.1:80"]}}))
    KEPT[-1].warm("users")

class TestOfSomethingElse:
    @pytest.fixture
    def mesh(self):
        return "of triangles"

    def test_nobody_asked(self, mesh):
        KEPT.append(meshclient.Mesh(services={"users": {"endpoints": ["10.0.0.1:80"]}}))
        KEPT[-1].warm("users")

def test_nobody_asked():
    KEPT.append(meshclient.Mesh(services={"users": {"endpoints": ["10.0.0.1:80"]}}))
    KEPT[-1].warm("users")

def teardown_module():
    for mesh in KEPT:
        mesh.close()
"""

BAD = """
import pytest
import meshclient
from meshclient.testing import FakeEndpoint, leaks

leaks.PATIENCE = 0.5
KEPT = []

@pytest.mark.mesh(services={"orders": FakeEndpoint(body=[b"a", b"b"])})
def test_response(mesh):
    http = mesh.client()
    for _ in range(2):
        KEPT.append(http.send(http.build_request("GET", "http://orders/"), stream=True))

def another():
    return meshclient.Mesh(services={"users": {"endpoints": ["10.0.0.1:80"]}})

def test_mesh_kept(mesh):
    KEPT.append(another())
    KEPT[-1].warm("users")

def test_mesh_dropped(mesh):
    another().warm("users")

def test_thread(mesh):
    import asyncio
    from meshclient.discovery.runtime.loop import background
    KEPT.append(background().run(asyncio.Event().wait))

def test_asked_for_late(request):
    request.getfixturevalue("mesh")
    KEPT.append(another())
    KEPT[-1].warm("users")

@pytest.mark.mesh(services={"orders": FakeEndpoint(script=[503], json=1)})
def test_a_failure(mesh, mesh_events):
    KEPT.append(another())
    KEPT[-1].warm("users")
    with mesh.client() as http:
        assert http.get("http://orders/").json() == 2

@pytest.mark.mesh(services={"orders": [FakeEndpoint(), "http://127.0.0.1:9"]})
def test_a_mixture(mesh):
    pass

def teardown_module():
    from meshclient.discovery.runtime.loop import background
    KEPT[-1].close()
    for kept in KEPT:
        if hasattr(kept, "ended"):
            background().cancel(kept)
            kept.ended.exception
"""


@pytest.fixture(autouse=True)
def _at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where CI is set, pytest repeats whole messages in its summary.
    monkeypatch.delenv("CI", raising=False)


def plain(result: pytest.RunResult) -> str:
    return result.stdout.str() + result.stderr.str()


def test_what_is_right_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GOOD)
    result = pytester.runpytest_subprocess(
        "-W", "error", "--strict-markers", "-p", "no:cacheprovider", "-p", "no:xdist"
    )
    result.assert_outcomes(passed=12)


def test_what_is_left_open_fails_with_the_place(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(BAD)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=5, errors=6, failed=1)
    said = plain(result)
    lines = BAD.strip().splitlines()

    def at(text: str) -> str:
        return f"opened at {path}:{next(n for n, line in enumerate(lines, 1) if text in line)}"

    assert f"2 responses from http://orders-1.test:80 not closed: {at('KEPT.append(http.send')}" in said
    made = at("return meshclient.Mesh")
    assert f"a mesh not closed, which watches users: {made} in another, called from {path}" in said
    assert "test_bad" not in said
    assert said.count("a mesh not closed") == 3
    assert f"something runs on in the background: {at('background().run(')}" in said
    assert "the instances of a mesh are all URLs, which are really called, or none is" in said
    # The failure is told alone, with what happened; what was left open then says nothing.
    section = said.partition("What happened in the mesh")[2]
    assert re.search(r"picked: orders at http://orders-1\.test:80, attempt 1: server_error 503\n +retrying", section)


def test_all_tests_or_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import meshclient
        KEPT = []

        def test_it():
            KEPT.append(meshclient.Mesh(services={"users": {"endpoints": ["10.0.0.1:80"]}}))
            KEPT[-1].warm("users")
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "-o", "meshclient_leaks=all").assert_outcomes(
        passed=1, errors=1
    )


def test_whoever_has_a_mesh_of_their_own_does_not_pay(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        import pytest

        @pytest.fixture
        def mesh():
            return "of triangles"

        def test_it(mesh):
            assert {name for name in sys.modules if name.startswith("meshclient.")} == {
                "meshclient.testing", "meshclient.testing.pytest_plugin"
            }
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist").assert_outcomes(passed=1)


def test_a_setting_that_does_not_exist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mesh): pass")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-o", "meshclient_leaks=some")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "meshclient_leaks = some is not known: write one of fixtures, all, off" in plain(result)


def test_nothing_is_wrapped_afterwards() -> None:
    before = FakeMesh.__dict__, FakeMesh._begin
    watch = LeakWatch()
    watch.begin()
    assert FakeMesh._begin is not before[1]
    watch.end()
    assert FakeMesh._begin is before[1]
    assert watch.found() == []


def test_sequences_of_events() -> None:
    events = MeshEvents()
    with pytest.raises(ValueError, match="no event is a 'retring'; did you mean 'retrying'"):
        events.of("retring")
    events.assert_sequence()
    with pytest.raises(AssertionError, match=r"expected picked\n but got nothing\n\(nothing\)"):
        events.assert_sequence("picked")
