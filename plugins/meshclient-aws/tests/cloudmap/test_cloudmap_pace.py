"""The pace under throttling, and the gate before the list: properties of values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshclient_aws.cloudmap.pace import SLOWEST, Gate, Pace

seconds = st.floats(0.01, 100.0)


@given(seconds, st.lists(st.booleans(), max_size=60))
def test_the_interval_keeps_its_bounds(base: float, answers: list[bool]) -> None:
    pace = Pace(base, base)
    for answered in answers:
        before = pace.interval
        pace = pace.answered() if answered else pace.throttled()
        assert base <= pace.interval <= base * SLOWEST
        if answered:
            assert pace.interval <= before
        else:
            assert pace.interval == min(2 * before, base * SLOWEST)


@given(seconds)
def test_it_gives_way_quickly_and_comes_back_slowly(base: float) -> None:
    pace, refused = Pace(base, base), 0
    while pace.interval < base * SLOWEST:
        pace, refused = pace.throttled(), refused + 1
    answered = 0
    while pace.interval > base:
        pace, answered = pace.answered(), answered + 1
    assert refused == 4
    assert SLOWEST - 1 <= answered <= SLOWEST


@given(st.floats(0, 1e6), seconds, st.integers(0, 2**62), st.integers(0, 2**62))
def test_a_list_stands_while_its_revision_does_and_health_allows(
    now: float, health_interval: float, held: int, seen: int
) -> None:
    gate = Gate(health_interval)
    assert gate.due(now)
    gate = gate.passed(held, now)
    assert not gate.due(now + health_interval * 0.9)
    assert gate.due(now + health_interval * 1.1)
    assert gate.due(now, forced=True)
    assert gate.moved(seen) == (held != seen)
    assert gate.passed(None, now).due(now)
