"""What holds for every sequence of indexes and for every rhythm of answers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient_consul.blocking import BURST, IDLE_INTERVAL, INTERVAL, POLL_INTERVAL, Cursor, Pace

EPSILON = 1e-6
INDEX = st.integers(1, 2**64 - 1)
GARBAGE = st.one_of(
    st.none(),
    st.sampled_from(
        ["", "0", "000", "-1", "1.5", "abc", " 7", "7 ", "\u0667", "\u00b2", "1_000", "9" * 5000, str(2**64)]
    ),
    st.text(max_size=5).filter(lambda text: not (text.isascii() and text.isdigit())),
)


@given(INDEX, INDEX)
def test_an_index_that_does_not_go_back_is_blocked_on(before: int, after: int) -> None:
    low, high = sorted((before, after))
    assert Cursor(low).advance(str(high)) == Cursor(high)


@given(INDEX, INDEX)
def test_an_index_that_goes_back_starts_over_at_once(before: int, after: int) -> None:
    low, high = sorted((before, after))
    if low < high:
        assert Cursor(high).advance(str(low)) == Cursor(0, pause=0)


@given(INDEX | st.just(0), GARBAGE)
def test_without_a_usable_index_it_is_polled(before: int, header: str | None) -> None:
    assert Cursor(before).advance(header) == Cursor(0, pause=POLL_INTERVAL)


@given(st.lists(st.one_of(GARBAGE, INDEX.map(str)), max_size=30))
def test_no_question_blocks_on_anything_but_the_last_index_given(headers: list[str | None]) -> None:
    cursor = Cursor()
    for header in headers:
        cursor = cursor.advance(header)
        assert cursor.index == 0 or str(cursor.index) == str(header).lstrip("0")


# How long each answer takes: mostly next to nothing, as from a service whose index moves with every question.
ANSWERS = st.lists(st.one_of(st.just(0.0), st.floats(0, 0.1), st.floats(0, 60)), min_size=1, max_size=60)


def questions(answers: list[float], pause: float = 0.0, *, idle: bool = False) -> list[tuple[float, float]]:
    """The time of each question, and how long it was put off."""
    now, pace, asked = 1000.0, Pace(), []
    for duration in answers:
        delay, pace = pace.take(now, pause, idle=idle)
        assert delay >= 0
        asked.append((now + delay, delay))
        now += delay + duration
    return asked


@given(ANSWERS)
def test_the_rate_is_bounded_over_every_window(answers: list[float]) -> None:
    times = [time for time, _ in questions(answers)]
    for first in range(len(times)):
        for last in range(first + BURST, len(times)):
            assert times[last] - times[first] >= (last - first - BURST + 1) * INTERVAL - EPSILON


@given(ANSWERS)
def test_an_index_that_moves_for_nothing_is_followed_more_slowly(answers: list[float]) -> None:
    times = [time for time, _ in questions(answers, idle=True)]
    for first in range(len(times)):
        for last in range(first + 1, len(times)):
            assert times[last] - times[first] >= (last - first - 1) * IDLE_INTERVAL - (BURST - 1) * INTERVAL - EPSILON


@given(ANSWERS)
def test_no_question_is_put_off_by_more_than_an_interval(answers: list[float]) -> None:
    assert max(delay for _, delay in questions(answers)) <= INTERVAL + EPSILON


def test_a_burst_is_not_put_off_and_what_follows_is() -> None:
    assert [delay for _, delay in questions([0.0] * (BURST + 2))] == pytest.approx([0.0] * BURST + [INTERVAL] * 2)


@given(ANSWERS)
def test_polling_keeps_its_distance(answers: list[float]) -> None:
    times = [time for time, _ in questions(answers, POLL_INTERVAL)]
    assert all(later - earlier >= POLL_INTERVAL - EPSILON for earlier, later in pairwise(times))
