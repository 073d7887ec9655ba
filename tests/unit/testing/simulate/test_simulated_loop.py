"""A loop that stalls does later what was due, timers first."""

from __future__ import annotations

from functools import partial

from meshclient.testing.simulate.loop import Loop
from meshclient.testing.simulate.timeline import Timeline


def test_a_loop_that_does_not_stall_runs_everything_at_once() -> None:
    seen = list[str]()
    Loop(Timeline()).run(partial(seen.append, "now"))
    assert seen == ["now"]


def test_after_a_stall_timers_come_before_answers_and_both_in_order() -> None:
    timeline, seen = Timeline(), list[tuple[float, str]]()
    loop = Loop(timeline)

    def note(word: str) -> None:
        seen.append((timeline.now, word))

    timeline.at(1.0, partial(loop.stall, 0.5))
    timeline.at(1.1, lambda: loop.run(partial(note, "answer 1")))
    timeline.at(1.2, lambda: loop.run(partial(note, "timer 1"), timer=True))
    timeline.at(1.3, lambda: loop.run(partial(note, "answer 2")))
    timeline.at(1.4, lambda: loop.run(partial(note, "timer 2"), timer=True))
    timeline.at(1.6, lambda: loop.run(partial(note, "after")))
    timeline.run(2.0)
    assert seen == [(1.5, "timer 1"), (1.5, "timer 2"), (1.5, "answer 1"), (1.5, "answer 2"), (1.6, "after")]


def test_stalls_that_overlap_are_one() -> None:
    timeline, seen = Timeline(), list[float]()
    loop = Loop(timeline)
    timeline.at(1.0, partial(loop.stall, 0.5))
    timeline.at(1.2, partial(loop.stall, 1.0))
    timeline.at(1.1, lambda: loop.run(lambda: seen.append(timeline.now)))
    timeline.run(5.0)
    assert seen == [2.2]
