"""What a call counts as for the circuit of its service."""

from __future__ import annotations

import pytest

from meshclient.core.circuit import mark_of
from meshclient.model.outcome import CANCELLED, Kind, Mark, Outcome, classify_status


@pytest.mark.parametrize(
    ("outcome", "mark"),
    [
        (classify_status(200), Mark.SUCCESS),
        (classify_status(404), Mark.SUCCESS),
        (classify_status(503), Mark.FAILURE),
        (classify_status(429), Mark.FAILURE),
        (Outcome(Kind.TIMEOUT), Mark.FAILURE),
        (Outcome(Kind.CONNECT_ERROR), Mark.FAILURE),
        (Outcome(Kind.POOL_TIMEOUT), Mark.NEUTRAL),
        (CANCELLED, Mark.NEUTRAL),
    ],
)
def test_what_a_call_counts_as(outcome: Outcome, mark: Mark) -> None:
    assert mark_of(outcome) is mark
