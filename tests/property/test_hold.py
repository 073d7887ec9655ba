"""A run of answers in which lists shrink, against what a mass removal may and may not do."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from meshclient.discovery.course import Course, remarks
from meshclient.discovery.hold import LEAST, is_mass_removal, lost, withhold
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.events import MassRemovalHeld, MassRemovalReleased
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, listing

PERIOD = 60.0
FLEET = [Endpoint(f"10.0.0.{number}", 80) for number in range(1, 9)]

fleets = st.lists(st.sampled_from(FLEET), unique=True, max_size=8)
health = st.sampled_from([Health.PASSING, Health.PASSING, Health.DRAINING, Health.CRITICAL])
marked = st.lists(st.tuples(st.sampled_from(FLEET), health), unique_by=lambda pair: pair[0], max_size=8).map(
    lambda pairs: [replace(endpoint, health=word) for endpoint, word in pairs]
)


def answer(endpoints: list[Endpoint]) -> Ready | Empty:
    return listing(endpoints, source="x://")


@given(marked, fleets)
def test_what_is_listed_is_always_used_and_nothing_is_used_that_never_was_listed(
    before: list[Endpoint], after: list[Endpoint]
) -> None:
    used, hold = withhold(before, None, answer(after), 0.0, PERIOD)
    keys = {endpoint.key for endpoint in used.endpoints}
    assert {endpoint.key for endpoint in after} <= keys
    assert keys <= {endpoint.key for endpoint in (*before, *after)}
    assert (hold is not None) == is_mass_removal(before, after)
    if hold is None:
        assert used == answer(after)


@given(marked, fleets)
def test_a_hold_keeps_exactly_what_was_lost(before: list[Endpoint], after: list[Endpoint]) -> None:
    used, hold = withhold(before, None, answer(after), 5.0, PERIOD)
    if hold is not None and after:
        assert hold.until == 5.0 + PERIOD
        assert {e.key for e in used.endpoints} - {e.key for e in after} == {e.key for e in hold.missing}
        assert set(hold.missing) <= set(before)


@given(fleets, fleets)
def test_the_rule_in_numbers(before: list[Endpoint], after: list[Endpoint]) -> None:
    gone = [endpoint for endpoint in before if endpoint not in after]
    expected = (
        bool(before) if not after else len(before) >= LEAST and len(gone) > len(before) / 2 and len(after) < len(before)
    )
    assert is_mass_removal(before, after) == expected
    assert list(lost(before, after)) == gone


@given(marked)
def test_endpoints_that_were_announced_to_go_do_not_count_unless_they_are_most(before: list[Endpoint]) -> None:
    usable = [endpoint for endpoint in before if endpoint.usable]
    if usable and len(usable) >= len(before) / 2:
        assert not is_mass_removal(before, usable)
        assert lost(before, usable) == ()
    elif len(before) >= LEAST and usable:
        assert is_mass_removal(before, usable)


class Watching(RuleBasedStateMachine):
    """A registry says anything; a minute is long, and outages come in between."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.course = Course(Pending(source="x://"))
        self.word: Ready | Empty | None = None
        self.shrunk_since: float | None = None
        self.held = False

    def take(self, course: Course) -> None:
        before, self.course = self.course, course
        for event in remarks("orders", before, course, self.now):
            if isinstance(event, MassRemovalHeld):
                self.held = True
                assert 0 < event.removed < event.kept == len(course.snapshot.endpoints)
            elif isinstance(event, MassRemovalReleased):
                assert self.held
                self.held = False
        if course.hold is not None and isinstance(course.hold.said, Empty):
            self.held = False

    @rule(endpoints=fleets)
    def say(self, endpoints: list[Endpoint]) -> None:
        self.word = replace(answer(endpoints), at=self.now)
        self.take(self.course.step(self.word, self.now, PERIOD))

    @rule()
    def fail(self) -> None:
        last = self.word if isinstance(self.word, Ready) else None
        self.take(self.course.step(Failed("down", at=self.now, last=last), self.now, PERIOD))

    @rule(seconds=st.sampled_from([1.0, 20.0, 59.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.course.expire(self.now, PERIOD))

    @precondition(lambda self: self.word is not None)
    @rule()
    def insist(self) -> None:
        """Said again long after, the registry is believed whatever it was."""
        assert self.word is not None
        self.now += PERIOD + 1
        self.word = replace(self.word, at=self.now)
        self.take(self.course.step(self.word, self.now, PERIOD))
        if self.course.hold is not None:  # begun by this answer, which was the first after an outage's list
            self.now += PERIOD
            self.take(self.course.expire(self.now, PERIOD))
        assert self.course.hold is None
        if isinstance(self.word, Ready):
            assert self.course.snapshot.endpoints == self.word.endpoints
        else:
            assert isinstance(self.course.snapshot, Empty)

    @invariant()
    def what_is_listed_is_used(self) -> None:
        if isinstance(self.word, Ready):
            assert set(self.word.endpoints) <= set(self.course.snapshot.endpoints)

    @invariant()
    def a_hold_ends(self) -> None:
        if self.course.hold is not None and not isinstance(self.course.snapshot, Failed):
            assert self.now <= self.course.hold.until <= self.now + PERIOD

    @invariant()
    def observers_know(self) -> None:
        hold = self.course.hold
        assert self.held == (hold is not None and isinstance(hold.said, Ready))

    @invariant()
    def only_a_whole_word_of_the_registry_is_kept_for_worse_days(self) -> None:
        settled = self.course.settled
        assert settled is None or (isinstance(self.word, Ready) and settled.endpoints == self.word.endpoints)


TestWatching = Watching.TestCase
