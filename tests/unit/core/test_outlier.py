"""Ejection, one endpoint at a time."""

import pytest

from meshclient.core.outlier import Change, Outlier, Standing
from meshclient.model.outcome import Mark

RULE = Outlier(consecutive=3, base=4.0, limit=20.0)


def told(standing: Standing, *marks: Mark, probe: bool = False, room: bool = True, now: float = 100.0) -> list[Change]:
    return [RULE.record(standing, mark, probe=probe, room=room, now=now, chance=0.0) for mark in marks]


def test_so_many_failures_in_a_row_eject() -> None:
    standing = Standing()
    assert told(standing, *[Mark.FAILURE] * 3) == [Change.NONE, Change.NONE, Change.EJECTED]
    assert standing == Standing(failures=3, ejections=1, until=102.0)


def test_a_success_in_between_starts_the_count_again() -> None:
    standing = Standing()
    marks = [Mark.FAILURE, Mark.FAILURE, Mark.SUCCESS, Mark.FAILURE, Mark.FAILURE]
    assert set(told(standing, *marks)) == {Change.NONE}
    assert standing.failures == 2


def test_a_neutral_ending_counts_neither_way() -> None:
    standing = Standing()
    told(standing, Mark.FAILURE, Mark.NEUTRAL, Mark.FAILURE, Mark.NEUTRAL)
    assert standing.failures == 2
    assert told(standing, Mark.FAILURE) == [Change.EJECTED]


def test_without_room_it_stays_and_goes_with_the_first_failure_that_finds_room() -> None:
    standing = Standing()
    assert set(told(standing, *[Mark.FAILURE] * 10, room=False)) == {Change.NONE}
    assert not standing.ejected
    assert told(standing, Mark.FAILURE) == [Change.EJECTED]


@pytest.mark.parametrize("mark", Mark)
def test_while_ejected_only_the_probe_counts(mark: Mark) -> None:
    standing = Standing(failures=3, ejections=1, until=102.0, probing=True)
    assert told(standing, mark) == [Change.NONE]
    assert standing == Standing(failures=3, ejections=1, until=102.0, probing=True)


def test_a_probe_that_succeeds_clears_the_record() -> None:
    standing = Standing(failures=3, ejections=4, until=102.0, probing=True)
    assert told(standing, Mark.SUCCESS, probe=True) == [Change.RESTORED]
    assert standing == Standing()


def test_each_failed_probe_doubles_the_time_up_to_the_limit() -> None:
    standing = Standing(failures=3, ejections=1, until=102.0)
    lengths = []
    for _ in range(5):
        assert told(standing, Mark.FAILURE, probe=True) == [Change.EJECTED]
        assert standing.until is not None
        lengths.append(standing.until - 100.0)
    assert lengths == [4, 8, 10, 10, 10]


def test_a_probe_that_says_nothing_is_due_again_at_once() -> None:
    standing = Standing(failures=3, ejections=1, until=102.0, probing=True)
    assert told(standing, Mark.NEUTRAL, probe=True, now=110) == [Change.PROBE_AGAIN]
    assert standing == Standing(failures=3, ejections=1, until=110)


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 2.5), (0.5, 3.75), (1 - 2**-53, 5.0)])
def test_the_time_is_half_fixed_half_chance(chance: float, seconds: float) -> None:
    assert Outlier(base=5).duration(0, chance) == pytest.approx(seconds)


def test_any_number_of_ejections_has_a_duration() -> None:
    assert Outlier(base=5, limit=300).duration(10**6, 0.0) == 150


@pytest.mark.parametrize(
    ("total", "share", "cap"),
    [
        (0, 0.5, 0),
        (1, 0.5, 0),
        (1, 1.0, 0),
        (2, 0.5, 1),
        (3, 0.5, 1),
        (4, 0.5, 2),
        (9, 0.5, 4),
        (10, 0.1, 1),
        (3, 0.0, 1),
        (5, 1.0, 5),
    ],
)
def test_how_many_may_be_out(total: int, share: float, cap: int) -> None:
    assert Outlier(max_ejected=share).cap(total) == cap
