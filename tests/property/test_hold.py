"""A run of answers in which lists shrink, against what a mass removal may and may not do."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from meshclient.discovery.course import Course, remarks
from meshclient.discovery.crest import GRAIN, WINDOW, Crests, followed, largest
from meshclient.discovery.hold import LEAST, has_dwindled, is_mass_removal, lost, withhold
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


paces = st.lists(st.floats(0.0, 3 * WINDOW), min_size=1, max_size=20)


@given(fleets, marked)
def test_fewer_than_half_left_is_a_mass_removal_however_it_came_about(
    crest: list[Endpoint], after: list[Endpoint]
) -> None:
    if has_dwindled(crest, after):
        assert is_mass_removal(crest, after)
        used, hold = withhold(after, None, answer(after), 0.0, PERIOD, crest=crest)
        assert hold is not None
        assert after == [] or {endpoint.key for endpoint in crest} <= {endpoint.key for endpoint in used.endpoints}
    elif len(crest) >= LEAST:
        assert 2 * len(after) >= len(crest)


@given(st.lists(st.tuples(fleets, st.floats(0.0, WINDOW)), max_size=30))
def test_the_largest_list_of_late_is_remembered_and_no_older_one(run: list[tuple[list[Endpoint], float]]) -> None:
    """Against a memory of everything; within a grain of time, the larger of two lists stands for both."""
    now = 0.0
    crests: Crests = ()
    listed: list[Endpoint] = []
    gave_way: list[tuple[float, int]] = []
    for after, pause in run:
        now += pause
        crests = followed(crests, listed, after, now)
        gave_way.append((now, len(listed)))
        listed = after
        recent = [size for at, size in gave_way if now - at < WINDOW and size > len(after)]
        older = [size for at, size in gave_way if now - at < WINDOW + GRAIN]
        found = len(largest(crests, now))
        assert found >= max(recent, default=0)
        assert found in (0, *older)
        assert len(crests) <= WINDOW / GRAIN + 1


def stepped(lists: list[list[Endpoint]], pauses: list[float]) -> tuple[Course, float]:
    """The course after these lists, with these pauses between them, over and over."""
    now, course = 0.0, Course(Pending(source="x://"))
    for number, endpoints in enumerate(lists):
        now += pauses[number % len(pauses)]
        course = course.step(replace(answer(endpoints), at=now), now, PERIOD)
    return course, now


def any_held(lists: list[list[Endpoint]], pauses: list[float]) -> bool:
    return any(stepped(lists[:end], pauses)[0].hold is not None for end in range(1, len(lists) + 1))


@given(st.integers(LEAST, 8), st.data(), paces, st.booleans())
def test_a_rolling_deployment_is_never_held_at_any_pace(
    size: int, data: st.DataObject, pauses: list[float], surge: bool
) -> None:
    """Batches of up to half, out first or in first, all with new addresses."""
    batch = data.draw(st.integers(1, size // 2))
    old, lists = FLEET[:size], [FLEET[:size]]
    new = [Endpoint(f"10.0.1.{number}", 80) for number in range(size)]
    for done in range(0, size, batch):
        end = min(size, done + batch)
        between = old[done:] + new[:end] if surge else old[end:] + new[:done]
        lists += [between, old[end:] + new[:end]]
    assert not any_held(lists, pauses)


@given(st.integers(1, 8), st.lists(st.floats(WINDOW / 2, 600.0), min_size=1, max_size=8))
def test_scaling_in_by_one_now_and_then_is_never_held(size: int, pauses: list[float]) -> None:
    assert not any_held([FLEET[:left] for left in range(size, 0, -1)], pauses)


@given(st.integers(LEAST, 8), st.lists(st.floats(0.0, WINDOW / 10), min_size=1, max_size=8), st.booleans())
def test_leases_that_expire_one_after_another_are_held(size: int, pauses: list[float], last: bool) -> None:
    lists = [FLEET[:left] for left in range(size, -1 if last else 0, -1)]
    course, now = stepped(lists, pauses)
    assert course.hold is not None
    assert set(course.hold.listed) == set(FLEET[:size])
    if not last:
        assert set(course.snapshot.endpoints) == set(FLEET[:size])
        believed = course.expire(course.hold.until, PERIOD)
        assert believed.snapshot.endpoints == (FLEET[0],)
        assert believed.step(answer([FLEET[0]]), now + PERIOD, PERIOD).hold is None


@given(st.integers(LEAST, 8), st.data(), paces)
def test_what_goes_with_notice_one_by_one_is_not_held_unless_it_is_most(
    size: int, data: st.DataObject, pauses: list[float]
) -> None:
    going = data.draw(st.integers(1, size // 2))
    lists = [FLEET[:size]]
    for gone in range(going):
        draining = replace(FLEET[gone], health=Health.DRAINING)
        lists += [[draining, *FLEET[gone + 1 : size]], FLEET[gone + 1 : size]]
    # And then one more without notice, which is not more than half of what was left.
    lists.append(FLEET[going + 1 : size])
    held = any_held(lists, pauses)
    assert not held or size - going < LEAST or 2 * (size - going - 1) < size - going


class Watching(RuleBasedStateMachine):
    """A registry says anything; a minute is long, and outages come in between."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.course = Course(Pending(source="x://"))
        self.word: Ready | Empty | None = None
        self.held = False
        # When a list gave way, and how long it was; since the last hold.
        self.past: list[tuple[float, int]] = []

    def take(self, course: Course) -> None:
        before, self.course = self.course, course
        if before.hold is not None or course.hold is not None:
            self.past = []
        elif isinstance(course.snapshot, Ready | Empty):
            known = before.snapshot.last if isinstance(before.snapshot, Failed) else before.snapshot
            self.past.append((self.now, len(known.endpoints) if isinstance(known, Ready) else 0))
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

    @precondition(lambda self: isinstance(self.word, Ready))
    @rule(left=st.integers(0, 7), seconds=st.sampled_from([0.0, 0.5, 3.0]))
    def lose(self, left: int, seconds: float) -> None:
        """A little later, one instance fewer."""
        assert self.word is not None
        self.now += seconds
        endpoints = list(self.word.endpoints)
        del endpoints[left % len(endpoints)]
        self.say(endpoints)

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
    def nothing_dwindles_unseen(self) -> None:
        if self.course.hold is None and isinstance(self.course.snapshot, Ready):
            left = len(self.course.snapshot.endpoints)
            assert all(size < LEAST or 2 * left >= size for at, size in self.past if self.now - at < WINDOW)

    @invariant()
    def observers_know(self) -> None:
        hold = self.course.hold
        assert self.held == (hold is not None and isinstance(hold.said, Ready))

    @invariant()
    def only_a_whole_word_of_the_registry_is_kept_for_worse_days(self) -> None:
        settled = self.course.settled
        assert settled is None or (isinstance(self.word, Ready) and settled.endpoints == self.word.endpoints)


TestWatching = Watching.TestCase
