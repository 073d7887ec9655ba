"""Tiers, standby, draining and panic, case by case."""

import pytest

from meshclient.core.balance.node import Node
from meshclient.core.balance.rotation import rotate
from meshclient.model.endpoint import Health
from unit.core.fleet import endpoint

UP, DOWN, OUT, DRAINING = "up", "critical", "ejected", "draining"


def tier(*states: str, priority: int = 0, first: int = 0) -> list[Node]:
    """One node for each state."""
    made = []
    for number, state in enumerate(states, first):
        health = {DOWN: Health.CRITICAL, DRAINING: Health.DRAINING}.get(state, Health.PASSING)
        node = Node(endpoint(number, priority=priority, health=health), 0.01, 0)
        if state == OUT:
            node.standing.until = 5.0
        made.append(node)
    return made


@pytest.mark.parametrize(
    ("states", "taking_part", "panic"),
    [
        ((UP, UP), [0, 1], False),
        ((UP, OUT), [0], False),
        ((UP, DOWN), [0], False),
        ((UP, OUT, DOWN), [0, 1, 2], True),
        ((OUT, OUT), [0, 1], True),
        ((DOWN,), [0], True),
        # Who drains is neither used nor counted.
        ((UP, OUT, DRAINING, DRAINING), [0], False),
        ((UP, OUT, OUT, DRAINING), [0, 1, 2], True),
        ((DRAINING,), [], False),
        ((), [], False),
    ],
)
def test_one_tier(states: tuple[str, ...], taking_part: list[int], panic: bool) -> None:
    listed = tier(*states)
    rotation = rotate(listed, 0.5)
    assert list(rotation.nodes) == [listed[number] for number in taking_part]
    assert rotation.panic is panic
    assert rotation.usable == states.count(UP)
    assert sum(rotation.sizes.values()) == len(states) - states.count(DRAINING)


def test_the_first_sound_tier_takes_all_calls_and_the_rest_stand_by() -> None:
    first, second = tier(UP, UP), tier(UP, UP, priority=1, first=2)
    rotation = rotate(second + first, 0.5)
    assert list(rotation.nodes) == first
    assert rotation.sound == (0, 1)
    assert rotation.relieved(0)
    assert not rotation.relieved(1)


def test_what_a_tier_cannot_carry_goes_to_the_next() -> None:
    first, second = tier(UP, OUT, OUT), tier(UP, OUT, priority=7, first=3)
    rotation = rotate(first + second, 0.5)
    assert list(rotation.nodes) == [first[0], second[0]]
    assert rotation.shares == pytest.approx({0: 1.4 / 3, 7: 1 - 1.4 / 3})
    assert not rotation.panic
    assert rotation.sizes == {0: 3, 7: 2}


def test_in_panic_all_tiers_are_used() -> None:
    first, second = tier(OUT, OUT), tier(UP, OUT, DOWN, DRAINING, priority=1, first=2)
    rotation = rotate(first + second, 0.5)
    assert list(rotation.nodes) == first + second[:3]
    assert rotation.panic
    assert rotation.usable == 1
    assert not rotation.relieved(0)


def test_threshold_zero_uses_the_last_one_standing() -> None:
    listed = tier(UP, OUT, OUT, OUT, DOWN)
    assert list(rotate(listed, 0.0).nodes) == [listed[0]]
    assert rotate(tier(OUT), 0.0).panic


def test_threshold_one_needs_every_endpoint() -> None:
    listed = tier(UP, UP, OUT)
    assert rotate(listed, 1.0).panic
    assert not rotate(listed[:2], 1.0).panic
