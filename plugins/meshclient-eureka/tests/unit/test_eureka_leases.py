"""Which leases ended so long ago that the server must be keeping them on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from meshclient_eureka.applications import Instance
from meshclient_eureka.leases import SLACK, overdue

NOW = 1_800_000_000.0


def instance(**lease: Any) -> Instance:
    return Instance("WEB", "a", "UP", "ADDED", {"leaseInfo": lease})


@pytest.mark.parametrize(
    ("ago", "late"), [(0, False), (90, False), (90 + SLACK, False), (91 + SLACK, True), (10 * SLACK, True)]
)
def test_a_lease_is_late_when_nothing_else_explains_it(ago: float, late: bool) -> None:
    renewed = int((NOW - ago) * 1000)
    assert overdue([instance(lastRenewalTimestamp=renewed, durationInSecs=90)], NOW) == (("a",) if late else ())
    texts = instance(lastRenewalTimestamp=str(renewed), durationInSecs="90")
    assert bool(overdue([texts], NOW)) == late


def test_records_that_do_not_say_are_not_late() -> None:
    records = [instance(), instance(lastRenewalTimestamp=0, durationInSecs=90), Instance("W", "a", "UP", "", {})]
    assert overdue(records, NOW) == ()
