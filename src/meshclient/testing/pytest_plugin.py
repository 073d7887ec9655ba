"""The pytest plugin: a mesh in memory, its clock, its events, and a look at what a test has left open.

    @pytest.mark.mesh(services={"orders": [FakeEndpoint(status=503), FakeEndpoint(json={"id": 42})]})
    def test_a_broken_instance_is_passed_over(mesh, mesh_events):
        with mesh.client() as http:
            assert http.get("http://orders/v1/orders/42").json() == {"id": 42}

pytest loads it wherever meshclient is installed, so it imports nothing before a fixture is asked for, and holds no test
to account that uses none of its fixtures, unless ``meshclient_leaks = all`` is in pytest's configuration.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

    from meshclient import Mesh
    from meshclient.testing.clock import ManualClock
    from meshclient.testing.leaks import LeakWatch
    from meshclient.testing.mesh_events import MeshEvents

_FIXTURES = frozenset({"mesh", "mesh_clock", "mesh_events"})
# Of the run, for the test that runs: a fixture of a wider scope is not told which one it is made for.
_LEAKS: pytest.StashKey[LeakWatch] = pytest.StashKey()
_OURS = pytest.StashKey[bool]()
_EVENTS: pytest.StashKey[MeshEvents] = pytest.StashKey()
_FAILED = pytest.StashKey[bool]()
_CHOICES = ("fixtures", "all", "off")
# Where the latest end of what happened matters, the begin of it fills the screen.
_SHOWN = 50


def pytest_addoption(parser: pytest.Parser) -> None:
    """Whose leaks are looked for."""
    parser.addini(
        "meshclient_leaks",
        "which tests fail that leave responses or meshes open: 'fixtures' (those that use mesh, mesh_clock or "
        "mesh_events), 'all', or 'off'",
        default="fixtures",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, and the settings right."""
    config.addinivalue_line(
        "markers", "mesh(services, defaults=..., settings=..., seed=...): what the fixture `mesh` consists of"
    )
    config.addinivalue_line("markers", "mesh_may_leak: the test may leave meshes, responses and threads behind")
    chosen = config.getini("meshclient_leaks")
    if chosen not in _CHOICES:
        msg = f"meshclient_leaks = {chosen} is not known: write one of {', '.join(_CHOICES)}"
        raise pytest.UsageError(msg)


@pytest.fixture
def mesh_clock(request: pytest.FixtureRequest) -> ManualClock:
    """The clock of the fixture `mesh`, which stands still until a test advances it; pauses advance it at once."""
    import time

    from meshclient.testing.clock import ManualClock

    _asked(request)
    # Lists bear the time of the machine, and shall not be from the future.
    return ManualClock(time.monotonic())


@pytest.fixture
def mesh_events(request: pytest.FixtureRequest) -> MeshEvents:
    """What happened in the fixture `mesh`; another mesh may have it among its observers."""
    from meshclient.testing.mesh_events import MeshEvents

    _asked(request)
    events = request.node.stash[_EVENTS] = MeshEvents()
    return events


@pytest.fixture
def mesh(request: pytest.FixtureRequest, mesh_events: MeshEvents) -> Iterator[Mesh]:
    """What the marker `mesh` describes: a `FakeMesh`, or a real one where its instances are URLs.

    It goes by `mesh_clock` if the test asks for that, and draws the same random numbers each time.
    """
    from meshclient.testing.marked import marked_mesh

    marker = request.node.get_closest_marker("mesh")
    clock = request.getfixturevalue("mesh_clock") if "mesh_clock" in request.fixturenames else None
    given: dict[str, Any] = {"seed": crc32(request.node.nodeid.encode()), **(marker.kwargs if marker else {})}
    with marked_mesh(*(marker.args if marker else ()), clock=clock, observers=[mesh_events], **given) as made:
        yield made


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Begin to look before any fixture is made."""
    item.stash[_FAILED] = False
    # pytest tells nobody before a fixture is made whether that of a name is ours. Whoever has one of their own does not
    # pay for the import of meshclient; and before that nothing can be left open.
    named = not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())) and "meshclient.mesh" in sys.modules
    if named or item.config.getini("meshclient_leaks") == "all":
        _look(item)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """What a fixture of a wider scope opens is not the test's to close."""
    watch = None if fixturedef.scope == "function" else request.config.stash.get(_LEAKS, None)
    with nullcontext() if watch is None else watch.exempt():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails is shown with what happened to its services."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
        events = item.stash.get(_EVENTS, None)
        if events is not None and report.when == "call" and not _told(events, report):
            lines = str(events).splitlines()[1:]
            left_out = [f"  ... {len(lines) - _SHOWN} before"] if len(lines) > _SHOWN else []
            report.sections.append(("What happened in the mesh", "\n".join(left_out + lines[-_SHOWN:])))
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Look at what is left when all fixtures of the test have ended."""
    try:
        result = yield
    finally:
        watch = item.config.stash.get(_LEAKS, None)
        if watch is not None:
            watch.end()
            del item.config.stash[_LEAKS]
    held = item.config.getini("meshclient_leaks") == "all" or item.stash.get(_OURS, False)
    # A test that fails does not come to its end, and what it left open says nothing.
    if watch is not None and held and not item.stash.get(_FAILED, False) and (left := watch.found()):
        reasons = "\n".join(f"  - {each}" for each in left)
        pytest.fail(
            f"{item.nodeid} left something open:\n{reasons}\n(@pytest.mark.mesh_may_leak lets a test do so)",
            pytrace=False,
        )
    return result


def _asked(request: pytest.FixtureRequest) -> None:
    """A fixture of ours is made for the test, whether it names it or asks for it while it runs."""
    request.node.stash[_OURS] = True
    _look(request.node)


def _look(item: pytest.Item) -> None:
    """From now on, unless that has begun already or is not wanted."""
    if (
        _LEAKS in item.config.stash
        or item.config.getini("meshclient_leaks") == "off"
        or item.get_closest_marker("mesh_may_leak") is not None
    ):
        return
    from meshclient.testing.leaks import LeakWatch

    watch = item.config.stash[_LEAKS] = LeakWatch()
    watch.begin()


def _told(events: MeshEvents, report: pytest.TestReport) -> bool:
    """Whether there is nothing to say of what happened, or the failure itself says it."""
    return not len(events) or "what happened:" in report.longreprtext
