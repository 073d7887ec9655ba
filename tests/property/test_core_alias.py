"""The alias table draws each index with exactly its weight's share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.alias import AliasTable

weights = st.lists(
    st.one_of(st.floats(1e-6, 1e6), st.integers(1, 100), st.just(1.0), st.sampled_from([1e-6, 1e6])),
    min_size=1,
    max_size=40,
)


def implied(table: AliasTable) -> list[float]:
    """The distribution a table stands for, read from its columns."""
    shares = [0.0] * table._size
    for column, share in enumerate(table._share):
        shares[column] += share / table._size
        shares[table._alias[column]] += (1 - share) / table._size
    return shares


@given(weights)
def test_the_table_stands_for_the_weights(given_ones: list[float]) -> None:
    table, total = AliasTable(given_ones), sum(given_ones)
    assert all(0 <= share <= 1 for share in table._share)
    assert implied(table) == pytest.approx([weight / total for weight in given_ones], rel=1e-6, abs=1e-12)


@given(weights, st.integers(0, 39), st.floats(0, 1, exclude_max=True))
def test_a_draw_reads_one_column_of_the_table(given_ones: list[float], column: int, coin: float) -> None:
    table = AliasTable(given_ones)
    size = len(given_ones)
    column %= size
    drawn = table.draw(lambda: min((column + coin) / size, 1 - 2**-53))
    # The division may round to either side of a column's edge.
    near = {(column + step) % size for step in (-1, 0, 1)}
    assert drawn in near | {table._alias[each] for each in near}
    middle = table._share[column] / 2
    if middle > 1e-9:
        assert table.draw(lambda: (column + middle) / size) == column


@given(st.integers(1, 10_000))
def test_the_last_number_below_one_stays_in_the_table(size: int) -> None:
    assert AliasTable([1.0] * size).draw(lambda: 1 - 2**-53) == size - 1


@given(weights)
def test_a_draw_takes_one_number(given_ones: list[float]) -> None:
    calls: list[None] = []

    def uniform() -> float:
        calls.append(None)
        return 0.5

    AliasTable(given_ones).draw(uniform)
    assert len(calls) == 1
