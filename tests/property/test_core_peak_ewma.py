"""What holds for the moving average, whatever is observed and however the clock runs."""

from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.peak_ewma import LONGEST_COST, PeakEwma

times = st.floats(0, 1e5)
costs = st.floats(0, 1e4)
# (seconds, when, whether it failed and the server asked for a pause); times in any order.
samples = st.lists(st.tuples(costs, times, st.one_of(st.just("ok"), st.none(), st.floats(0, 1e6))), max_size=20)


def fed(start: float, taken: list[tuple[float, float, object]]) -> PeakEwma:
    ewma = PeakEwma(start, 0)
    for seconds, now, asked in taken:
        if asked == "ok":
            ewma.observe(seconds, now)
        else:
            assert asked is None or isinstance(asked, float)
            ewma.penalise(asked, now)
    return ewma


@given(costs, samples, times)
def test_it_is_never_negative_and_never_above_all_it_saw(
    start: float, taken: list[tuple[float, float, object]], now: float
) -> None:
    highest = max([start, LONGEST_COST, *(seconds for seconds, _, _ in taken)])
    assert 0 <= fed(start, taken).read(now) <= highest


@given(costs, samples, times, times)
def test_unobserved_it_only_falls(
    start: float, taken: list[tuple[float, float, object]], one: float, other: float
) -> None:
    ewma = fed(start, taken)
    assert ewma.read(max(one, other)) <= ewma.read(min(one, other))


@given(costs, samples, costs, times)
def test_an_answer_slower_than_expected_counts_at_once(
    start: float, taken: list[tuple[float, float, object]], seconds: float, now: float
) -> None:
    ewma = fed(start, taken)
    # At time 0 nothing has decayed yet.
    remembered, before = ewma.read(0), ewma.read(now)
    ewma.observe(seconds, now)
    after = ewma.read(now)
    assert min(before, seconds) * (1 - 1e-3) <= after <= max(remembered, seconds) * (1 + 1e-9)
    if seconds > remembered:
        assert ewma.read(0) == seconds


@given(costs, samples, times, times, st.one_of(st.none(), st.floats(0, 1e6)))
def test_a_penalty_makes_it_look_worse_now_and_later(
    start: float, taken: list[tuple[float, float, object]], now: float, later: float, asked: float | None
) -> None:
    with_it, without = fed(start, taken), fed(start, taken)
    with_it.penalise(asked, now)
    assert with_it.read(now) >= min(5, asked or 5)
    assert with_it.read(now) >= without.read(now)
    assert with_it.read(now + later) >= without.read(now + later) * (1 - 1e-9)


@given(costs, times, st.floats(0, 1e6), st.floats(0, 1e6))
def test_asking_for_a_longer_pause_never_makes_it_look_better(
    start: float, now: float, one: float, other: float
) -> None:
    short, long, none = PeakEwma(start, 0), PeakEwma(start, 0), PeakEwma(start, 0)
    short.penalise(min(one, other), now)
    long.penalise(max(one, other), now)
    none.penalise(None, now)
    assert long.read(now) >= short.read(now) >= none.read(now)
