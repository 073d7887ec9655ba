"""Deadlines are points in time: nothing adds to them."""

import math

import pytest

from meshclient.model.deadline import Deadline


def test_it_lies_so_many_seconds_ahead() -> None:
    deadline = Deadline.after(2, now=10)
    assert deadline == Deadline(12)
    assert deadline.remaining(10.5) == 1.5
    assert not deadline.expired(11.999)


def test_at_its_moment_it_has_passed_and_nothing_is_left() -> None:
    deadline = Deadline(12)
    assert deadline.expired(12)
    assert deadline.remaining(12) == 0
    assert deadline.remaining(13) == 0


def test_none_means_no_deadline() -> None:
    deadline = Deadline.after(None, now=10)
    assert deadline.remaining(1e12) == math.inf
    assert not deadline.expired(1e12)


def test_the_least_of_two_comes_first() -> None:
    assert min(Deadline(3), Deadline(2), Deadline(math.inf)) == Deadline(2)


def test_it_needs_a_time() -> None:
    with pytest.raises(ValueError, match="a deadline needs a time, not NaN"):
        Deadline(math.nan)
