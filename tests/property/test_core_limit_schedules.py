"""A small part of the long attack; `tests/attack/schedules.py` says how to play all of it."""

from __future__ import annotations

import pytest

from attack.schedules import attack


@pytest.mark.parametrize("first", range(0, 2000, 500))
def test_random_schedules_leave_nothing_behind(first: int) -> None:
    assert attack(first, 500) == 500
