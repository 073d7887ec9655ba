"""Slices count what began in them."""

from __future__ import annotations

import pytest

from meshclient.testing.simulate.slice import Cut, percentile
from meshclient.testing.simulate.tally import Made

CALLS = [Made(float(n), 0.1 * (n + 1), "" if n % 2 else "timeout", "GET") for n in range(10)]
SENT = [(0.0, "a"), (1.0, "b"), (1.5, "b"), (2.0, "b"), (9.0, "a")]


@pytest.mark.parametrize(
    ("share", "value"),
    [(0.5, 5.0), (0.99, 10.0), (0.1, 1.0), (0.0, 1.0), (1.0, 10.0)],
)
def test_percentiles_are_by_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(1, 11)], share) == value


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 0.5) == 0.0


def test_a_slice_holds_what_began_in_it() -> None:
    found = Cut(CALLS, SENT, [*SENT, (9.5, "c")]).slice(1.0, 4.0)
    assert (found.calls, found.succeeded) == (3, 2)
    assert found.success_rate == pytest.approx(2 / 3)
    assert [found.p50, found.p99] == pytest.approx([0.3, 0.4])
    assert found.shares == {"b": 1.0}
    assert found.amplification == 1.0


def test_shares_are_of_the_service_called_and_load_of_the_one_at_the_bottom() -> None:
    found = Cut(CALLS, SENT, [*SENT, (9.5, "c")]).slice(0.0, 10.0)
    assert found.shares == {"a": 0.4, "b": 0.6}
    assert found.share("a", "b", "nobody") == 1.0
    assert found.amplification == pytest.approx(0.6)


def test_an_empty_slice_is_no_failure() -> None:
    found = Cut([], [], []).slice(0.0, 1.0)
    assert (found.success_rate, found.amplification, found.p999) == (1.0, 0.0, 0.0)
