"""What holds for the moving average, whatever is observed and however the clock runs."""

from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.peak_ewma import PeakEwma

times = st.floats(0, 1e5)
costs = st.floats(0, 1e4)
# (seconds, when); times in any order.
samples = st.lists(st.tuples(costs, times), max_size=20)


def fed(start: float, taken: list[tuple[float, float]]) -> PeakEwma:
    ewma = PeakEwma(start, 0)
    for seconds, now in taken:
        ewma.observe(seconds, now)
    return ewma


@given(costs, samples, times)
def test_it_is_never_negative_and_never_above_all_it_saw(
    start: float, taken: list[tuple[float, float]], now: float
) -> None:
    highest = max([start, *(seconds for seconds, _ in taken)])
    assert 0 <= fed(start, taken).read(now) <= highest


@given(costs, samples, times, times)
def test_unobserved_it_only_falls(start: float, taken: list[tuple[float, float]], one: float, other: float) -> None:
    ewma = fed(start, taken)
    assert ewma.read(max(one, other)) <= ewma.read(min(one, other))


@given(costs, samples, costs, times)
def test_an_answer_slower_than_expected_counts_at_once(
    start: float, taken: list[tuple[float, float]], seconds: float, now: float
) -> None:
    ewma = fed(start, taken)
    # At time 0 nothing has decayed yet.
    remembered, before = ewma.read(0), ewma.read(now)
    ewma.observe(seconds, now)
    after = ewma.read(now)
    assert min(before, seconds) * (1 - 1e-3) <= after <= max(remembered, seconds) * (1 + 1e-9)
    if seconds > remembered:
        assert ewma.read(0) == seconds
