"""``meshclient call --repeat``: a small load test against real instances."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from cli.command import LIMIT, Command
from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid
from meshclient.cli.chart import Histogram, Timeline
from meshclient.cli.load.command import page
from meshclient.cli.load.picture import charts, sheets, warnings
from meshclient.cli.load.plan import LoadPlan
from meshclient.cli.load.record import Record, Tried
from meshclient.cli.load.result import LoadResult
from meshclient.cli.load.run import LoadRun
from meshclient.cli.page import page as html
from meshclient.cli.render import Answer, Format, Renderer
from meshclient.cli.request import WrittenRequest
from servers.backend import Backend, Backends
from servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REQUEST = WrittenRequest("GET", "mesh://orders/", (), None)


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in an empty folder."""
    return Here(tmp_path, capsys, monkeypatch)


def listed(*urls: str) -> tuple[str, ...]:
    return ("--set", f"services.orders.endpoints={','.join(urls)}", "--set", "defaults.balancer=round_robin")


def test_many_calls_are_one_document(here: Here, shared_backends: tuple[Backend, Backend]) -> None:
    a, b = (backend.url for backend in shared_backends)
    ran = here("call", "orders/", "--repeat", "40", "--rate", "400", "--html", "load.html", "-o", "json", *listed(a, b))
    assert ran.code == 0
    document = ran.document
    assert_valid(document)
    assert document["asked"] == {"calls": 40, "rate_per_second": 400.0, "concurrency": 512, "loop": "open"}
    assert (document["calls"], document["statuses"], document["errors"]) == (40, {"200": 40}, {})
    assert [(each["endpoint"], each["attempts"]) for each in document["endpoints"]] == [
        (url, 20) for url in sorted((a, b))
    ]
    assert sum(each["calls"] for each in document["histogram"]) == 40
    assert sum(each["calls"] for each in document["timeline"]) == 40
    # The last call is due after 39 steps of 2.5 ms.
    assert document["took_seconds"] >= 0.0975
    assert "Latency of 40 calls" in (here.folder / "load.html").read_text("utf-8")


def test_each_call_is_a_line_and_the_whole_is_the_last_one(here: Here, backends: Backends) -> None:
    (a,) = backends(1, status=503)
    ran = here("call", "orders/", "--repeat", "4", "--concurrency", "2", "-o", "jsonl", *listed(a.url))
    # Bad answers are answers, unless they are asked about.
    assert (ran.code, ran.err) == (0, "")
    for line in ran.lines:
        assert_valid(line)
    *calls, whole = ran.lines
    assert sorted(call["number"] for call in calls) == [1, 2, 3, 4]
    assert {call["status"] for call in calls} == {503}
    assert (whole["statuses"], whole["asked"]["loop"]) == ({"503": 4}, "closed")
    assert whole["retries"] == sum(call["retries"] for call in calls) > 0
    assert whole["attempts"] == whole["retries"] + 4


def test_the_exit_code_is_that_of_a_single_call(here: Here, backends: Backends) -> None:
    (a,) = backends(1, status=404)
    ran = here("call", "orders/", "--repeat", "2", "--check-status", *listed(a.url))
    assert ran.code == 8
    assert ran.err.splitlines() == ["error: 2 of 2 answers were 4xx or 5xx", "  fix: look at one with -i"]
    nobody = f"http://127.0.0.1:{free_port()}"
    ran = here("call", "orders/", "--repeat", "2", *listed(nobody), "--set", "defaults.retry=false")
    assert ran.code == 9
    assert ran.err.startswith("error: 2 of 2 calls had no answer (network)\n  why: the last one: ConnectError")
    assert "\n  fix: " in ran.err
    assert "network      2  100.0%" in ran.out
    (slow,) = backends(1, hang=True)
    ran = here("call", "orders/", "--repeat", "1", "--deadline", "100ms", "-o", "json", *listed(slow.url))
    assert (ran.code, ran.document["errors"]) == (6, {"timeout": 1})
    ran = here(
        *("call", "orders/", "--repeat", "3", "--concurrency", "3", "--deadline", "200ms", "-o", "json"),
        *("--set", "services.orders.limit.concurrency=1", *listed(slow.url)),
    )
    assert (ran.code, ran.document["errors"]) == (7, {"rejected": 2, "timeout": 1})
    assert_valid(ran.document)


