"""``meshclient lint``: the arithmetic of a configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid
from meshclient.cli.lint.amplification import circle, edge, graph
from meshclient.cli.lint.finding import PAGE
from meshclient.cli.lint.linting import RULES
from meshclient.config.policy_shape import HedgeConfig, RetryConfig
from meshclient.config.shape import ServiceConfig

# What each rule finds: a table of one service, options, and words of its finding with the numbers.
CASES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "ML001": ('hash_key = "path"', (), "means nothing to"),
    "ML101": ('deadline = "1s"\nattempt_timeout = "600ms"', (), "2 x 600ms and 37.5ms of pauses are 1.24s"),
    "ML102": ('deadline = "1s"\nretry = { attempts = 3, backoff = "2s..4s" }', (), "2 pauses take 3s on average"),
    "ML103": ('deadline = "1100ms"\nattempt_timeout = "500ms"', (), "attempt 3 of 3 has 62.5ms left"),
    "ML104": ('connect_timeout = "6s"', (), "a connection may take 6s, an attempt 5s"),
    "ML105": ("deadline = false\nattempt_timeout = false", (), "neither a deadline nor an attempt_timeout"),
    "ML106": ('deadline = "4s"\nattempt_timeout = "5s"', (), "an attempt may take 5s, its call 4s"),
    "ML107": ('limit = { queue = 10, patience = "15s" }', (), "patience is 15s, the deadline 15s"),
    "ML201": ("retry = { budget = 0, budget_floor = 0 }", (), "nothing is ever repeated"),
    "ML202": ("hedge = { extra = 0 }", (), "hedge.extra is 0"),
    "ML203": ("hedge = true\nretry = { budget = 0, budget_floor = 0 }", (), "retry.budget_floor are 0"),
    "ML204": ("hedge = { extra = 0.02, quantile = 0.9 }", (), "only one in 5 of the calls"),
    "ML205": ("hedge = { extra = 0.3 }", (), "hedge.extra is 0.3 and retry.budget 0.2"),
    "ML206": ("circuit = { min_calls = 20, consecutive = 20 }", (), "20 failures in a row are at least"),
    "ML301": ("", ("--calls", "web -> stock -> orders"), "9 times without budgets, 1.44 with them, 1.04 once"),
    "ML302": ("", ("--calls", "web -> orders -> web"), "web -> orders -> web"),
    "ML303": ("", ("--calls", "web -> stock -> orders"), "a call of orders may take 15s, an attempt at stock 5s"),
    "ML401": ("", ("--resolver", "cloudmap://prod", "--hosts", "20000"), "4,000 questions a second of the 3,000"),
    "ML402": ("", ("--resolver", "cloudmap://prod?health_interval=5s", "--hosts", "6000"), "1,200 questions a second"),
    "ML403": ("", ("--resolver", "cloudmap://prod", "--hosts", "2001"), "2,001 processes x 1 service"),
    "ML404": ("", ("--resolver", "dns://", "--hosts", "1", "--processes", "300"), "up to 600 packets a second"),
    "ML405": ("", ("--resolver", "dynamodb://t", "--hosts", "3"), "3 processes / 0.25 s = 12 reads a second"),
    "ML406": ("", ("--resolver", "dynamodb://t?streams=off", "--hosts", "20000"), "4,000 queries a second"),
    "ML407": ("", ("--resolver", "consul://c:8500", "--hosts", "1", "--processes", "201"), "201 connections"),
    "ML501": ("", ("--size", "orders=1"), "there is 1 endpoint"),
    "ML502": ("hedge = true", ("--size", "orders=1"), "a hedge goes to another endpoint, and there is 1"),
    "ML503": ("ejection = { max_ejected = 0.1 }", ("--size", "orders=3"), "0.1 x 3 is less than one"),
    "ML504": ("ejection = { panic = 0.6 }", ("--size", "orders=2"), "1 of 2 are 50%, ejection.panic is 60%"),
    "ML505": ("subset = true", ("--size", "orders=20"), "there are 20, subset.fleet is 100"),
    "ML506": ("subset = { size = 150 }", ("--size", "orders=120"), "subset.size is 150, and there are 120"),
    "ML507": ("", ("--size", "orders=5", "--set", "zone=a"), "5 endpoints, zones count from 6 on"),
    "ML508": ("", ("--size", "orders=2"), "attempt 3 of 3 goes to an endpoint that has just failed"),
    "ML509": ("limit = { endpoint = 10 }", ("--size", "orders=3"), "limit.endpoint 10 x 3 endpoints are 30"),
    "ML601": ("circuit = true", ("--rps", "orders=1"), "1 calls a second x 10s are 10, circuit.min_calls is 20"),
    "ML602": ("", ("--rps", "orders=1"), "1 calls a second x 10s are 10, throttle.min_calls is 20"),
    "ML603": ("hedge = true", ("--rps", "orders=3"), "3 calls a second x 30 s are 90 answers"),
    "ML604": ("", ("--rps", "orders=0.1", "--size", "orders=4"), "each of 4 endpoints is called every 40s"),
    "ML605": ("", ("--rps", "orders=2", "--hosts", "10"), "10 processes together 34 a second"),
}


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command, in an empty folder."""
    return Here(tmp_path, capsys, monkeypatch)


