"""Ejection, one endpoint at a time."""

import pytest

from meshclient.core.outlier import RELATED, SPAN, Change, Outlier, Record, Standing
from meshclient.model.outcome import Mark

RULE = Outlier(consecutive=3, base=4.0, limit=20.0)
NOW = 100.0


class Case:
    """An endpoint, and what is counted of it."""

    def __init__(self) -> None:
        self.standing = Standing()
        self.own = Record()

    def fail(self, fleet: Record, now: float = NOW) -> bool:
        self.own.add(now, failed=True)
        fleet.add(now, failed=True)
        return RULE.failed(self.standing, self.own, fleet, now)

    def fails(self, fleet: Record, times: int, *, peers_answer: int = 30, now: float = NOW) -> list[bool]:
        """So many failures; in between the peers succeed so often."""
        found = []
        for _ in range(times):
            found.append(self.fail(fleet, now))
            for _ in range(peers_answer):
                fleet.add(now, failed=False)
        return found

    def succeed(self, fleet: Record, now: float = NOW) -> None:
        self.own.add(now, failed=False)
        fleet.add(now, failed=False)
        RULE.succeeded(self.standing)


def test_so_many_failures_in_a_row_are_enough_when_the_peers_answer() -> None:
    assert Case().fails(Record(), 3) == [False, False, True]


def test_a_success_in_between_starts_the_count_again() -> None:
    case, fleet = Case(), Record()
    assert case.fails(fleet, 2, peers_answer=1) == [False, False]
    case.succeed(fleet)
    assert case.fails(fleet, 2, peers_answer=1) == [False, False]
    assert case.standing.failures == 2


def test_while_no_peer_succeeds_nobody_is_to_blame() -> None:
    case, fleet = Case(), Record()
    fleet.add(NOW, failed=True)
    assert not case.fail(fleet)
    fleet.add(NOW, failed=True)
    assert not any(case.fails(fleet, 200, peers_answer=0))


def test_where_no_peer_was_tried_it_is_to_blame() -> None:
    assert Case().fails(Record(), 3, peers_answer=0) == [False, False, True]


def test_when_all_fail_together_nobody_is_to_blame_even_after_a_good_time() -> None:
    cases, fleet = [Case() for _ in range(4)], Record()
    for _ in range(500):
        for case in cases:
            case.succeed(fleet)
    assert not any(case.fail(fleet, NOW + SPAN) for _ in range(100) for case in cases)


def test_what_peers_did_in_quiet_times_long_past_is_no_evidence() -> None:
    case, fleet = Case(), Record()
    case.fails(fleet, 1, peers_answer=1000)
    later = NOW + RELATED + 1
    fleet.add(later, failed=False)
    assert not case.fail(fleet, later)
    fleet.add(later, failed=True)
    assert case.fails(fleet, 10, peers_answer=0, now=later) == [False] * 10


def test_where_calls_are_rare_failures_some_time_apart_belong_together() -> None:
    case, fleet = Case(), Record()
    found = []
    for at in range(3):
        found += case.fails(fleet, 1, now=NOW + at * (SPAN + 5))
    assert found == [False, False, True]


def test_where_others_stand_ready_a_streak_is_enough() -> None:
    case, fleet = Case(), Record()
    for _ in range(2):
        fleet.add(NOW, failed=True)
        assert not case.fail(fleet)
    case.own.add(NOW, failed=True)
    fleet.add(NOW, failed=True)
    assert RULE.failed(case.standing, case.own, fleet, NOW, relieved=True)


def test_what_it_was_ejected_for_is_over_when_it_comes_back() -> None:
    case, fleet = Case(), Record()
    assert case.fails(fleet, 20)[-1]
    RULE.eject(case.standing, NOW, 0.0)
    assert RULE.probed(case.standing, Mark.SUCCESS, NOW + 4, 0.0) is Change.RESTORED
    for _ in range(5):
        case.succeed(fleet, NOW + 5)
    assert not case.fail(fleet, NOW + 5)