def test_what_nobody_lists_is_not_called_at_all(here: Here) -> None:
    (here.folder / "mesh.toml").write_text("[services.empty]\nendpoints = []\n", "utf-8")
    for words, code in (
        (("nobody/", "--resolver", "file://mesh.toml"), 3),
        (("empty/", "--resolver", "file://mesh.toml"), 4),
        (("orders/", "--resolver", "file://gone.toml"), 5),
        (("orders/",), 2),
        (("orders/", *listed("http://127.0.0.1:1"), "--html", "no/page.html"), 2),
    ):
        ran = here("call", "--repeat", "5", *words)
        assert (ran.code, ran.out) == (code, "")
        assert "\n  fix: " in ran.err


def test_a_host_that_is_no_service_takes_a_load_too(here: Here, shared_backends: tuple[Backend, Backend]) -> None:
    ran = here("call", f"{shared_backends[0].url}/", "--repeat", "3", "-o", "json")
    assert ran.code == 0
    assert_valid(ran.document)
    assert (ran.document["statuses"], ran.document["service"], ran.document["endpoints"]) == ({"200": 3}, None, [])


def test_an_interrupt_shows_what_there_is(
    meshclient_command: Command, shared_backends: tuple[Backend, Backend]
) -> None:
    words = ("call", "orders/", "--repeat", "1000000", "--rate", "100", "-o", "jsonl", "--html", "load.html")
    process = meshclient_command.start(*words, *listed(shared_backends[0].url))
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert "error" not in errors
    whole = json.loads(rest.splitlines()[-1])
    assert_valid(first)
    assert_valid(whole)
    assert whole["interrupted"]
    assert whole["calls"] == len(rest.splitlines()) > 0
    assert "interrupted" in (meshclient_command.folder / "load.html").read_text("utf-8")


class Server(httpx.AsyncBaseTransport):
    """Answers in memory."""

    def __init__(self, answer: Callable[[int], Awaitable[None]]) -> None:
        self._answer = answer
        self.calls = 0

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        self.calls += 1
        await self._answer(self.calls)
        return httpx.Response(200)


def run_of(plan: LoadPlan, answer: Callable[[int], Awaitable[None]]) -> LoadRun:
    """A load that is over."""

    async def run() -> LoadRun:
        async with httpx.AsyncClient(transport=Server(answer)) as client:
            request = WrittenRequest("GET", "http://orders/", (), None)
            made = LoadRun(client, request, plan, extensions={}, ended=lambda _: None, tick=lambda _: None)
            await made.run()
            return made

    return asyncio.run(run())


def test_whoever_hears_of_calls_may_end_them() -> None:
    """Such as a pipe that is closed, which is no error to be told."""

    async def answer(_: int) -> None: ...

    async def run() -> None:
        async with httpx.AsyncClient(transport=Server(answer)) as client:
            plan = LoadPlan(100, 1000.0, 512)
            await LoadRun(client, REQUEST, plan, extensions={}, ended=gone, tick=lambda _: None).run()

    def gone(_: Record) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        asyncio.run(run())


def test_a_stall_meets_every_call_that_was_due() -> None:
    """The first call stands still, with room for no other: those after it wait, and that counts."""

    async def stall_once(number: int) -> None:
        if number == 1:
            await asyncio.sleep(0.2)

    run = run_of(LoadPlan(10, 100.0, 1), stall_once)
    by_number = sorted(run.records)
    assert run.held
    assert [record.due for record in by_number] == pytest.approx([at / 100 for at in range(10)])
    # Due after 10 ms, 20 ms, ... and answered after the stall at the earliest.
    assert all(record.latency >= 0.19 - record.due for record in by_number)
    assert (result_of(run).lateness.max or 0.0) > 0.18
    assert "1 were under way already: they cannot be answered at this --rate" in warnings(result_of(run))[0]