def findings(here: Here, table: str, *words: str) -> list[dict[str, Any]]:
    (here.folder / "meshclient.toml").write_text(f"[services.orders]\n{table}\n", "utf-8")
    ran = here("lint", *words, "-o", "json")
    assert ran.code in (0, 1), ran.err
    assert_valid(ran.document)
    found: list[dict[str, Any]] = ran.document["findings"]
    assert ran.code == int(any(each["level"] == "error" for each in found))
    return found


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_each_rule_finds_what_it_is_for(here: Here, rule: str) -> None:
    table, words, says = CASES[rule]
    found = [each for each in findings(here, table, *words) if each["id"] == rule]
    assert found, f"{rule} finds nothing"
    told = [f"{each['what']} {each['why']}" for each in found]
    assert any(says in each for each in told), told
    for each in found:
        assert each["fix"]
        assert each["documentation"] == f"{PAGE}#{rule.lower()}"


def test_the_defaults_are_beyond_reproach(here: Here) -> None:
    assert findings(here, "") == []
    # Nor are they where a service is as services mostly are.
    words = ("--size", "orders=6", "--rps", "orders=50", "--hosts", "20", "--resolver", "cloudmap://prod")
    assert findings(here, "", *words) == []


@pytest.mark.parametrize(
    ("table", "words", "rule"),
    [
        ('deadline = "2s"\nattempt_timeout = "600ms"\nconnect_timeout = "100ms"', (), "ML101"),
        ("hedge = { extra = 0.1, quantile = 0.9 }", (), "ML204"),
        ("hedge = { extra = 0.2 }", (), "ML205"),
        ("circuit = { min_calls = 20, consecutive = 19 }", (), "ML206"),
        ("", ("--calls", "web -> orders"), "ML303"),
        ("", ("--resolver", "cloudmap://prod?share=on", "--hosts", "2000", "--processes", "9"), "ML403"),
        ("", ("--resolver", "cloudmap://prod?share", "--hosts", "2000", "--processes", "9"), "ML403"),
        ("", ("--resolver", "dynamodb://t", "--hosts", "2"), "ML405"),
        ("", ("--resolver", "consul://c:8500", "--hosts", "9999", "--processes", "99"), "ML407"),
        ("", ("--resolver", "cloudmap://prod", "--hosts", "0"), "ML401"),
        ("ejection = { panic = 0.5 }", ("--size", "orders=2"), "ML504"),
        ("subset = true", ("--size", "orders=100"), "ML505"),
        ("", ("--size", "orders=3"), "ML508"),
        ("circuit = true", ("--rps", "orders=2"), "ML601"),
        ("hedge = true", ("--rps", "orders=3.4"), "ML603"),
    ],
)
def test_on_this_side_of_the_bound_nothing_is_found(here: Here, table: str, words: tuple[str, ...], rule: str) -> None:
    assert rule not in {each["id"] for each in findings(here, table, *words)}