def test_two_of_nine_are_both_found() -> None:
    bad, fleet = [Case(), Case()], Record()
    found: set[int] = set()
    for _ in range(10):
        for at, case in enumerate(bad):
            if case.fail(fleet):
                found.add(at)
        for _ in range(7):
            fleet.add(NOW, failed=False)
    assert found == {0, 1}


def test_half_of_its_answers_wrong_is_found_by_the_ratio() -> None:
    case, fleet = Case(), Record()
    found = False
    for attempt in range(60):
        found = case.fail(fleet) or found
        assert not (found and attempt < 4)
        case.succeed(fleet)
        for _ in range(2):
            fleet.add(NOW, failed=False)
    assert found


def test_one_in_ten_wrong_is_not() -> None:
    case, fleet = Case(), Record()
    for _ in range(300):
        assert not case.fail(fleet)
        for _ in range(9):
            case.succeed(fleet)
        fleet.add(NOW, failed=False)


def test_half_wrong_like_everybody_else_is_not() -> None:
    case, fleet = Case(), Record()
    for _ in range(300):
        assert not case.fail(fleet)
        case.succeed(fleet)
        fleet.add(NOW, failed=True)
        fleet.add(NOW, failed=False)


def test_ejected_means_out_until_the_probe_is_due() -> None:
    standing = Standing(failures=3)
    RULE.eject(standing, NOW, 0.0)
    assert (standing.until, standing.ejections, standing.ejected) == (102.0, 1, True)


def test_a_probe_that_succeeds_brings_it_back_with_a_clean_record() -> None:
    case, fleet = Case(), Record()
    case.fails(fleet, 3)
    standing = case.standing
    RULE.eject(standing, NOW, 0.0)
    standing.probing = True
    assert RULE.probed(standing, Mark.SUCCESS, NOW + 2, 0.0) is Change.RESTORED
    assert (standing.failures, standing.until, standing.probing) == (0, None, False)


def test_each_failed_probe_doubles_the_time_up_to_the_limit() -> None:
    standing = Standing(failures=3, ejections=1, until=102.0)
    lengths = []
    for _ in range(5):
        assert RULE.probed(standing, Mark.FAILURE, NOW, 0.0) is Change.EJECTED
        assert standing.until is not None
        lengths.append(standing.until - NOW)
    assert lengths == [4, 8, 10, 10, 10]


def test_the_next_ejection_is_longer_the_sooner_it_comes() -> None:
    lengths = []
    for clean in (0.0, SPAN, 2 * SPAN, 100 * SPAN):
        standing = Standing(ejections=2, returned=NOW - clean)
        RULE.eject(standing, NOW, 0.0)
        assert standing.until is not None
        lengths.append(standing.until - NOW)
    assert lengths == [8, 4, 2, 2]


def test_a_probe_that_says_nothing_is_due_again_at_once() -> None:
    standing = Standing(failures=3, ejections=1, until=102.0, probing=True)
    assert RULE.probed(standing, Mark.NEUTRAL, 110, 0.0) is Change.PROBE_AGAIN
    assert (standing.failures, standing.ejections, standing.until, standing.probing) == (3, 1, 110, False)


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 2.5), (0.5, 3.75), (1 - 2**-53, 5.0)])
def test_the_time_is_half_fixed_half_chance(chance: float, seconds: float) -> None:
    assert Outlier(base=5).duration(0, chance) == pytest.approx(seconds)


def test_any_number_of_ejections_has_a_duration() -> None:
    assert Outlier(base=5, limit=300).duration(10**6, 0.0) == 150


@pytest.mark.parametrize(
    ("total", "share", "cap"),
    [
        (0, 0.5, 0),
        (1, 0.5, 0),
        (1, 1.0, 0),
        (2, 0.5, 1),
        (3, 0.5, 1),
        (4, 0.5, 2),
        (9, 0.5, 4),
        (10, 0.1, 1),
        (3, 0.0, 1),
        (5, 1.0, 5),
    ],
)
def test_how_many_may_be_out(total: int, share: float, cap: int) -> None:
    assert Outlier(max_ejected=share).cap(total) == cap
