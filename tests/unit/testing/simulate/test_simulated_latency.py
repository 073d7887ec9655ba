"""Distributions have the shape they say."""

from __future__ import annotations

from random import Random

import pytest

from meshclient.testing.simulate import Bimodal, Constant, Empirical, Latency, LogNormal

DRAWS = 20_000


def drawn(latency: Latency) -> list[float]:
    random = Random(1)
    return sorted(latency.draw(random) for _ in range(DRAWS))


def test_constant_is_constant() -> None:
    assert set(drawn(Constant(0.02))) == {0.02}


def test_lognormal_has_its_median_and_its_tail() -> None:
    seconds = drawn(LogNormal(0.010, 0.4))
    assert seconds[DRAWS // 2] == pytest.approx(0.010, rel=0.03)
    # exp(0.4 * 2.326): the 99th percentile of the normal distribution.
    assert seconds[int(DRAWS * 0.99)] == pytest.approx(0.0254, rel=0.06)


def test_bimodal_has_two_kinds_in_proportion() -> None:
    seconds = drawn(Bimodal(Constant(0.001), Constant(0.1), 0.2))
    assert set(seconds) == {0.001, 0.1}
    assert seconds.count(0.1) / DRAWS == pytest.approx(0.2, abs=0.01)


def test_empirical_draws_what_was_measured_in_proportion() -> None:
    seconds = drawn(Empirical((1.0, 2.0, 2.0)))
    assert set(seconds) == {1.0, 2.0}
    assert seconds.count(2.0) / DRAWS == pytest.approx(2 / 3, abs=0.01)


def test_empirical_needs_samples() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        Empirical(())
