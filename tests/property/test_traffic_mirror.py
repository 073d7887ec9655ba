"""The budget of copies, as a state machine and over long runs."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshclient.core.traffic.mirror import SAVED, Mirror

shares = st.floats(0.001, 1.0)


class Copies(RuleBasedStateMachine):
    """Whatever the calls are, and whenever copies end."""

    @initialize(share=shares, limit=st.integers(1, 4))
    def begin(self, share: float, limit: int) -> None:
        self.share, self.limit = share, limit
        self.mirror = Mirror(share, limit)
        self.calls = self.copies = self.ended = 0

    @rule(chance=st.floats(0.0, 1.0, exclude_max=True), copyable=st.booleans())
    def call(self, chance: float, copyable: bool) -> None:
        under_way = self.copies - self.ended
        self.calls += 1
        if self.mirror.take(chance, copyable=copyable):
            assert copyable
            assert under_way < self.limit
            self.copies += 1

    @precondition(lambda self: self.copies > self.ended)
    @rule()
    def end(self) -> None:
        self.mirror.done()
        self.ended += 1

    @invariant()
    def never_more_than_the_share(self) -> None:
        if hasattr(self, "mirror"):
            assert self.copies <= self.share * self.calls + 1e-6
            assert self.mirror.in_flight == self.copies - self.ended <= self.limit


TestCopies = Copies.TestCase
TestCopies.settings = settings(max_examples=100, stateful_step_count=60)


@given(shares, st.integers(0, 2**32))
def test_in_the_long_run_the_share_is_used(share: float, seed: int) -> None:
    mirror, rng, calls = Mirror(share), Random(seed), 2000
    copies = 0
    for _ in range(calls):
        if mirror.take(rng.random(), copyable=True):
            copies += 1
            mirror.done()
    # What is earned and not yet spent at the end.
    assert share * calls - 2.0 <= copies <= share * calls + 1e-6


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_calls_that_come_in_turns_are_all_copied_alike(share: float) -> None:
    mirror, rng = Mirror(share), Random(1)
    period = round(1 / share)
    met = [0] * period
    for number in range(4000):
        if mirror.take(rng.random(), copyable=True):
            met[number % period] += 1
            mirror.done()
    assert min(met) > 0.8 * sum(met) / period


@given(shares)
def test_what_could_not_be_copied_comes_as_no_flood(share: float) -> None:
    mirror = Mirror(share, limit=1000)
    for _ in range(500):
        assert not mirror.take(0.0, copyable=False)
    copies = sum(mirror.take(0.0, copyable=True) for _ in range(10))
    assert copies <= SAVED + 10 * share + 1e-6


def test_a_whole_share_copies_every_call() -> None:
    mirror = Mirror(1.0)
    assert all(mirror.take(0.9, copyable=True) for _ in range(8))
    assert not mirror.take(0.9, copyable=True)
