"""The adaptive limit: its bounds, its windows, and what does not move it."""

from __future__ import annotations

from meshclient.core.limit.adaptive import ENDINGS, Adaptive
from meshclient.core.limit.descent import REST, WINDOWS, Descent
from meshclient.core.limit.drops import TRIALS, Drops
from meshclient.core.limit.gate import Gate
from meshclient.core.limit.place import Place
from meshclient.model.outcome import Mark


def window(rule: Adaptive, now: float, latency: float, inflight: int, failed: int = 0) -> float:
    """Just as many endings as a window needs, of which so many are fast failures; the time at its end."""
    for number in range(ENDINGS):
        at = now + (number + 1) / ENDINGS * 1.05
        if number < failed:
            rule.failed(0.0001, inflight, at)
        else:
            rule.succeeded(latency, inflight, at)
    return at


def test_it_grows_while_answers_are_as_fast_as_ever_and_not_beyond_five_times_what_is_used() -> None:
    rule, now = Adaptive(), 1000.0
    limits = []
    for _ in range(40):
        now = window(rule, now, 0.05, 10)
        limits.append(rule.limit)
    assert limits[5] > 20
    assert max(limits) <= 50
    assert limits[-1] >= 48


def test_it_begins_within_its_bounds() -> None:
    assert Adaptive(most=5).limit == 5
    assert Adaptive(least=50).limit == 50


def test_it_shrinks_when_answers_become_slow_and_grows_again() -> None:
    rule, now = Adaptive(), 1000.0
    for _ in range(10):
        now = window(rule, now, 0.05, 20)
    before = rule.limit
    for _ in range(8):
        now = window(rule, now, 0.2, 20)
    slow = rule.limit
    for _ in range(20):
        now = window(rule, now, 0.05, 20)
    assert slow < before < rule.limit


def test_it_keeps_its_bounds() -> None:
    rule, now = Adaptive(least=4, first=30, most=32), 1000.0
    for _ in range(20):
        now = window(rule, now, 0.05, 30)
    assert rule.limit == 32
    lowest = rule.limit
    for _ in range(50):
        # The more calls are under way, the more of them fail.
        now = window(rule, now, 0.05, rule.limit, failed=min(ENDINGS - 1, 2 * rule.limit))
        lowest = min(lowest, rule.limit)
    assert lowest == 4


def test_few_calls_and_little_time_decide_nothing() -> None:
    rule = Adaptive()
    for number in range(ENDINGS * 10):
        rule.succeeded(0.05, 10, 1000 + number / 1000)
    assert rule.limit == 20
    for number in range(ENDINGS - 2):
        rule.succeeded(0.05, 10, 2000.0 + number * 10)
    assert rule.limit == 21  # the many before, in whose window they fell


def test_a_window_lasts_for_two_answers_at_least() -> None:
    slow, fast = Adaptive(), Adaptive()
    for number in range(ENDINGS * 3):
        slow.succeeded(2.0, 10, 1000 + number / 50)
        fast.succeeded(0.2, 10, 1000 + number / 50)
    assert slow.limit == 20
    assert fast.limit > 20


def test_a_service_that_only_fails_is_not_its_business() -> None:
    rule, now = Adaptive(), 1000.0
    for _ in range(50):
        now = window(rule, now, 0.05, 20, failed=ENDINGS)
    assert rule.limit == 20


def test_fast_failures_shrink_it() -> None:
    rule, now = Adaptive(), 1000.0
    for _ in range(3):
        now = window(rule, now, 0.05, 20, failed=ENDINGS // 2)
    assert rule.limit == int(20 * 0.9**3)


def test_failures_go_on_lowering_the_limit_only_while_that_helps() -> None:
    helps, in_vain = Drops(), Drops()
    answers: list[list[bool]] = [[], []]
    for number in range(20):
        answers[0].append(helps.ask_for_less(40 - number, 0.5 - number * 0.01))
        answers[1].append(in_vain.ask_for_less(40 - number, 0.5 + number % 2 * 0.01))
    assert all(answers[0])
    assert answers[1] == [True] * TRIALS + [False] * (20 - TRIALS)
    # Another time it is another cause.
    assert not in_vain.ask_for_less(20, 0.05)
    assert in_vain.ask_for_less(20, 0.5)


def test_a_slow_failure_is_a_slow_answer_and_no_drop() -> None:
    rule, now = Adaptive(), 1000.0
    for _ in range(10):
        now = window(rule, now, 0.05, 10)
    grown = rule.limit
    for _ in range(ENDINGS * 20):
        rule.failed(2.0, 40, now := now + 0.021)
        rule.succeeded(0.05, 40, now)
    assert rule.limit < grown


def test_a_trial_is_kept_where_it_makes_answers_faster_and_not_fewer() -> None:
    for latency, rate, kept in ((0.08, 100.0, True), (0.095, 100.0, False), (0.05, 80.0, False)):
        trial = Descent()
        limit = trial.begin(20.0, 0.1, 100.0)
        assert limit == 16.0
        limits = [trial.go_on(limit, latency, rate) for _ in range(WINDOWS)]
        assert limits == [16.0] * (WINDOWS - 1) + [16.0 if kept else 20.0]
        assert (trial.left, trial.rest) == (0, 0 if kept else REST)


def test_the_gate_tells_it_of_answers_and_failures_but_not_of_cancelled_calls() -> None:
    seen: list[tuple[str, float, int]] = []

    class Listening(Adaptive):
        __slots__ = ()

        def succeeded(self, latency: float, inflight: int, now: float) -> None:
            seen.append(("succeeded", latency, inflight))

        def failed(self, seconds: float, inflight: int, now: float) -> None:
            seen.append(("failed", seconds, inflight))
            self.limit = 1

    gate = Gate(Listening(first=3), queue=9)
    places = [gate.enter(0, 10.0) for _ in range(5)]
    one, two, three, four, five = (place for place in places if isinstance(place, Place))
    one.leave(Mark.NEUTRAL, 5.0, 10.1)
    two.leave(Mark.SUCCESS, 0.25, 10.2)
    assert four.came
    assert five.came
    three.leave(Mark.SUCCESS, None, 10.2)
    five.leave(Mark.FAILURE, None, 10.5)
    assert seen == [("succeeded", 0.25, 3), ("failed", 0.3000000000000007, 2)]
    # The limit is lower than what is at work: nobody follows.
    waiting = gate.enter(0, 10.5)
    assert isinstance(waiting, Place)
    assert not waiting.came
    assert gate.status().concurrency == 1
