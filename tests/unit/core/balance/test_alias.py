"""The alias table on weights whose shares can be counted: every draw over an even grid of chances."""

import pytest

from meshclient.core.balance.alias import AliasTable


@pytest.mark.parametrize(
    ("weights", "counts"),
    [
        ([1.0], [1200]),
        ([1, 1, 1], [400, 400, 400]),
        ([1, 2, 3], [200, 400, 600]),
        ([3, 1, 1, 1], [600, 200, 200, 200]),
        ([1, 9], [120, 1080]),
    ],
)
def test_an_even_grid_of_chances_is_drawn_in_proportion(weights: list[float], counts: list[int]) -> None:
    table = AliasTable(weights)
    drawn = [0] * len(weights)
    for step in range(1200):
        drawn[table.draw(lambda at=step: (at + 0.5) / 1200)] += 1  # type: ignore[misc]
    assert drawn == counts