def test_a_value_of_the_defaults_is_blamed_once(here: Here) -> None:
    (here.folder / "meshclient.toml").write_text(
        '[defaults]\ndeadline = "1s"\nconnect_timeout = "50ms"\n'
        '[services.orders]\n[services.orders.routes."/slow"]\nattempt_timeout = "900ms"\n'
        "[services.stock]\nhedge = true\n",
        "utf-8",
    )
    found = here("lint", "-o", "json").document["findings"]
    assert [(each["id"], each["subject"]) for each in found] == [
        ("ML101", "orders /slow"),
        ("ML101", "defaults"),
    ]


@pytest.mark.parametrize(
    ("table", "words", "levels"),
    [
        # What nobody wrote gives way.
        ('deadline = "2s"', (), {"ML101": "info"}),
        ('deadline = "30ms"', (), {"ML101": "info", "ML102": "info", "ML104": "info"}),
        ('attempt_timeout = "1s"', (), {"ML104": "info"}),
        ('deadline = "2s"\nretry = false', (), {}),
        # What somebody wrote does not, wherever that was.
        ('deadline = "2s"\nretry.attempts = 3', (), {"ML101": "warning"}),
        ('deadline = "2s"', ("--set", "defaults.attempt_timeout=5s"), {"ML101": "warning", "ML106": "warning"}),
        ('attempt_timeout = "5s"', ("--set", "defaults.deadline=2s"), {"ML101": "warning", "ML106": "warning"}),
        ('deadline = "1s"\nconnect_timeout = "1s"\nretry = false', (), {"ML104": "warning"}),
    ],
)
def test_a_default_that_is_cut_short_is_no_warning(
    here: Here, table: str, words: tuple[str, ...], levels: dict[str, str]
) -> None:
    found = [each for each in findings(here, table, *words) if each["subject"] == "orders"]
    assert {each["id"]: each["level"] for each in found} == levels


def test_what_is_advised_is_enough(here: Here) -> None:
    (found,) = findings(here, 'deadline = "10s"\nretry.attempts = 3\nconnect_timeout = "50ms"')
    attempt, deadline = re.findall(r"(?:attempt_timeout|deadline) to ([0-9.]+s)", found["fix"])
    table = 'deadline = "{}"\nattempt_timeout = "{}"\nretry.attempts = 3\nconnect_timeout = "50ms"'
    assert findings(here, table.format("10s", attempt)) == []
    assert findings(here, table.format(deadline, "5s")) == []


def test_what_is_said_at_loading_is_not_said_twice(here: Here) -> None:
    found = findings(here, 'deadline = "4s"\nattempt_timeout = "5s"')
    assert [each["id"] for each in found if each["id"] in ("ML001", "ML106")] == ["ML106"]


def test_load_along_a_graph(here: Here) -> None:
    (here.folder / "calls.txt").write_text("# who calls whom\nweb -> orders -> stock\nweb -> stock\n", "utf-8")
    loads = here("lint", "--calls", "@calls.txt", "-o", "json").document["amplification"]
    orders, stock = loads
    assert (orders["worst"], orders["budgeted"], orders["single_call"]) == (3, pytest.approx(1.2), 3)
    # Once by way of orders and once directly: two calls, and the load of each.
    assert stock["calls"] == 2
    assert stock["worst"] == 3 * (3 + 1)
    assert stock["budgeted"] == pytest.approx(1.2 * (1.2 + 1))
    assert stock["path"] == ["web", "orders", "stock"]
    three = here("lint", "--calls", "web -> a -> b -> c", "-o", "json").document["amplification"][-1]
    assert (three["worst"], three["single_call"]) == (27, 7)
    assert three["budgeted"] == pytest.approx(1.2**3)
    assert three["outage"] == pytest.approx(1.02**3)


