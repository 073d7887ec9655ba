"""``meshclient simulate``: scenarios and recordings under a configuration, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid
from meshclient.config.shape import ServiceConfig
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import Kind, Outcome
from meshclient.testing.simulate.record import Record
from meshclient.testing.simulate.scenarios.catalogue import SCENARIOS


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in an empty folder."""
    return Here(tmp_path, capsys, monkeypatch)


def test_the_scenarios_are_listed(here: Here) -> None:
    ran = here("simulate", "--list", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["schema"] == "meshclient.simulate_list/v1"
    assert [each["name"] for each in ran.document["scenarios"]] == list(SCENARIOS)
    assert all(each["summary"] and each["wanted"] for each in ran.document["scenarios"])
    assert here("simulate", "--list", "-o", "name").out.split() == list(SCENARIOS)
    assert "all 3 instances fail for 10 s" in here("simulate", "--list").out
    assert_valid(ran.document)
    for line in here("simulate", "--list", "-o", "jsonl").lines:
        assert_valid(line)


def test_a_run_is_a_document(here: Here) -> None:
    words = ("simulate", "--scenario", "fast_fail", "--seed", "7", "--rate", "50", "--duration", "11s", "-o", "json")
    ran = here(*words)
    assert (ran.code, ran.err) == (0, "")
    document = ran.document
    assert (document["schema"], document["scenario"]) == ("meshclient.simulate/v1", "fast_fail")
    assert_valid(document)
    (run,) = document["runs"]
    assert run["seed"] == 7
    assert 400 < run["calls"] < 700
    assert len(run["slices"]) == 11
    assert [(each["met"], each["runs"]) for each in document["wanted"]] == [(1, 1), (1, 1)]
    assert here(*words).out == ran.out


def test_a_run_is_a_table(here: Here) -> None:
    ran = here("simulate", "--scenario", "fast_fail", "--rate", "50")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "fast_fail"
    assert lines[1].split()[:4] == ["SEED", "CALLS", "SUCCESS", "P50"]
    assert "100.00%" in lines[2]
    assert lines[4].split()[-3:] == ["i1", "i2", "i3"]
    assert next(line for line in lines if line.startswith("failed idempotent calls: 0")).endswith("1 of 1")
    assert "Latency of " in ran.out
    assert "Timeline, seed 1" in ran.out


def test_several_seeds_are_several_rows(here: Here) -> None:
    ran = here("simulate", "--scenario", "fast_fail", "--rate", "50", "--seed", "3", "--seeds", "2")
    assert [line.split()[0] for line in ran.out.splitlines()[2:4]] == ["3", "4"]
    assert "2 of 2" in ran.out
    lines = here("simulate", "--scenario", "fast_fail", "--rate", "50", "--seeds", "2", "-o", "jsonl").lines
    assert [line["seed"] for line in lines] == [1, 2]
    for line in lines:
        assert_valid(line)


def test_the_configuration_decides(here: Here, tmp_path: Path) -> None:
    (tmp_path / "meshclient.toml").write_text("[services.orders]\nretry = false\n", "utf-8")
    words = ("simulate", "--scenario", "half_fail", "--rate", "50", "-o", "json")

    def retries(*more: str) -> int:
        return int(here(*words, *more).document["runs"][0]["retries"])

    assert retries() > 0
    assert retries("--service", "orders") == 0
    assert retries("--service", "billing") > 0
    assert retries("--set", "defaults.retry=false") == 0


def test_a_recording_is_replayed(here: Here, tmp_path: Path) -> None:
    ends = [Outcome(Kind.OK, 200), Outcome(Kind.SERVER_ERROR, 503)]
    records = [
        Record(n / 10, "orders", Endpoint(f"10.0.0.{n % 2 + 1}", 80), 1, ends[n % 2], 0.01).line() for n in range(100)
    ]
    (tmp_path / "attempts.jsonl").write_text("\n".join(records), "utf-8")
    ran = here("simulate", "--replay", "attempts.jsonl", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    (run,) = ran.document["runs"]
    assert (run["scenario"], run["calls"], run["succeeded"]) == ("replay", 100, 100)
    assert_valid(ran.document)
    assert run["shares"]["10.0.0.1:80"] > 0.9
    assert ran.document["wanted"] == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "give either --scenario NAME or --replay FILE"),
        (("--scenario", "fast_fail", "--replay", "x"), "give either --scenario NAME or --replay FILE"),
        (("--scenario", "nothing"), "'nothing' is not one of 'fast_fail'"),
        (("--replay", "missing.jsonl"), "missing.jsonl"),
        (("--scenario", "fast_fail", "--html", "no/page.html"), "the page cannot be written to 'no/page.html'"),
        (("--scenario", "fast_fail", "--service", "no/name"), "'no/name' is not a service name"),
        (("--scenario", "fast_fail", "--rate", "0"), "0.0 is not in the range"),
        # One would never end, and one call nobody.
        (("--scenario", "fast_fail", "--rate", "inf"), "inf calls per second"),
        (("--scenario", "fast_fail", "--rate", "nan"), "nan calls per second"),
        (("--scenario", "fast_fail", "--set", "defaults.retyr=false"), "unknown key"),
    ],
)
def test_a_wrong_question_is_refused(here: Here, words: tuple[str, ...], complaint: str) -> None:
    ran = here("simulate", *words)
    assert (ran.code, ran.out) == (2, "")
    assert complaint in ran.err


FEW = ("simulate", "--scenario", "half_fail", "--rate", "40", "--duration", "4s")


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl", "name"])
def test_what_it_looks_like(here: Here, form: str) -> None:
    ran = here(*FEW, "-o", form)
    assert (ran.code, ran.err) == (0, "")
    assert_golden(f"simulate.{form}.txt", ran.out, (r"(\.\d{6})\d+", r"\1"))
    listed = here("simulate", "--list", "-o", form)
    assert_golden(f"simulate_list.{form}.txt", listed.out)


def test_a_page_shows_the_same(here: Here) -> None:
    ran = here(*FEW, "--seeds", "2", "--html", "page.html")
    assert ran.code == 0
    page = (here.folder / "page.html").read_text("utf-8")
    for words in (
        "one of 3 instances fails half of its requests",
        "Timeline, seed 1",
        "of all 2 runs together",
        "Wanted",
    ):
        assert words in page
    for line in ran.out.splitlines():
        if line.startswith("Latency of"):
            assert line in page


def test_a_tick_changes_nothing() -> None:
    simulation = SCENARIOS["half_fail"].build(ServiceConfig())
    short = replace(simulation, duration=3.0)
    told: list[float] = []
    assert short.run(1, told.append) == short.run(1)
    assert told == [0.0, 1.0, 2.0]
    report = short.run(1)
    assert len(report.latencies) == report.calls
    assert list(report.latencies) == sorted(report.latencies)
