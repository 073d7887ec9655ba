"""How many attempts one endpoint may have in flight."""

from __future__ import annotations

from meshclient.core.limit.saturation import Saturation
from unit.core.fleet import nodes


def test_an_endpoint_is_full_at_its_limit_and_whatever_its_weight() -> None:
    rule, (node, other) = Saturation(2), nodes([1.0, 5.0])
    found = []
    for pending in range(4):
        node.pending = other.pending = pending
        found.append((rule.full(node), rule.full(other)))
    assert found == [(False, False), (False, False), (True, True), (True, True)]


def test_who_has_room_is_told_and_why_nobody_has() -> None:
    rule, fleet = Saturation(10), nodes([1.0] * 3)
    fleet[0].pending, fleet[1].pending, fleet[2].pending = 10, 9, 11
    assert rule.room(fleet) == [fleet[1]]
    refusal = rule.refusal(3)
    assert refusal.reason == "10 attempts are in flight at each of its 3 endpoints"
    assert refusal.retry_after > 0
