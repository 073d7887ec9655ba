"""``meshclient endpoints``, ``circuits`` and ``stats``: how they show what a process answers."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator

import pytest

from cli.admin_documents import CIRCUITS, ENDPOINTS, SIDECAR, STATS, UNKNOWN, Document, endpoint
from cli.command import FOREIGN
from cli.golden import assert_golden
from cli.schemas import assert_valid
from meshclient.cli.figures import latency, percent, rate, span
from meshclient.cli.main import main

ADDRESS = ("--admin", "unix:run/mesh.sock")
Answers = Callable[[str, Document], None]


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Have a command of this name be answered so, whatever it asks."""

    def answers(command: str, document: Document) -> None:
        monkeypatch.setattr(f"meshclient.cli.{command}.asked", lambda *_, **__: document)

    return answers


SHOWN = [("endpoints", ENDPOINTS), ("circuits", CIRCUITS), ("stats", STATS)]


@pytest.mark.parametrize(("command", "document"), SHOWN, ids=[command for command, _ in SHOWN])
@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl", "name"])
def test_each_form_is_as_it_is_known(
    command: str, document: Document, form: str, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(command, document)
    assert main([command, *ADDRESS, "-o", form]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert_golden(f"{command}.{form}.txt", out)
    if form in {"json", "jsonl"}:
        for text in [out] if form == "json" else out.splitlines():
            assert_valid(json.loads(text))


def test_of_a_sidecar_there_are_its_listeners_too(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    answers("stats", SIDECAR)
    assert main(["stats", *ADDRESS]) == 0
    assert_golden("stats.sidecar.table.txt", capsys.readouterr().out)
    assert main(["stats", *ADDRESS, "-o", "json"]) == 0
    assert_valid(json.loads(capsys.readouterr().out))
    answers("stats", {**SIDECAR, "worker": 1})
    assert main(["stats", *ADDRESS]) == 0
    assert capsys.readouterr().out.startswith("process 4711, worker 1 of its sidecar alone, meshclient 0.1.0, up 3m")
    answers("stats", {**SIDECAR, "services": [], "envoy": {"program": "envoy"}})
    assert main(["stats", *ADDRESS]) == 0
    assert capsys.readouterr().err.startswith("Envoy carries the calls of this sidecar")


def test_what_is_not_known_yet_is_explained(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    answers("endpoints", {"schema": "meshclient.endpoints/v1", "endpoints": [endpoint("10.0.0.7", **UNKNOWN)]})
    assert main(["endpoints", *ADDRESS, "--no-header"]) == 0
    out, err = capsys.readouterr()
    assert out.split() == ["orders", "10.0.0.7:8080", "eu-1a", "in", "rotation", "45.3%", "-", "-", "-", "2", "closed"]
    assert err == "latencies are remembered from now on, for a minute: ask again to see them\n"
    assert main(["endpoints", *ADDRESS, "-q"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["endpoints", "circuits", "stats"])
def test_a_process_that_has_called_nothing_says_so(
    command: str, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing: Document = {"endpoints": [], "circuits": [], "services": []}
    answers(command, {**STATS, **nothing, "schema": f"meshclient.{command}/v1"})
    assert main([command, *ADDRESS]) == 0
    assert capsys.readouterr().err == "the process has called no service yet\n"


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (rate(None), ""),
        (rate(99.94), "99.9"),
        (rate(1234.5), "1234"),
        (percent(1.0), "100%"),
        (percent(0.9999), "99.9%"),
        (percent(0.00001), "0.1%"),
        (percent(0.0), "0%"),
        (percent(2.0), "200%"),
        (latency(0.00042), "0.4ms"),
        (latency(0.0241), "24ms"),
        (latency(1.5), "1.50s"),
        (latency(14.2), "14s"),
        (span(3.62), "3.62s"),
        (span(33.62), "33.6s"),
        (span(235.4), "3m 55s"),
        (span(7200), "2h"),
        (span(90061), "1d 1h"),
    ],
)
def test_figures_are_short_and_never_say_more_than_is_so(told: str, text: str) -> None:
    assert told == text
