"""`ManualClock` passes time when it is told to, and only then."""

from __future__ import annotations

import threading

import pytest

from meshclient.testing.clock import ManualClock


def test_it_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(5.0)
    assert clock() == clock() == 5.0
    clock.advance(1.5)
    clock.advance(0)
    assert clock() == 6.5


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_it_never_goes_back(seconds: float) -> None:
    clock = ManualClock(5.0)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(seconds)
    assert clock() == 5.0


def test_no_second_is_lost_between_threads() -> None:
    clock = ManualClock(0.0)

    def tick() -> None:
        for _ in range(5000):
            clock.advance(1)

    ticking = [threading.Thread(target=tick) for _ in range(4)]
    for thread in ticking:
        thread.start()
    for thread in ticking:
        thread.join()
    assert clock() == 20_000
