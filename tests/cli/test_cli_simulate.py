"""``meshclient simulate``: scenarios and recordings under a configuration, in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.command import Command
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import Kind, Outcome
from meshclient.testing.simulate.record import Record
from meshclient.testing.simulate.scenarios.catalogue import SCENARIOS


def test_the_scenarios_are_listed(meshclient_command: Command) -> None:
    ran = meshclient_command("simulate", "--list", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["schema"] == "meshclient.simulate_list/v1"
    assert [each["name"] for each in ran.document["scenarios"]] == list(SCENARIOS)
    assert all(each["summary"] and each["wanted"] for each in ran.document["scenarios"])
    assert meshclient_command("simulate", "--list", "-o", "name").out.split() == list(SCENARIOS)
    assert "all 3 instances fail for 10 s" in meshclient_command("simulate", "--list").out


def test_a_run_is_a_document(meshclient_command: Command) -> None:
    words = ("simulate", "--scenario", "fast_fail", "--seed", "7", "--rate", "50", "--duration", "11s", "-o", "json")
    ran = meshclient_command(*words)
    assert (ran.code, ran.err) == (0, "")
    document = ran.document
    assert (document["schema"], document["scenario"]) == ("meshclient.simulate/v1", "fast_fail")
    (run,) = document["runs"]
    assert run["seed"] == 7
    assert 400 < run["calls"] < 700
    assert len(run["slices"]) == 11
    assert [(each["met"], each["runs"]) for each in document["wanted"]] == [(1, 1), (1, 1)]
    assert meshclient_command(*words).out == ran.out


def test_a_run_is_a_table(meshclient_command: Command) -> None:
    ran = meshclient_command("simulate", "--scenario", "fast_fail", "--rate", "50")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "fast_fail"
    assert lines[1].split()[:4] == ["SEED", "CALLS", "SUCCESS", "P50"]
    assert "100.00%" in lines[2]
    assert lines[4].split()[-3:] == ["i1", "i2", "i3"]
    assert "1 of 1" in lines[-1]


def test_several_seeds_are_several_rows(meshclient_command: Command) -> None:
    ran = meshclient_command("simulate", "--scenario", "fast_fail", "--rate", "50", "--seed", "3", "--seeds", "2")
    assert [line.split()[0] for line in ran.out.splitlines()[2:4]] == ["3", "4"]
    assert "2 of 2" in ran.out
    lines = meshclient_command(
        "simulate", "--scenario", "fast_fail", "--rate", "50", "--seeds", "2", "-o", "jsonl"
    ).lines
    assert [line["seed"] for line in lines] == [1, 2]


def test_the_configuration_decides(meshclient_command: Command, tmp_path: Path) -> None:
    (tmp_path / "meshclient.toml").write_text("[services.orders]\nretry = false\n", "utf-8")
    words = ("simulate", "--scenario", "half_fail", "--rate", "50", "-o", "json")

    def retries(*more: str) -> int:
        return int(meshclient_command(*words, *more).document["runs"][0]["retries"])

    assert retries() > 0
    assert retries("--service", "orders") == 0
    assert retries("--service", "billing") > 0
    assert retries("--set", "defaults.retry=false") == 0


def test_a_recording_is_replayed(meshclient_command: Command, tmp_path: Path) -> None:
    ends = [Outcome(Kind.OK, 200), Outcome(Kind.SERVER_ERROR, 503)]
    records = [
        Record(n / 10, "orders", Endpoint(f"10.0.0.{n % 2 + 1}", 80), 1, ends[n % 2], 0.01).line() for n in range(100)
    ]
    (tmp_path / "attempts.jsonl").write_text("\n".join(records), "utf-8")
    ran = meshclient_command("simulate", "--replay", "attempts.jsonl", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    (run,) = ran.document["runs"]
    assert (run["scenario"], run["calls"], run["succeeded"]) == ("replay", 100, 100)
    assert run["shares"]["10.0.0.1:80"] > 0.9
    assert ran.document["wanted"] == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "give either --scenario NAME or --replay FILE"),
        (("--scenario", "fast_fail", "--replay", "x"), "give either --scenario NAME or --replay FILE"),
        (("--scenario", "nothing"), "'nothing' is not one of 'fast_fail'"),
        (("--replay", "missing.jsonl"), "missing.jsonl"),
        (("--scenario", "fast_fail", "--service", "no/name"), "'no/name' is not a service name"),
        (("--scenario", "fast_fail", "--rate", "0"), "0.0 is not in the range"),
        (("--scenario", "fast_fail", "--set", "defaults.retyr=false"), "unknown key"),
    ],
)
def test_a_wrong_question_is_refused(meshclient_command: Command, words: tuple[str, ...], complaint: str) -> None:
    ran = meshclient_command("simulate", *words)
    assert (ran.code, ran.out) == (2, "")
    assert complaint in ran.err
