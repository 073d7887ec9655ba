"""``meshclient top`` over a real mesh with real backends, worked by keys."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

import meshclient
from cli.admin_documents import service
from meshclient.cli.attached import Attached
from meshclient.cli.tui import feed, rows
from meshclient.cli.tui.app import Top
from meshclient.cli.tui.table import Table
from meshclient.model.listening import Listening
from servers.backend import Backend, Backends

BOUND = 30.0


@pytest.fixture(scope="module")
def backends() -> Iterator[list[Backend]]:
    running = Backends()
    try:
        yield running(2)
    finally:
        running.stop()


class Site:
    """A program with a mesh, which is looked at."""

    def __init__(self, backends: list[Backend], path: Path) -> None:
        self.address = Listening(path=str(path))
        both = [
            {"host": "127.0.0.1", "port": each.port, "id": f"i-{at}", "zone": f"z{at}"}
            for at, each in enumerate(backends)
        ]
        self.services = {"orders": {"endpoints": both}, "users": {"endpoints": both[:1]}}
        self.begin()

    def begin(self) -> None:
        """Its life, or its next one."""
        self.client = meshclient.Client(services=self.services)
        self.mesh = self.client.mesh
        self.mesh.serve_admin(str(self.address))
        for name in ("orders", "orders", "orders", "users"):
            assert self.client.get(f"mesh://{name}/").status_code == 200

    def end(self) -> None:
        self.client.close()
        self.mesh.close()

    def states(self) -> dict[str, str]:
        balancer = self.mesh.service("orders").balancer
        return {part.endpoint.id: part.state for part in balancer.status(self.mesh.service("orders").clock())}


@pytest.fixture
def site(backends: list[Backend], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    # A state comes each second, for which nothing here is to wait.
    monkeypatch.setattr("meshclient.sidecar.admin.broadcast._SOONEST", 0.1)
    made = Site(backends, tmp_path / "mesh.sock")
    yield made
    made.end()


Screen = Callable[[], str]


@asynccontextmanager
async def watched(site: Site, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Pilot[None], Screen]]:
    """The screen, once it shows the process; what it shows as text."""
    app = Top(Attached(site.address, None), Attached(site.address, None))

    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "orders" in text_of(app) and "q Quit" in text_of(app))
        yield pilot, lambda: text_of(app)


def text_of(app: App[None]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def until(pilot: Pilot[None], check: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND):
        while not check():
            await pilot.pause(0.02)


def line(text: str, beginning: str) -> list[str]:
    """The words of the line that begins so."""
    return next(each.split() for each in text.splitlines() if each.strip().startswith(beginning))


def test_everything_fits_the_smallest_terminal_and_is_told_without_colour(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def look() -> None:
        async with watched(site) as (pilot, screen):
            assert pilot.app.no_color
            await until(pilot, lambda: "127.0.0.1:" in screen())
            text = screen()
            assert len(text.splitlines()) == 24
            assert max(map(len, text.splitlines())) <= 80
            assert text.startswith(f"process {os.getpid()}, up ")
            assert "2 services, sorted by name" in text
            assert line(text, "SERVICE") == ["SERVICE", "UP", "RPS", "SUCCESS", "P50", "P99", "RETRIES", "CIRCUIT"]
            assert line(text, "orders")[:2] == ["orders", "2/2"]
            assert line(text, "orders")[-1] == "closed"
            assert "endpoints of orders" in text
            assert line(text, "ENDPOINT")[-3:] == ["BUSY", "ZONE", "STATE"]
            for at, endpoint in enumerate(site.services["orders"]["endpoints"]):
                assert line(text, f"127.0.0.1:{endpoint['port']}")[-3:] == [f"z{at}", "in", "rotation"]
            assert "last decisions" in text
            assert "s Sort / Filter e Eject r Reset" in text
            # What is counted goes on.
            site.client.get("mesh://users/")
            await pilot.press("down")
            await until(pilot, lambda: "endpoints of users" in screen())
            await pilot.press("q")

    asyncio.run(look())


def test_an_endpoint_is_ejected_and_let_back_in_when_that_is_meant(site: Site) -> None:
    async def act() -> None:
        async with watched(site) as (pilot, screen):
            await pilot.press("e")
            await until(pilot, lambda: "choose an endpoint first" in screen())
            second = site.services["orders"]["endpoints"][1]["port"]
            await pilot.press("enter", "down", "e")
            await until(pilot, lambda: "for 30s?" in screen())
            chosen = next(each for each in screen().splitlines() if "Eject 127" in each).split()[2]
            assert chosen.startswith("127.0.0.1:")
            await pilot.press("n")
            assert set(site.states().values()) == {"in_rotation"}
            await pilot.press("e", "y")
            await until(pilot, lambda: "ejected" in site.states().values())
            await until(pilot, lambda: f"orders ejected {chosen} by hand, probe in 30s" in screen())
            await until(pilot, lambda: "ejected," in " ".join(line(screen(), chosen)))
            at = str(int(chosen == f"127.0.0.1:{second}"))
            assert site.states()[f"i-{at}"] == "ejected"
            await pilot.press("r")
            await until(pilot, lambda: f"Let {chosen} of orders back in?" in screen())
            await pilot.press("y")
            await until(pilot, lambda: f"orders {chosen} is back in rotation" in screen())
            assert set(site.states().values()) == {"in_rotation"}
            await pilot.press("escape", "r", "y")
            await until(pilot, lambda: "nothing was out" in screen())

    asyncio.run(act())


def test_services_are_sorted_and_filtered(site: Site) -> None:
    async def look() -> None:
        async with watched(site) as (pilot, screen):
            for order in ("rps", "success", "p99", "retries", "name"):
                await pilot.press("s")
                await until(pilot, lambda order=order: f"sorted by {order}" in screen())  # type: ignore[misc]
            await pilot.press("slash", "u", "s", "e", "enter")
            await until(pilot, lambda: "1 of 2 services, with 'use', sorted by name" in screen())
            await until(pilot, lambda: "endpoints of users" in screen())
            await until(pilot, lambda: " orders " not in screen())
            await pilot.press("escape")
            await until(pilot, lambda: "2 services, sorted" in screen())

    asyncio.run(look())


def test_the_next_life_of_the_process_is_shown(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "AGAIN", 0.05)

    async def look() -> None:
        async with watched(site) as (pilot, screen):
            site.end()
            await until(pilot, lambda: "NOT CONNECTED: " in screen())
            assert "trying again each second" in screen()
            await pilot.press("enter", "e", "y")
            await until(pilot, lambda: "no process can be asked" in screen())
            site.begin()
            await until(pilot, lambda: "answers again" in screen())
            assert screen().startswith(f"process {os.getpid()}, up ")

    asyncio.run(look())


def test_names_give_way_to_what_stands_beside_them() -> None:
    name = "checkout-orchestration-service-in-eu-west-1-production"

    class Alone(App[None]):
        """A table and nothing else."""

        def compose(self) -> ComposeResult:
            yield Table(rows.SERVICES, id="services")

    async def look() -> None:
        app = Alone()
        async with app.run_test(size=(160, 5)) as pilot:
            table = app.query_one(Table)
            table.show(rows.services([service(name), service("users")], "name", ""))
            table.move_cursor(row=1)
            await until(pilot, lambda: name in text_of(app))
            await pilot.resize_terminal(80, 5)
            await until(pilot, lambda: "checkout-orchestratio\N{HORIZONTAL ELLIPSIS}" in text_of(app))
            assert line(text_of(app), "checkout")[-1] == "closed"
            assert table.chosen == "users"
            # Columns are no wider than what is in them now.
            table.show(rows.services([service("users")], "name", ""))
            await until(pilot, lambda: "SERVICE   UP" in text_of(app) and "2/3" in text_of(app))

    asyncio.run(look())


def test_services_are_ordered_by_what_is_worst_of_them() -> None:
    found = [
        service("a", rps=1.0, error_ratio=0.5, p99_seconds=None, retry_ratio=None),
        service("b", rps=None, error_ratio=None, p99_seconds=2.0, retry_ratio=0.1),
        service("c", rps=5.0, error_ratio=0.1, p99_seconds=0.1, retry_ratio=2.0, panic=True, state="failed"),
    ]
    told = {order: "".join(row.key for row in rows.services(found, order, "")) for order in rows.ORDERS}
    assert told == {"name": "abc", "rps": "cab", "success": "acb", "p99": "bca", "retries": "cba"}
    [row] = rows.services(found, "name", "C")
    assert [cell.text for cell in row.cells][1:] == [
        "2/3 panic",
        "5.0",
        "90.0%",
        "11ms",
        "100ms",
        "200%",
        "list failed",
    ]
