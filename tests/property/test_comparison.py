"""Reports of a migration: rare, never stale, and the last one is always the truth."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.migration import Comparison, compared
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import MigrationAgrees, MigrationDiffers
from meshclient.model.snapshot import Empty, Failed, Ready, listing

SETTLE, INTERVAL = 15.0, 60.0
FLEET = [Endpoint(f"10.0.0.{number}", 80) for number in range(1, 4)]

lists = st.lists(st.sampled_from(FLEET), unique=True).map(lambda those: listing(those, source="x://"))
answers = lists | st.builds(Failed, st.sampled_from(["down", "slow"]), source=st.just("x://"), last=st.none() | lists)
steps = st.lists(st.tuples(st.sampled_from([0, 1]), answers, st.sampled_from([0.0, 5.0, 20.0, 90.0])), max_size=30)


@given(steps, st.sampled_from([0.0, INTERVAL]))
def test_reports(run: list[tuple[int, Ready | Empty | Failed, float]], interval: float) -> None:
    comparison = Comparison("orders", SETTLE, interval)
    latest: list[Ready | Empty | Failed | None] = [None, None]
    told: list[tuple[float, object]] = []
    now, end = 0.0, 0.0

    def pass_time() -> None:
        nonlocal now
        # As a timer does: only when there is something to wait for, and only so long.
        while (wait := comparison.wait(now)) is not None and now + wait <= end:
            now += wait
            report = comparison.due(now)
            assert report is not None
            truth = compared("orders", *latest)
            if isinstance(report, MigrationDiffers):
                # All of it, or what of it has stood.
                assert isinstance(truth, MigrationDiffers)
                assert set(report.only_in_a) <= set(truth.only_in_a)
                assert set(report.only_in_b) <= set(truth.only_in_b)
                assert report.only_in_a or report.only_in_b
            else:
                assert report == truth
            told.append((now, report))
        now = end

    for side, answer, pause in run:
        latest[side] = answer
        comparison.hear(side, answer, now)
        end = now + pause
        pass_time()
    end = now + SETTLE + INTERVAL
    pass_time()
    truth = compared("orders", *latest)
    if truth is not None:
        assert told
        assert told[-1][1] == truth
    for (before, one), (after, other) in pairwise(told):
        assert after - before >= interval
        assert one != other


def test_what_lasts_is_told_although_something_else_changes_all_the_time() -> None:
    comparison = Comparison("orders", SETTLE, INTERVAL)
    comparison.hear(1, listing(FLEET[:1], source="b://"), 0.0)
    told = []
    for second in range(0, 300, 5):
        fleeting = Endpoint(f"10.0.1.{second % 250 + 1}", 80)
        flapping = replace(FLEET[2], weight=second + 1.0)
        comparison.hear(0, listing([*FLEET[:2], flapping, fleeting], source="a://"), float(second))
        report = comparison.due(float(second))
        if report is not None:
            assert isinstance(report, MigrationDiffers)
            told.append((second, report))
    assert told[0] == (60, MigrationDiffers("orders", (FLEET[1], replace(FLEET[2], weight=61.0)), ()))
    assert all(len(report.only_in_a) == 2 for _, report in told)


@given(lists, lists)
def test_what_is_compared(a: Ready | Empty, b: Ready | Empty) -> None:
    report = compared("orders", a, b)
    if set(a.endpoints) == set(b.endpoints):
        assert report == MigrationAgrees("orders", len(a.endpoints))
    else:
        assert isinstance(report, MigrationDiffers)
        assert set(report.only_in_a) == set(a.endpoints) - set(b.endpoints)
        assert set(report.only_in_b) == set(b.endpoints) - set(a.endpoints)


@given(answers)
def test_nothing_is_said_where_nobody_can_tell(answer: Ready | Empty | Failed) -> None:
    assert compared("orders", None, answer) is None
    assert compared("orders", answer, None) is None
    assert compared("orders", Failed("down"), answer) is None
    text = compared("orders", listing(FLEET, source="a://"), Failed("down", source="b://"))
    assert text == "b:// cannot be compared: down"


def test_ids_weights_and_schemes_are_no_difference() -> None:
    one = listing([Endpoint("10.0.0.1", 80, id="a", weight=2.0)], source="a://")
    other = listing([Endpoint("10.0.0.1", 80, "https", id="b", zone="z")], source="b://")
    assert compared("orders", one, other) == MigrationAgrees("orders", 1)
