"""How long to wait after what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshclient_eureka.pace import JITTER, Pace


def test_a_success_is_followed_by_the_interval() -> None:
    assert [Pace(30).succeeded().pause(share) for share in (0.0, 0.5, 1.0)] == [27, 30, 33]


def test_retries_come_soon_and_then_later_up_to_the_interval() -> None:
    pace, bounds = Pace(3), []
    for _ in range(6):
        pace = pace.failed()
        bounds.append((pace.pause(0.0), pace.pause(1.0)))
    assert bounds == [(0.125, 0.25), (0.25, 0.5), (0.5, 1), (1, 2), (1.5, 3), (1.5, 3)]


def test_time_outs_double_the_interval_up_to_ten_times() -> None:
    pace, pauses = Pace(30), []
    for _ in range(5):
        pace = pace.timed_out()
        pauses.append(pace.pause(0.5))
    assert pauses == [60, 120, 240, 300, 300]
    assert pace.succeeded().pause(0.5) == 30


@given(st.floats(0.01, 3600), st.lists(st.sampled_from(["succeeded", "failed", "timed_out"])), st.floats(0, 1))
def test_no_history_leads_to_a_hot_loop_or_to_silence(interval: float, history: list[str], share: float) -> None:
    pace = Pace(interval)
    for event in history:
        pace = getattr(pace, event)()
    assert min(interval, 0.25) / 2 <= pace.pause(share) * (1 + 1e-9)
    assert pace.pause(share) <= 10 * interval * (1 + JITTER) * (1 + 1e-9)