def test_calls_begin_though_others_have_not_ended() -> None:
    async def wait_for_all(_: int) -> None:
        await asyncio.wait_for(all_begun.wait(), LIMIT)

    async def count(number: int) -> None:
        if number == 20:
            all_begun.set()
        await wait_for_all(number)

    all_begun = asyncio.Event()
    run = run_of(LoadPlan(20, 1000.0, 512), count)
    assert len(run.records) == 20


def test_a_closed_loop_has_so_many_under_way() -> None:
    most, now = 0, 0

    async def count(_: int) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    run = run_of(LoadPlan(12, None, 3), count)
    assert (len(run.records), most) == (12, 3)
    assert all(record.due <= record.began for record in run.records)


def result_of(run: LoadRun) -> LoadResult:
    plan = LoadPlan(len(run.records), 100.0, 1)
    return LoadResult(
        REQUEST, plan, datetime.now(UTC), run.records, run.seconds, run.unfinished, run.interrupted, run.held, "orders"
    )


def made() -> LoadResult:
    """The same every time: 200 calls in 2 s, of which some were tried again and some failed."""
    a, b = "http://10.0.0.1:8080", "http://10.0.0.2:8080"
    records = []
    for at in range(200):
        due, took = at / 100, 0.004 + at * 37 % 100 / 10_000 + (0.2 if at % 50 == 49 else 0.0)
        attempts = [Tried(b if at % 3 else a, took / 2, failed=at % 20 == 0, hedge=False)]
        attempts += [Tried(b, took / 3, failed=False, hedge=at % 40 == 0)] if at % 20 == 0 else []
        status, error = (None, "timeout") if at % 50 == 49 else (404 if at % 25 == 24 else 200, "")
        records.append(Record(at + 1, due, due + 0.0001, due + took, status, error, tuple(attempts)))
    plan = LoadPlan(200, 100.0, 512)
    started = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    return LoadResult(REQUEST, plan, started, records, 2.2, 0, interrupted=False, held=False, service="orders")


@pytest.mark.parametrize("form", [Format.TABLE, Format.WIDE, Format.JSON, Format.JSONL, Format.NAME])
def test_what_it_looks_like(form: Format, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    result = made()
    assert_valid(result.as_dict())
    for record in result.records:
        assert_valid(record.as_dict())
    names = [each.endpoint for each in result.endpoints()]
    lines = [result.records[49].as_dict(), result.as_dict()]
    Renderer(form, header=True, color="auto").show(
        Answer(result.as_dict(), sheets(result), names, lines, charts(result))
    )
    assert_golden(f"load.{form}.txt", capsys.readouterr().out, (r"(\d\.\d{6})\d+", r"\1"))
    assert warnings(result) == []


def test_a_stretch_that_the_end_cuts_short_is_no_slowing_down() -> None:
    whole = made()
    (_, timeline) = charts(replace(whole, records=whole.records[:193]))
    assert isinstance(timeline, Timeline)
    assert timeline.series[0].values == pytest.approx([100] * len(timeline.series[0].values))
    # What happened all at once has no course.
    assert [type(chart) for chart in charts(replace(whole, records=whole.records[:1]))] == [Histogram]


def test_the_page_tells_the_same() -> None:
    text = html("Load", page(made()))
    for words in (
        "Latency of 200 calls",
        "Timeline",
        "Shares of the attempts",
        "http://10.0.0.2:8080",
        "404",
        "timeout",
    ):
        assert words in text


def test_no_call_at_all_is_told_too() -> None:
    none = LoadResult(REQUEST, LoadPlan(5, 1.0, 1), datetime.now(UTC), [], 0.1, 1, True, False, None)
    assert_valid(none.as_dict())
    assert charts(none) == []
    assert "interrupted with 1 under way" in sheets(none)[0].caption
    assert none.latency.p99 is None
