"""Active health checks: when each is due, and how many decide."""

from __future__ import annotations

from itertools import pairwise

import pytest

from meshclient.core.health import Checkup, Condition, HealthRule
from unit.core.fleet import endpoint

STEADY = HealthRule(interval=10.0, healthy=2, unhealthy=3, jitter=0.0)


def checkup(rule: HealthRule = STEADY, chance: float = 0.0) -> Checkup:
    return Checkup(rule, lambda: chance)


def taken(subject: Checkup, now: float) -> Condition:
    condition = subject.take(now)
    assert condition is not None
    return condition


def check(subject: Checkup, passed: bool | None) -> bool:
    """The next check, at its time; whether it changed something."""
    now = subject.next
    assert now is not None
    return subject.ended(taken(subject, now), now, passed=passed)


def test_nobody_to_check() -> None:
    subject = checkup()
    assert subject.next is None
    assert subject.take(1e9) is None


def test_failures_in_a_row_take_out_and_successes_in_a_row_bring_back() -> None:
    subject = checkup()
    subject.follow([endpoint(0)], 100.0)
    assert [check(subject, passed) for passed in (False, False, True, False, False, False)] == [False] * 5 + [True]
    assert [check(subject, passed) for passed in (False, True, False, True, True, True)] == [False] * 4 + [True, False]


def test_a_check_that_says_nothing_leaves_the_row_as_it_is() -> None:
    subject = checkup()
    subject.follow([endpoint(0)], 100.0)
    assert [check(subject, passed) for passed in (False, False, None, False)] == [False, False, False, True]


def test_one_is_not_checked_twice_at_once_and_missed_rounds_are_not_made_up_for() -> None:
    subject = checkup()
    subject.follow([endpoint(0)], 100.0)
    condition = taken(subject, 100.0)
    assert subject.take(1e9) is None
    subject.ended(condition, 134.0, passed=True)
    assert subject.next == 140.0
    assert subject.take(139.9) is None


@pytest.mark.parametrize("size", [2, 3, 8, 100])
def test_checks_are_spread_over_the_interval(size: int) -> None:
    subject = checkup(chance=0.3)
    subject.follow([endpoint(number) for number in range(size)], 0.0)
    times = []
    for _ in range(2 * size):
        now = subject.next
        assert now is not None
        times.append(now)
        subject.ended(taken(subject, now), now, passed=True)
    gaps = [after - before for before, after in pairwise(times)]
    # A golden sequence leaves gaps of at most 1.9 times the mean.
    assert max(gaps) <= 10.0 / size * 1.9
    assert times[-1] < 20.0


def test_jitter_puts_a_check_off_by_at_most_its_share() -> None:
    subject = checkup(HealthRule(interval=10.0, jitter=0.5), chance=0.9)
    subject.follow([endpoint(0)], 0.0)
    assert subject.next == pytest.approx(9.0 + 4.5)
    check(subject, passed=True)
    # From its place and not from the check before, or the places would drift into each other.
    assert subject.next == pytest.approx(19.0 + 4.5)


def test_a_new_list_keeps_what_is_known_and_forgets_who_left() -> None:
    subject = checkup(HealthRule(interval=10.0, unhealthy=2, jitter=0.0))
    subject.follow([endpoint(0), endpoint(1)], 0.0)
    first = taken(subject, 0.0)
    subject.ended(first, 0.0, passed=False)
    moved = endpoint(0, weight=3.0)
    subject.follow([moved, endpoint(2)], 1.0)
    assert not subject.holds(Condition(endpoint(1), 0.0))
    seen = set()
    while (now := subject.next) is not None and now <= 10.0:
        condition = taken(subject, now)
        seen.add(condition.endpoint.key)
        if condition is first:
            assert condition.endpoint is moved
            assert subject.ended(condition, now, passed=False)
        else:
            subject.ended(condition, now, passed=True)
    assert seen == {endpoint(0).key, endpoint(2).key}


def test_who_comes_back_begins_anew_and_an_old_check_says_nothing_of_it() -> None:
    subject = checkup(HealthRule(interval=10.0, unhealthy=1, jitter=0.0))
    subject.follow([endpoint(0)], 0.0)
    old = taken(subject, 0.0)
    subject.follow([], 1.0)
    subject.follow([endpoint(0)], 2.0)
    assert not subject.holds(old)
    assert not subject.ended(old, 3.0, passed=False)
    assert not check(subject, True)


def test_after_a_fork_what_the_parent_was_checking_is_due_again() -> None:
    subject = checkup()
    subject.follow([endpoint(0), endpoint(1)], 0.0)
    taken(subject, 0.0)
    subject.resume(0.5)
    found = set()
    while (now := subject.next) is not None and now <= 10.5:
        condition = taken(subject, now)
        found.add(condition.endpoint.key)
        subject.ended(condition, now, passed=True)
    assert len(found) == 2
