"""The balancer under any sequence of picks, endings, cancellations, dropped picks, new lists and clock steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshclient.core.balance.balancer import PROBE_GRACE, Balancer
from meshclient.core.balance.least_request import least_request
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.pick import Pick
from meshclient.core.balance.picker import Picker
from meshclient.core.balance.round_robin import RoundRobin
from meshclient.core.balance.status import EndpointStatus
from meshclient.core.balance.weighted_random import WeightedRandom
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.events import EndpointEjected, EndpointRestored, Event, PanicChanged
from meshclient.model.outcome import Kind, Mark, Outcome
from unit.core.fleet import OK, endpoint, expected_rotation

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.balance.node import Key

PICKERS: dict[str, Callable[[Callable[[], float]], Picker]] = {
    "p2c": P2C,
    "least": least_request,
    "round_robin": RoundRobin,
    "random": WeightedRandom,
}
FLEET = 5
LIMIT = 30.0

lists = st.lists(
    st.builds(
        endpoint,
        st.integers(0, FLEET - 1),
        weight=st.sampled_from([1.0, 1.0, 3.0]),
        priority=st.sampled_from([0, 0, 1]),
        health=st.sampled_from([Health.PASSING] * 3 + [Health.CRITICAL, Health.DRAINING]),
        metadata=st.sampled_from([{}, {"version": "2"}]),
    ),
    max_size=FLEET,
    unique_by=lambda e: e.key,
)


class BalancerMachine(RuleBasedStateMachine):
    """Its model: who is listed, which picks are live or lost, and who is out."""

    @initialize(
        listed=lists,
        picker=st.sampled_from(sorted(PICKERS)),
        panic=st.sampled_from([0.0, 0.5, 1.0]),
        consecutive=st.integers(1, 3),
        max_ejected=st.sampled_from([0.0, 0.5, 1.0]),
        seed=st.integers(0, 99),
    )
    def begin(
        self, *, listed: list[Endpoint], picker: str, panic: float, consecutive: int, max_ejected: float, seed: int
    ) -> None:
        uniform = Random(seed).random
        self.now = 100.0
        self.outlier = Outlier(consecutive, base=2.0, limit=LIMIT, max_ejected=max_ejected)
        self.panic = panic
        self.events: list[Event] = []
        self.balancer = Balancer(
            "orders", PICKERS[picker](uniform), self.outlier, panic=panic, uniform=uniform, emit=self.events.append
        )
        self.listed: dict[Key, Endpoint] = {}
        self.generation: Counter[Key] = Counter()
        self.live: list[tuple[Pick, Key, int]] = []
        # Probes among them are due again once collected, which the next pick does.
        self.lost: list[tuple[bool, Key, int]] = []
        self.out: set[Key] = set()
        self.panicking = False
        self.update(listed)

    # What happens.

    @rule(listed=lists)
    def update(self, listed: list[Endpoint]) -> None:
        before = {status.endpoint.key: status for status in self.status()}
        self.balancer.update(listed, self.now)
        self.listed = {e.key: e for e in listed}
        for key in before.keys() - self.listed.keys():
            self.generation[key] += 1
            self.out.discard(key)
        for status in self.status():
            assert status.endpoint == self.listed[status.endpoint.key]
            if known := before.get(status.endpoint.key):
                kept = (status.pending, status.failures, status.expected_latency, status.returns_in)
                assert kept == (known.pending, known.failures, known.expected_latency, known.returns_in)
            else:
                assert (status.pending, status.failures, status.returns_in) == (0, 0, None)
        self.read_events(None)

    @rule(tried=st.sets(st.integers(0, FLEET), max_size=FLEET), repeatable=st.booleans())
    def pick(self, tried: set[int], repeatable: bool = True) -> None:
        keys = [endpoint(number).key for number in tried]
        rotation, _, _ = expected_rotation(self.listed.values(), self.out, self.panic)
        assert self.balancer.untried(keys) is bool((rotation | self.spare()) - set(keys))
        # A probe is a first choice only.
        due = set() if tried else self.due(self.now if repeatable else self.now - PROBE_GRACE)
        lost = {key for probe, key, _ in self.lost if probe}
        pick = self.balancer.pick(self.now, keys, repeatable=repeatable)
        self.lost.clear()
        assert (pick is None) is all(e.health is Health.DRAINING for e in self.listed.values())
        if pick is None:
            return
        key = pick.endpoint.key
        assert pick.endpoint == self.listed[key]
        assert pick.endpoint.health is not Health.DRAINING
        if pick.probe:
            assert key in self.out
            assert not keys
            # A probe that was lost is due again from now on.
            assert key in due or (repeatable and key in lost)
        else:
            assert not due
        if pick.probe:
            pass
        elif rotation - set(keys):
            assert key in rotation - set(keys)
        elif self.spare() - set(keys):
            assert key in self.spare() - set(keys)
        else:
            assert key in rotation
        self.live.append((pick, key, self.generation[key]))

    @precondition(lambda self: self.live)
    @rule(at=st.integers(0, 99), kind=st.sampled_from(Kind), latency=st.sampled_from([None, 0.001, 0.2]))
    def finish(self, at: int, kind: Kind, latency: float | None) -> None:
        pick, key, generation = self.live.pop(at % len(self.live))
        held = generation == self.generation[key] and key in self.listed
        before = {status.endpoint.key: status for status in self.status()}
        pick.answer(latency if kind is Kind.OK else None)
        outcome = Outcome(kind)
        pick.done(outcome, self.now)
        after = {status.endpoint.key: status for status in self.status()}
        for other, known in before.items():
            if other != key or not held:
                # Its own record is its own; whether it stands by may change with others.
                assert replace(after[other], state="") == replace(known, state="")
        if held and outcome.verdict.mark is Mark.NEUTRAL and not outcome.verdict.penalised:
            assert after[key].failures == before[key].failures
            assert after[key].expected_latency == before[key].expected_latency
        if held and outcome.verdict.penalised:
            assert after[key].expected_latency >= before[key].expected_latency
        self.read_events(pick)

    @precondition(lambda self: self.live)
    @rule(at=st.integers(0, 99))
    def drop(self, at: int) -> None:
        pick, key, generation = self.live.pop(at % len(self.live))
        self.lost.append((pick.probe, key, generation))

    @rule(seconds=st.sampled_from([0.0, 0.5, 2.0, LIMIT, -0.5, -LIMIT]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    # What holds.

    def status(self) -> tuple[EndpointStatus, ...]:
        return self.balancer.status(self.now)

    def spare(self) -> set[Key]:
        return {e.key for e in self.listed.values() if e.usable and e.key not in self.out}

    def due(self, moment: float) -> set[Key]:
        """Who may be probed at this moment."""
        waiting = [s for s in self.balancer.status(moment) if s.state == "ejected" and s.returns_in == 0]
        return {status.endpoint.key for status in waiting if status.endpoint.usable}

    def read_events(self, pick: Pick | None) -> None:
        """Follow what observers are told; it must be a possible story, and the cap must have been kept."""
        told, self.events[:] = list(self.events), []
        for event in told:
            if isinstance(event, EndpointEjected):
                assert pick is not None
                key = event.endpoint.key
                assert key == pick.endpoint.key
                # Out again without having been back: only by a failed probe.
                assert (key in self.out) is pick.probe
                if not pick.probe:
                    assert event.failures >= self.outlier.consecutive
                    self.assert_room(key)
                assert 0 < event.duration <= LIMIT
                self.out.add(key)
            elif isinstance(event, EndpointRestored):
                assert pick is not None
                assert pick.probe
                assert event.endpoint.key == pick.endpoint.key
                assert event.endpoint.key in self.out
                self.out.discard(event.endpoint.key)
            else:
                assert isinstance(event, PanicChanged)
                assert event.active is not self.panicking
                self.panicking = event.active
        assert self.panicking is expected_rotation(self.listed.values(), self.out, self.panic)[1]

    def assert_room(self, key: Key) -> None:
        priority = self.listed[key].priority
        tier = [e for e in self.listed.values() if e.priority == priority and e.health is not Health.DRAINING]
        out = sum(e.key in self.out for e in tier)
        size = len(tier)
        allowed = max(1, int(self.outlier.max_ejected * size)) if size > 1 else 0
        _, _, sound = expected_rotation(self.listed.values(), self.out, self.panic)
        assert out < allowed or any(other > priority for other in sound)

    @invariant()
    def what_is_in_flight_is_counted(self) -> None:
        held = Counter(key for _, key, generation in self.live if generation == self.generation[key])
        held.update(key for _, key, generation in self.lost if generation == self.generation[key])
        for status in self.status():
            assert status.pending == held[status.endpoint.key]

    @invariant()
    def the_ejected_are_those_observers_know_of(self) -> None:
        assert {s.endpoint.key for s in self.status() if s.state in {"ejected", "probing"}} == self.out

    @invariant()
    def one_probe_at_a_time(self) -> None:
        probes = Counter(
            key for pick, key, generation in self.live if pick.probe and generation == self.generation[key]
        )
        probes.update(key for probe, key, generation in self.lost if probe and generation == self.generation[key])
        assert all(count == 1 for count in probes.values())
        assert {s.endpoint.key for s in self.status() if s.state == "probing"} == set(probes)

    def teardown(self) -> None:
        if not hasattr(self, "balancer"):
            return
        while self.live:
            self.finish(0, Kind.CANCELLED, None)
        # No probe is lost: once their time has come, each pick takes one, and they all come back.
        self.now += 10 * LIMIT
        usable = {e.key for e in self.listed.values() if e.usable}
        for _ in range(len(self.out & usable)):
            self.pick(set())
            pick, _, _ = self.live.pop()
            assert pick.probe
            pick.done(OK, self.now)
            self.read_events(pick)
        self.pick(set())
        while self.live:
            self.finish(0, Kind.CANCELLED, None)
        assert not self.out & usable
        assert [status.pending for status in self.status()] == [0] * len(self.listed)


BalancerMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestBalancer = BalancerMachine.TestCase
