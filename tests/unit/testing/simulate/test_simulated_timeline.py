"""Events happen in the order of their moments, and time stands where the last of them put it."""

from __future__ import annotations

from functools import partial
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from meshclient.testing.simulate.timeline import Timeline


@given(st.lists(st.floats(0.0, 100.0), max_size=30))
def test_everything_happens_once_in_order_and_ties_as_planned(moments: list[float]) -> None:
    timeline, seen = Timeline(), list[tuple[float, int]]()
    for number, moment in enumerate(moments):
        timeline.at(moment, lambda n=number: seen.append((timeline.now, n)))  # type: ignore[misc]
    timeline.run(100.0)
    assert seen == sorted((moment, number) for number, moment in enumerate(moments))
    assert timeline.now == 100.0


def test_what_is_planned_meanwhile_happens_too() -> None:
    timeline, seen = Timeline(), list[float]()

    def again() -> None:
        seen.append(timeline.now)
        timeline.after(1.0, again)

    timeline.after(1.0, again)
    timeline.run(3.5)
    assert seen == [1.0, 2.0, 3.0]


def test_nothing_happens_after_the_end_until_time_goes_on() -> None:
    timeline, seen = Timeline(), list[str]()
    timeline.at(2.0, partial(seen.append, "late"))
    timeline.run(1.0)
    assert seen == []
    timeline.run(2.0)
    assert seen == ["late"]


def test_what_is_called_off_does_not_happen() -> None:
    timeline, seen = Timeline(), list[str]()
    timeline.at(1.0, partial(seen.append, "no")).cancel()
    timeline.at(1.0, partial(seen.append, "yes"))
    timeline.run(2.0)
    assert seen == ["yes"]


def test_a_moment_that_has_passed_is_now_and_infinity_never_comes() -> None:
    timeline, seen = Timeline(), list[float]()
    timeline.run(5.0)
    timeline.at(1.0, lambda: seen.append(timeline.now))
    timeline.at(inf, lambda: seen.append(inf))
    timeline.run(1e9)
    assert seen == [5.0]
