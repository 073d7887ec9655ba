"""The gate under any course of calls that come, wait, give up, leave, are forgotten or displaced."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshclient.core.circuit import Refusal
from meshclient.core.limit.adaptive import Adaptive
from meshclient.core.limit.gate import Gate
from meshclient.core.limit.place import Decision, Place
from meshclient.model.outcome import Mark

marks = st.sampled_from([Mark.SUCCESS, Mark.FAILURE, Mark.NEUTRAL])
choices = st.integers(0, 10**6)


class Moving(Adaptive):
    """A limit that is set by hand."""

    __slots__ = ()

    def succeeded(self, latency: float, inflight: int, now: float) -> None:
        """Nothing is learned."""

    def failed(self, seconds: float, inflight: int, now: float) -> None:
        """Nothing is learned."""


class Course(RuleBasedStateMachine):
    """A gate, and all that is known from outside about those who came."""

    @initialize(
        concurrency=st.integers(1, 4), queue=st.integers(0, 4), shadow=st.sampled_from([False, False, False, True])
    )
    def begin(self, concurrency: int, queue: int, shadow: bool) -> None:
        self.rule = Moving(first=concurrency)
        self.queue, self.shadow = queue, shadow
        self.gate = Gate(self.rule, queue, patience=1.0, shadow=shadow)
        self.now = 100.0
        self.came = self.refused = 0
        self.places: list[Place] = []
        self.waited: set[Place] = set()
        self.woken: set[Place] = set()
        self.forgotten: set[Place] = set()
        self.given_up = 0

    def at_work(self) -> list[Place]:
        return [place for place in self.places if place.came]

    def waiting(self) -> list[Place]:
        """In the order in which they came."""
        return [place for place in self.places if not place.came and place.refusal is None]

    def turn_order(self) -> list[Place]:
        """Who is next, and after him, were nobody else to come: the rule written out a second time."""
        ordered: list[Place] = []
        for priority in sorted({place.priority for place in self.waiting()}):
            level = [place for place in self.waiting() if place.priority == priority]
            if self.now - self.since[priority] > 1.0:
                level.reverse()
            ordered += level
        return ordered

    since: dict[int, float]

    @initialize()
    def nobody_waits(self) -> None:
        self.since = {}

    def note(self) -> None:
        present = {place.priority for place in self.waiting()}
        self.since = {priority: at for priority, at in self.since.items() if priority in present}
        for priority in present:
            self.since.setdefault(priority, self.now)

    @rule(priority=st.integers(0, 2), watches=st.booleans())
    def enter(self, priority: int, watches: bool) -> None:
        self.came += 1
        # Those that were forgotten are found by whoever comes, and others follow them.
        self.find()
        order = self.turn_order()
        full = len(self.at_work()) >= self.gate.concurrency
        place = self.gate.enter(priority, self.now)
        if self.shadow:
            assert isinstance(place, Place)
            beyond = len(self.at_work()) - self.gate.concurrency
            expected = Decision.ENTER if beyond < 0 else Decision.QUEUE if beyond < self.queue else Decision.REFUSE
            assert (place.came, place.decision) == (True, expected)
        elif not full:
            assert isinstance(place, Place)
            assert place.came
        elif len(order) < self.queue:
            assert isinstance(place, Place)
            assert not place.came
        elif order and order[-1].priority > priority:
            assert isinstance(place, Place)
            assert not place.came
            assert order[-1].refusal is not None
            assert order[-1] in self.woken or order[-1] not in self.waited
        else:
            assert isinstance(place, Refusal)
            self.refused += 1
        if isinstance(place, Place):
            self.places.append(place)
            if watches:
                self.waited.add(place)
                place.watch(lambda: self.wake(place))
        self.note()

    def wake(self, place: Place) -> None:
        assert place.came or place.refusal is not None
        assert place not in self.woken, "told twice"
        assert place in self.places, "told after it had left"
        self.woken.add(place)

    def found(self) -> None:
        for place in self.forgotten:
            self.places.remove(place)
        self.forgotten.clear()

    def find(self) -> None:
        if self.forgotten:
            self.found()
            # What the gate itself does with the next `enter`; here first, so that what follows is seen.
            self.gate._read_notes(self.now)
            self.note()

    @precondition(lambda self: self.places)
    @rule(chosen=choices, mark=marks, again=st.booleans())
    def leave(self, chosen: int, mark: Mark, again: bool) -> None:
        place = self.places.pop(chosen % len(self.places))
        if place in self.forgotten:
            self.forgotten.remove(place)
        waits = not place.came
        if waits and place.refusal is None:
            self.given_up += 1
        if waits:
            order = [other for other in self.turn_order() if other is not place]
            self.note()
        else:
            order = self.turn_order()
        room = max(0, self.gate.concurrency - len(self.at_work()) + len(self.forgotten))
        for _ in range(1 + again):
            place.leave(mark, 0.01, self.now)
        self.found()
        assert [other.came for other in order] == [True] * min(room, len(order)) + [False] * (len(order) - room)
        for other in order[:room]:
            assert other in self.woken or other not in self.waited
        self.note()

    @precondition(lambda self: self.at_work())
    @rule(chosen=choices)
    def forget(self, chosen: int) -> None:
        place = self.at_work()[chosen % len(self.at_work())]
        if place not in self.forgotten:
            self.forgotten.add(place)
            place.drop()

    @precondition(lambda self: self.waiting())
    @rule(chosen=choices)
    def look_late(self, chosen: int) -> None:
        self.find()
        if not self.waiting():
            return
        place = self.waiting()[chosen % len(self.waiting())]
        self.waited.add(place)
        place.watch(lambda: self.wake(place))

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.6, 5.0]))
    def step(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.at_work())
    @rule(limit=st.integers(1, 5))
    def move(self, limit: int) -> None:
        """The limit changes with the next call that ends with an answer."""
        self.rule.limit = limit
        place = self.at_work()[0]
        self.forgotten.discard(place)
        self.places.remove(place)
        place.leave(Mark.SUCCESS, 0.01, self.now)
        self.found()
        assert self.gate.concurrency == limit
        self.note()

    @invariant()
    def counts_agree(self) -> None:
        if self.forgotten:
            # To look would be to find them.
            assert self.gate.working == len(self.at_work())
            return
        status = self.gate.status()
        assert status.working == len(self.at_work())
        assert status.waiting == len(self.waiting())
        assert status.waiting <= self.queue
        assert status.abandoned == self.given_up
        if self.shadow:
            assert status.waiting == 0
        else:
            assert status.refused == self.refused
            # Nobody waits beside a free place.
            assert not status.waiting or status.working >= status.concurrency
        assert status.entered + status.queued + status.refused == self.came

    def teardown(self) -> None:
        if hasattr(self, "gate"):
            for place in list(self.places):
                place.leave(Mark.NEUTRAL, None, self.now)
            self.gate._read_notes(self.now)
            status = self.gate.status()
            assert (status.working, status.waiting) == (0, 0)


TestCourse = Course.TestCase
