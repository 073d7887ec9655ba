"""The page for people, in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from integration.admin_site import (  # noqa: F401 - fixtures
    Site,
    site,
    started_backends_fixture,
    two_backends_fixture,
)
from meshclient.sidecar.admin import MeshView
from servers import chromium
from servers.process import wait_until
from servers.requirement import required

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, Page

    from servers.backend import Backend

TOKEN = "f3a1c0ffee5badc0de" * 2
# Milliseconds in which a browser on a busy machine does what it is asked to.
PATIENCE = 30_000
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    lack = chromium.missing()
    if lack is not None:
        if required():
            pytest.fail(lack, pytrace=False)
        pytest.skip(lack)
    with chromium.browser() as made:
        yield made


@contextmanager
def opened(running: Browser, made: Site, **context: Any) -> Iterator[tuple[Page, list[str]]]:
    """A page of its own on the site, and what goes wrong there."""
    wrong: list[str] = []
    screen = running.new_context(**context)
    screen.set_default_timeout(PATIENCE)
    page = screen.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url) if "/events" not in request.url else None)
    try:
        page.goto(made.url + "/")
        yield page, wrong
    finally:
        screen.close()


def until(page: Page, script: str) -> None:
    """Wait until it is so on the page; Playwright's own way would need `eval` there, which the policy forbids."""
    wait_until(lambda: page.evaluate(script), PATIENCE / 1000, script)


@pytest.fixture
def orders(two_backends: list[Backend], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr("meshclient.sidecar.admin.broadcast._SOONEST", 0.2)
    rows = [
        {"host": "127.0.0.1", "port": backend.port, "id": f"{HOSTILE}{at}", "zone": f"zone-{at}"}
        for at, backend in enumerate(two_backends)
    ]
    with site(
        {"orders": {"endpoints": rows, "ejection": {"consecutive": 1}}, "stock": {"endpoints": rows[:1]}}
    ) as made:
        made.keep_calling("orders", "stock")
        yield made


def test_it_shows_an_ejection_live_and_breaks_no_rule_of_its_policy(
    running: Browser, orders: Site, two_backends: list[Backend]
) -> None:
    dead, _ = two_backends
    with opened(running, orders, viewport={"width": 1280, "height": 900}) as (page, wrong):
        until(page, "document.querySelectorAll('#list tbody tr').length === 3")
        row = page.locator("#list tbody tr", has_text=f":{dead.port}").first
        assert row.locator("td.state").inner_text() == "in rotation"
        assert page.locator("#link").inner_text() == "live"
        assert page.locator("#ready").inner_text() == "ready"
        # The names are text, whatever is in them.
        assert page.locator("img").count() == 0
        assert HOSTILE in row.inner_text()
        until(page, "/^[0-9.]+ m?s$/.test(document.querySelector('#list tbody td.p99').textContent)")
        until(page, "document.querySelector('#list tbody td.share').textContent.endsWith('%')")
        assert row.locator("td.zone").inner_text() == "zone-0"
        assert page.locator("#map svg circle").count() == 6
        label = page.locator("#map svg").get_attribute("aria-label") or ""
        assert "orders with 2 of 2 endpoints available" in label

        dead.kill()
        until(page, "/ejected, probe in [0-9]+ s/.test(document.querySelector('#list').textContent)")
        said = f"ejected 127.0.0.1:{dead.port} after "
        page.locator("#decisions li", has_text=said).first.wait_for()
        assert row.locator("td.state").inner_text() != "in rotation"
        assert page.locator("#map path.out").count() >= 1
        assert wrong == []


def test_nothing_runs_that_was_not_shipped(running: Browser, orders: Site) -> None:
    with opened(running, orders) as (page, wrong):
        page.evaluate(
            """() => {
                const script = document.createElement('script');
                try { script.textContent = 'window.owned = true'; } catch (error) { window.refused = true; }
                document.body.append(script);
            }"""
        )
        assert page.evaluate("window.owned") is None
        assert page.evaluate("window.refused") is True
        assert wrong


def test_it_fits_a_telephone(running: Browser, orders: Site) -> None:
    with opened(running, orders, viewport={"width": 400, "height": 800}, has_touch=True) as (page, wrong):
        until(page, "document.querySelectorAll('#list tbody tr').length === 3")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        # Nor does anything stand out of the screen, but for the head of a table, which is there for those who listen.
        out = page.evaluate(
            """() => [...document.querySelectorAll('main *, header *')].filter((each) => {
                const box = each.getBoundingClientRect();
                const shown = !each.closest('thead') && box.width > 1 && each.checkVisibility();
                return shown && (box.right > 401 || box.left < -1);
            }).map((each) => each.className || each.tagName)"""
        )
        assert out == []
        head = page.locator("thead").first.bounding_box()
        assert head is not None
        assert head["width"] <= 1
        label = page.locator("td.p99").first.evaluate("(cell) => getComputedStyle(cell, '::before').content")
        assert label == '"p99"'
        assert wrong == []


def test_it_is_dark_where_that_is_wished(running: Browser, orders: Site) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(running, orders, color_scheme="dark") as (page, wrong):
        assert page.evaluate(ground) == "rgb(18, 22, 27)"
        page.keyboard.press("t")
        assert page.locator("#theme").inner_text() == "Theme: light"
        assert page.evaluate(ground) == "rgb(246, 247, 249)"
        page.emulate_media(color_scheme="light")
        page.locator("#theme").click()
        assert page.evaluate(ground) == "rgb(18, 22, 27)"
        page.reload()
        assert page.locator("#theme").inner_text() == "Theme: dark"
        assert page.evaluate(ground) == "rgb(18, 22, 27)"
        assert wrong == []


def test_it_is_worked_by_keys(running: Browser, orders: Site) -> None:
    with opened(running, orders) as (page, wrong):
        until(page, "document.querySelectorAll('#list .service').length === 2")
        focused = "document.activeElement.textContent"
        page.keyboard.press("j")
        assert page.evaluate(focused).startswith("orders")
        page.keyboard.press("j")
        assert page.evaluate(focused).startswith("stock")
        page.keyboard.press("k")
        head = page.locator(".head").first
        assert head.get_attribute("aria-expanded") == "true"
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-expanded") == "false"
        assert not page.locator("#list table").first.is_visible()
        page.keyboard.press("/")
        page.keyboard.type("zone-1")
        assert page.locator("#list .service").count() == 1
        page.keyboard.press("Escape")
        assert page.locator("#list .service").count() == 2
        page.keyboard.press("?")
        assert page.get_by_role("dialog", name="Keys").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#keys").is_visible()
        assert wrong == []


def test_it_says_what_a_sidecar_has_refused_and_that_it_leaves(running: Browser) -> None:
    class Sidecar(MeshView):
        def ready(self) -> bool:
            return False

        def stats(self) -> Mapping[str, object]:
            reload = {"last_error": "deadline <b>soon</b> is not a duration"}
            return {**super().stats(), "draining": True, "worker": 0, "reload": reload}

    with site({}, view=Sidecar) as made, opened(running, made) as (page, wrong):
        trouble = page.get_by_role("alert")
        trouble.wait_for()
        assert "the one before is in use: deadline <b>soon</b> is not" in trouble.inner_text()
        assert page.locator("#ready").inner_text() == "draining"
        assert "worker 0" in page.locator("#process").inner_text()
        assert wrong == []


def test_it_pauses_while_nobody_looks_and_reads_one_stream_at_a_time(running: Browser) -> None:
    with site({}) as made, opened(running, made) as (page, _):
        until(page, "document.querySelector('#link').textContent === 'live'")
        # A page in a headless browser is never hidden: it is told that it is.
        hide = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); %s }"
        tell = hide % "document.dispatchEvent(new Event('visibilitychange'));"
        page.evaluate(tell, True)
        wait_until(lambda: made.admin.broadcast.readers == 0, 20, "nobody reads")
        for _ in range(3):
            page.evaluate(tell, False)
        until(page, "document.querySelector('#link').textContent === 'live'")
        wait_until(lambda: made.admin.broadcast.readers == 1, 20, "one reads")


