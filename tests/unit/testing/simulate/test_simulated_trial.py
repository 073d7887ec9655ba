"""How soon trouble was noticed, and how soon it was over."""

from __future__ import annotations

import pytest

from meshclient.testing.simulate import Failing, Fault
from meshclient.testing.simulate.slice import Cut
from meshclient.testing.simulate.tally import Made
from meshclient.testing.simulate.trial import Trial

TRIAL = Trial(10.0, 20.0, ("bad",))


def sent(*spans: tuple[float, float, int]) -> list[tuple[float, str]]:
    """Ten attempts a tenth of a second from 0 to 30; in each span so many of them go to "bad"."""
    attempts = list[tuple[float, str]]()
    for tick in range(300):
        moment = tick / 10
        bad = next((count for begin, end, count in spans if begin <= moment < end), 0)
        attempts += [(moment + 0.001 * n, "bad" if n < bad else "good") for n in range(10)]
    return attempts


def cut(*spans: tuple[float, float, int]) -> Cut:
    attempts = sent(*spans)
    return Cut([], attempts, attempts)


def test_an_instance_that_gets_nothing_from_the_start_is_noticed_at_once() -> None:
    assert TRIAL.detection(cut((0, 10, 5)), 0.02) == 0.0


def test_it_is_noticed_when_the_last_second_with_too_large_a_share_is_over() -> None:
    # A second from 12.9 on holds one tenth of a second of it: 5 of 100 attempts.
    assert TRIAL.detection(cut((0, 13, 5)), 0.02) == pytest.approx(3.0)
    assert TRIAL.detection(cut((0, 13, 5)), 0.2) == pytest.approx(2.7, abs=0.11)


def test_a_relapse_counts() -> None:
    assert TRIAL.detection(cut((0, 11, 5), (17, 17.5, 5)), 0.02) == pytest.approx(7.5)


def test_what_lasts_was_never_noticed() -> None:
    assert TRIAL.detection(cut((0, 30, 5)), 0.02) is None


def calls(*failed: float) -> Cut:
    moments = [n / 10 for n in range(300)]
    return Cut([Made(at, 0.01, "timeout" if at in failed else "", "GET") for at in moments], [], [])


def test_recovery_is_the_last_failed_call_after_the_fault() -> None:
    assert TRIAL.recovery(calls(12.0, 19.9), 30.0) == 0.0
    assert TRIAL.recovery(calls(12.0, 20.5, 21.5), 30.0) == pytest.approx(1.5)
    assert TRIAL.recovery(calls(12.0, 29.5), 30.0) is None


def test_the_comeback_is_the_first_second_with_half_of_the_former_share() -> None:
    assert TRIAL.comeback(cut((0, 10, 4), (22, 30, 3)), 30.0) == pytest.approx(1.7, abs=0.11)
    assert TRIAL.comeback(cut((0, 10, 4), (22, 30, 1)), 30.0) is None


def test_a_trial_is_all_faults_together() -> None:
    first, second = Fault(1.0, 5.0, ("a",), Failing), Fault(3.0, 9.0, ("b", "a"), Failing)
    assert Trial.of([first, second], [second]) == Trial(1.0, 9.0, ("b", "a"))
    assert Trial.of([], []) is None
