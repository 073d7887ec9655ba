"""Load reports: read whatever comes, weigh what makes sense, forget what is old."""

from __future__ import annotations

import json
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.load_report import BOUND, LONGEST, LoadReport, LoadWeights, Reported

numbers = st.one_of(st.just(0.0), st.floats(1e-3, 1e6))
reports = st.builds(
    LoadReport,
    cpu=numbers,
    memory=numbers,
    application=numbers,
    rate=numbers,
    errors=numbers,
    named=st.dictionaries(st.from_regex(r"[a-z_.]{1,9}", fullmatch=True), st.floats(-1e6, 1e6), max_size=3),
)
FIELDS = {
    "cpu": "cpu_utilization",
    "memory": "mem_utilization",
    "application": "application_utilization",
    "rate": "rps_fractional",
    "errors": "eps",
}
RULE = LoadWeights()
PARTS = (*FIELDS.values(), "TEXT ", "JSON ", "BIN ", "named_metrics.", *"=:, {}[]", '"', "\0")
VALUES = ("0.3", "-1", "nan", "inf", "1e999", "null", "true", "9" * 400)
fragments = st.lists(st.sampled_from(PARTS + VALUES), max_size=12).map("".join)


def text(report: LoadReport, sign: str = "=") -> str:
    pairs = [f"{name}{sign}{getattr(report, kept)!r}" for kept, name in FIELDS.items()]
    pairs += [f"named_metrics.{name}{sign}{value!r}" for name, value in report.named.items()]
    return "TEXT " + ", ".join(pairs)


@given(reports, st.sampled_from("=:"))
def test_text_is_read_as_it_was_written(report: LoadReport, sign: str) -> None:
    assert LoadReport.parse(text(report, sign)) == report


@given(reports, st.booleans(), st.booleans())
def test_json_is_read_as_it_was_written(report: LoadReport, camel: bool, quoted: bool) -> None:
    found: dict[str, object] = {}
    for kept, name in {**FIELDS, "named": "named_metrics"}.items():
        first, *rest = name.split("_")
        value = getattr(report, kept)
        spelled = first + "".join(map(str.capitalize, rest)) if camel else name
        found[spelled] = dict(value) if kept == "named" else repr(value) if quoted else value
    assert LoadReport.parse("JSON " + json.dumps(found)) == report


@given(st.one_of(st.text(), fragments, st.tuples(st.sampled_from(["TEXT ", "JSON "]), fragments).map("".join)))
def test_garbage_is_a_report_of_sound_numbers_or_none(given_one: str) -> None:
    report = LoadReport.parse(given_one)
    if report is not None:
        for kept in FIELDS:
            assert isfinite(getattr(report, kept))
            assert getattr(report, kept) >= 0
        assert all(isfinite(value) for value in report.named.values())
        weight = RULE.weight(report)
        assert weight is None or (isfinite(weight) and weight > 0)


@pytest.mark.parametrize(
    "given_one",
    [
        "",
        "TEXT",
        "TEXT ",
        "JSON {}",
        "TEXT utilization.disk=0.5",
        "TEXT cpu_utilization=0.3,",
        'JSON {"new_field": {"x": []}, "cpu_utilization": 1}',
    ],
)
def test_what_nobody_knows_is_passed_over(given_one: str) -> None:
    report = LoadReport.parse(given_one)
    assert (report is None) is (given_one == "")


@pytest.mark.parametrize(
    "given_one",
    [
        "BIN CgkJMzMzMzMz0z8=",
        "text cpu_utilization=0.3",
        "cpu_utilization=0.3",
        "TEXT cpu_utilization=-0.3",
        "TEXT cpu_utilization=nan",
        "TEXT rps_fractional=inf",
        "TEXT cpu_utilization=0.3,cpu_utilization=0.3",
        "TEXT named_metrics.a=1,named_metrics.a=1",
        "TEXT cpu_utilization",
        "TEXT cpu_utilization=",
        "JSON 3",
        "JSON [1]",
        'JSON {"eps": true}',
        'JSON {"eps": null}',
        'JSON {"eps": NaN}',
        'JSON {"named_metrics": 3}',
        'JSON {"eps": 1' + "0" * 400 + "}",
        "JSON " + "[" * (LONGEST - 5),
        "TEXT " + " " * LONGEST + "eps=1",
    ],
)
def test_what_cannot_be_trusted_is_refused(given_one: str) -> None:
    assert LoadReport.parse(given_one) is None