def test_edges_and_circles() -> None:
    assert edge(ServiceConfig(retry=None)).worst == 1
    assert edge(ServiceConfig(retry=None, hedge=HedgeConfig(0.05))).budgeted == pytest.approx(1.05)
    assert edge(ServiceConfig(retry=RetryConfig(attempts=2, budget=1.0, budget_floor=0))).budgeted == 2
    # A floor of three a second is more than two calls a second can use.
    assert edge(ServiceConfig(retry=RetryConfig(attempts=2)), rate=2).budgeted == 2
    assert circle(graph([("a", "b", "c"), ("a", "c")])) == ()
    assert set(circle(graph([("x", "a"), ("a", "b", "c", "a")]))) == {"a", "b", "c"}


def test_sizes_are_observed(here: Here) -> None:
    (here.folder / "list.toml").write_text('[services.orders]\nendpoints = ["http://10.0.0.1:80"]', "utf-8")
    ran = here("lint", "--resolver", "file://list.toml", "--observe", "orders", "nobody", "-o", "json")
    assert ran.code == 0
    assert ran.err == "warning: nobody could not be observed: file://list.toml has no list of it\n"
    assert ran.document["given"]["sizes"] == [{"service": "orders", "endpoints": 1, "observed": True}]
    assert [each["id"] for each in ran.document["findings"]] == ["ML501"]
    # What somebody says is the stronger.
    ran = here("lint", "--resolver", "file://list.toml", "--observe", "--size", "orders=9", "-o", "json")
    assert ran.document["given"]["sizes"] == [{"service": "orders", "endpoints": 9, "observed": False}]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--set", "defaults.hedge.extra=0"), 0),
        (("--set", "defaults.hedge.extra=0", "--fail-on", "warning"), 1),
        (("--set", "defaults.deadline=false", "--set", "defaults.attempt_timeout=false"), 1),
        (("--size", "orders"), 2),
        (("--size", "orders=0"), 2),
        (("--rps", "orders=nan"), 2),
        (("--calls", "web"), 2),
        (("--calls", "web -> o rders"), 2),
        (("--calls", "@missing.txt"), 2),
        (("o rders",), 2),
        (("--set", "defaults.deadlin=1s"), 2),
        (("--observe", "orders", "--resolver", "nope://"), 2),
    ],
)
def test_exit_codes(here: Here, words: tuple[str, ...], code: int) -> None:
    assert here("lint", *words).code == code


_GOLDEN = """\
resolver = "cloudmap://prod?interval=1s"
[services.orders]
deadline = "1s"
attempt_timeout = "600ms"
connect_timeout = "100ms"
hedge = { extra = 0.02, quantile = 0.9 }
"""


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl", "name"])
def test_what_is_written(here: Here, form: str) -> None:
    (here.folder / "meshclient.toml").write_text(_GOLDEN, "utf-8")
    words = ("--calls", "web -> orders -> stock", "--hosts", "1800", "--size", "orders=2", "--rps", "orders=4")
    ran = here("lint", *words, "-o", form, COLUMNS="100")
    assert (ran.code, ran.err) == (1, "")
    for document in [ran.document] if form == "json" else ran.lines if form == "jsonl" else []:
        assert_valid(document)
    assert_golden(f"lint.{form}.txt", ran.out, (r"\S*/meshclient.toml", "FOLDER/meshclient.toml"))


def test_all_that_can_be_found_is_listed_and_documented(here: Here) -> None:
    ran = here("lint", "--list", "-o", "json")
    assert_valid(ran.document)
    assert [each["id"] for each in ran.document["rules"]] == sorted(CASES)
    page = (Path(__file__).parents[2] / PAGE).read_text("utf-8")
    told = [line for line in page.splitlines() if line.startswith("### ")]
    assert told == [f"### {rule.id}" for rule in RULES]
    for rule in RULES:
        _, _, section = page.partition(f"### {rule.id}\n")
        assert section.startswith(f"\n**{rule.level}** · {rule.meaning}\n"), rule.id
        text = section.partition("\n### ")[0].partition("\n## ")[0]
        assert len(text.split()) > 30, f"{rule.id} is not explained"


def test_nothing_to_say(here: Here) -> None:
    assert here("lint").out == "no file: nothing to say\n"
