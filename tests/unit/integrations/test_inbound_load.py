"""What a server measures of itself, on a clock of the test's own."""

from __future__ import annotations

import pytest

from meshclient.core.balance.load_report import LoadReport
from meshclient.integrations.load import WINDOW, Load


class Processor:
    """Seconds of processor time."""

    def __init__(self) -> None:
        self.busy = 10.0

    def __call__(self) -> float:
        return self.busy


def told(load: Load, now: float, stood: float | None = None) -> LoadReport:
    report = LoadReport.parse(load.look(now, stood))
    assert report is not None
    return report


def test_nothing_is_told_before_there_is_something() -> None:
    load = Load(4, Processor(), 100.0)
    load.entered(1, 100.1)
    assert load.look(100.9, None) == ""
    assert load.look(100.0 + WINDOW, None)


def test_a_window_in_numbers() -> None:
    processor = Processor()
    load = Load(8, processor, 100.0)
    # One from 100 to 102, a second from 101 to 102: on the average one and a half.
    load.entered(1, 100.0)
    load.entered(2, 101.0)
    load.left(1, 102.0, failed=False)
    load.left(0, 102.0, failed=True)
    load.refused()
    load.refused()
    load.left(0, 102.0, failed=None)
    processor.busy += 0.1
    report = told(load, 102.0)
    assert (report.cpu, report.rate, report.errors) == (0.05, 0.5, 1.5)
    assert report.application == pytest.approx(1.5 / 8, rel=1e-5)
    assert report.named == {"in_flight": 1.5, "capacity": 8}


def test_the_next_window_begins_with_nothing_but_who_is_there() -> None:
    load = Load(8, Processor(), 100.0)
    load.entered(4, 100.0)
    told(load, 101.0)
    report = told(load, 103.0)
    assert (report.rate, report.errors, report.named["in_flight"]) == (0, 0, 4)


@pytest.mark.parametrize(
    ("capacity", "busy", "stood", "expected"),
    [(4, 0.0, 0.0, 0.5), (4, 0.9, 0.0, 0.9), (4, 0.0, 0.7, 0.7), (None, 0.3, 0.1, 0.3)],
    ids=["places", "processor", "loop", "no limit"],
)
def test_utilisation_is_that_of_what_is_scarcest(
    capacity: int | None, busy: float, stood: float, expected: float
) -> None:
    processor = Processor()
    load = Load(capacity, processor, 100.0)
    assert load.lag(100.0, 5.0) == 0
    load.entered(2, 100.0)
    processor.busy += busy
    report = told(load, 101.0, 5.0 + stood)
    assert report.application == pytest.approx(expected)
    assert report.named["loop_lag"] == pytest.approx(stood)
    assert ("capacity" in report.named) == (capacity is not None)


def test_the_lag_is_that_of_about_the_last_second() -> None:
    load = Load(None, Processor(), 100.0)
    assert load.lag(100.0, 3.0) == 0
    assert load.lag(100.5, 3.4) == pytest.approx(0.4)
    # The window ends, and is what is told until the next has something worse.
    assert load.lag(101.1, 3.4) == pytest.approx(0.4 / 1.1)
    assert load.lag(101.5, 4.4) == pytest.approx(1.0)
    assert load.lag(102.2, 4.4) == pytest.approx(1 / 1.1)
    assert load.lag(103.3, 4.4) == 0
    # A long time without requests is not the last second.
    assert load.lag(203.3, 4.5) == pytest.approx(0.001)


def test_numbers_of_any_size_are_told_so_that_they_can_be_read() -> None:
    processor = Processor()
    load = Load(1, processor, 0.0)
    for _ in range(3):
        load.left(0, 0.0, failed=False)
    processor.busy += 1e-9
    assert told(load, 1e9).rate == pytest.approx(3e-9)