@given(reports)
def test_the_weight_is_the_formula(report: LoadReport) -> None:
    used = report.application or report.cpu
    weight = RULE.weight(report)
    if weight is None:
        assert not report.rate or not used
    else:
        assert weight == pytest.approx(report.rate / (used + report.errors / report.rate))


@given(reports, st.floats(1.01, 100))
def test_failing_more_never_weighs_more(report: LoadReport, more: float) -> None:
    sound = LoadReport(report.cpu, report.memory, report.application, report.rate)
    failing = LoadReport(report.cpu, report.memory, report.application, report.rate, report.errors * more)
    assert (RULE.weight(failing) or 0) <= (RULE.weight(report) or 0) * (1 + 1e-9)
    assert (RULE.weight(report) or 0) <= (RULE.weight(sound) or 0) * (1 + 1e-9)


GOOD = LoadReport(cpu=0.5, rate=10)


def test_an_endpoint_is_read_once_a_second() -> None:
    reported = Reported()
    read = []
    for tenth in range(50):
        now = 1000 + tenth / 10
        if RULE.wanted(reported, now):
            read.append(now)
            RULE.take(reported, GOOD, now)
    assert read == [1000, 1001, 1002, 1003, 1004]
    # A clock that went back stops nobody.
    assert RULE.wanted(reported, 900)


@given(st.lists(st.tuples(st.floats(0, 400), st.booleans()), max_size=12), st.floats(0, 400))
def test_reports_count_after_the_blackout_and_until_they_expire(steps: list[tuple[float, bool]], wait: float) -> None:
    reported = Reported()
    now, row = 1000.0, list[float]()
    for seconds, says_enough in steps:
        now += seconds
        RULE.take(reported, GOOD if says_enough else LoadReport(cpu=0.5), now)
        if says_enough:
            row = [*row, now] if row and now - row[-1] < RULE.expiry else [now]
    now += wait
    counts = bool(row) and now - row[-1] < RULE.expiry and now - row[0] >= RULE.blackout
    assert RULE.read(reported, now) == (20.0 if counts else None)


def test_after_a_silence_the_blackout_begins_anew() -> None:
    reported = Reported()
    for now in (0.0, 20.0, 20.0 + RULE.expiry):
        RULE.take(reported, GOOD, now)
    assert RULE.read(reported, 29.9 + RULE.expiry) is None
    assert RULE.read(reported, 30.0 + RULE.expiry) == 20.0


@pytest.mark.parametrize(
    "report",
    [
        LoadReport(cpu=1e-300, rate=1e300),
        LoadReport(cpu=1.0, rate=1e-300, errors=1e300),
        LoadReport(cpu=1.0),
        LoadReport(rate=1.0, memory=1.0),
    ],
)
def test_what_gives_no_sound_weight_gives_none(report: LoadReport) -> None:
    assert RULE.weight(report) is None


def told(*weights: float | None) -> list[Reported]:
    return [Reported() if weight is None else Reported(weight, since=0.0, latest=15.0) for weight in weights]


@given(st.lists(st.one_of(st.none(), st.floats(1e-300, 1e300)), max_size=20))
def test_factors_are_in_proportion_within_bounds(weights: list[float | None]) -> None:
    factors = RULE.factors(told(*weights), 20.0)
    assert len(factors) == len(weights)
    assert all(1 / BOUND <= factor <= BOUND for factor in factors)
    known = [(weight, factor) for weight, factor in zip(weights, factors, strict=True) if weight is not None]
    if len(known) < 2:
        assert factors == [1.0] * len(factors)
        return
    for weight, factor in known:
        for other, its in known:
            assert (weight < other) <= (factor <= its)
            if 1 / BOUND < factor < BOUND and 1 / BOUND < its < BOUND:
                assert factor / its == pytest.approx(weight / other)
    mean = sum(factor for _, factor in known) / len(known)
    assert all(f == pytest.approx(mean) for w, f in zip(weights, factors, strict=True) if w is None)


def test_one_false_report_moves_nobody_else() -> None:
    assert RULE.factors(told(20, 20, 20, 1e200), 20.0) == [1.0, 1.0, 1.0, BOUND]