def test_many_services_begin_folded_and_the_map_says_how_many_are_left_out(running: Browser) -> None:
    names = [f"service-{at:02}" for at in range(14)]
    rows = [f"http://10.0.0.{at}:80" for at in range(1, 13)]
    with site({name: {"endpoints": rows} for name in names}) as made:
        made.mesh.warm(*names)
        made.post("/isolate?service=service-03")
        with opened(running, made) as (page, wrong):
            until(page, "document.querySelectorAll('#list .service').length === 14")
            folded = "[...document.querySelectorAll('.head')].map((head) => head.getAttribute('aria-expanded'))"
            assert page.evaluate(folded) == ["true" if at == 3 else "false" for at in range(14)]
            assert page.locator("#list tbody tr").count() == 12
            drawn = page.locator("#map text").all_text_contents()
            assert "2 more services" in drawn
            assert drawn.count("10 more") == 12
            page.locator(".head").first.click()
            assert page.locator("#list tbody tr").count() == 24
            assert wrong == []


def test_it_asks_for_a_token_where_one_is_needed(running: Browser) -> None:
    with site({}, token=TOKEN) as made, opened(running, made) as (page, wrong):
        page.locator("#ask").wait_for()
        page.keyboard.type("wrong-wrong-wrong-wrong")
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#ask').open && document.querySelector('#token').value === ''")
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#link').textContent === 'live'")
        assert TOKEN not in page.content()
        # The browser itself notes each refusal.
        assert all("401" in each for each in wrong)


def test_it_finds_the_process_again(running: Browser) -> None:
    with site({}) as made, opened(running, made) as (page, _):
        until(page, "document.querySelector('#link').textContent === 'live'")
        for connection in list(made.admin.connections):
            made._loop.call_soon_threadsafe(connection.abort)
        until(page, "document.querySelector('#link').dataset.link === 'lost'")
        until(page, "document.querySelector('#link').textContent === 'live'")
