"""A circuit's copy: what is said to Redis, what of its answers is taken over, and who may send the probe."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN

from meshclient.mesh.circuit_store import Agreement
from meshclient.testing.clock import ManualClock
from meshclient_redis.record import Record, RecordError
from meshclient_redis.storage import GRANT, SharedCircuitStorage

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAUSE = 0.5


class Copy:
    """A storage, and what it wakes and is told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.woken = 0
        self.alone = False
        self.storage = SharedCircuitStorage(
            "orders", lock=nullcontext(), clock=self.clock, pause=PAUSE, wake=self._wake, alone=lambda: self.alone
        )

    def _wake(self) -> None:
        self.woken += 1

    def exchange(self, version: str = "", record: Record | None = None, *, granted: bool = False) -> None:
        """One question and its answer; Redis takes what is written unless it holds something else."""
        question = self.storage.question()
        if record is None and question.record is not None:
            version, record = question.write, question.record
        self.storage.answer(question, version, record, granted=granted)


@pytest.fixture
def copy() -> Copy:
    return Copy()


def test_it_is_an_agreement(copy: Copy) -> None:
    assert isinstance(copy.storage, Agreement)


def test_nothing_is_written_where_nothing_has_changed(copy: Copy) -> None:
    assert copy.storage.question().record is None
    copy.storage.increment_counter()
    assert (copy.storage.counter, copy.woken) == (1, 0)
    assert copy.storage.question().record is None


def test_what_changes_is_written_once_it_is_taken(copy: Copy) -> None:
    copy.storage.opened_at = NOON
    copy.storage.state = STATE_OPEN
    assert copy.woken == 2
    first = copy.storage.question()
    assert first.record == Record(STATE_OPEN, NOON)
    # The answer was lost: it is said again, and what Redis may hold of it is named.
    second = copy.storage.question()
    assert second.record == first.record
    assert second.attempt == first.write
    copy.storage.answer(second, second.write, second.record, granted=False)
    third = copy.storage.question()
    assert (third.record, third.version, third.attempt) == (None, second.write, "")


def test_what_changes_while_it_is_written_is_written_next(copy: Copy) -> None:
    copy.storage.state = STATE_OPEN
    question = copy.storage.question()
    copy.storage.isolated = True
    copy.storage.answer(question, question.write, question.record, granted=False)
    assert copy.storage.question().record == Record(STATE_OPEN, isolated=True)


def test_what_others_wrote_goes_before_what_was_written_here(copy: Copy) -> None:
    copy.storage.state = STATE_OPEN
    copy.exchange("theirs", Record(STATE_HALF_OPEN, NOON, 2))
    assert (copy.storage.state, copy.storage.opened_at, copy.storage.counter) == (STATE_HALF_OPEN, NOON, 2)
    assert copy.storage.question().version == "theirs"


def test_what_changes_while_others_are_heard_is_changed_on_top_of_theirs(copy: Copy) -> None:
    question = copy.storage.question()
    copy.storage.state = STATE_OPEN
    copy.storage.answer(question, "theirs", Record(STATE_HALF_OPEN, NOON, 2), granted=False)
    assert copy.storage.state == STATE_OPEN
    again = copy.storage.question()
    assert (again.version, again.record) == ("theirs", Record(STATE_OPEN))


def test_a_closed_circuit_of_others_says_nothing_of_failures_in_a_row(copy: Copy) -> None:
    copy.exchange("theirs", Record(STATE_OPEN, NOON, 3))
    copy.exchange("later", Record(STATE_CLOSED, NOON, 3))
    assert copy.storage.counter == 0


def test_what_redis_has_forgotten_is_told_again_if_it_is_open(copy: Copy) -> None:
    copy.storage.state = STATE_OPEN
    copy.exchange()
    question = copy.storage.question()
    assert question.record is None
    copy.storage.answer(question, "", None, granted=False)
    assert copy.storage.question().record == Record(STATE_OPEN)


def test_isolation_ends_with_the_open_state(copy: Copy) -> None:
    copy.storage.state = STATE_OPEN
    copy.storage.isolated = True
    copy.storage.state = STATE_OPEN
    assert copy.storage.isolated
    copy.storage.state = STATE_CLOSED
    assert not copy.storage.isolated


def test_a_claim_is_asked_for_then_granted_to_one_call(copy: Copy) -> None:
    assert not copy.storage.claim(30.0)
    assert copy.storage.question().claim == 30.0
    copy.exchange("v", Record(STATE_OPEN, NOON), granted=True)
    assert copy.storage.claim(30.0)
    assert not copy.storage.claim(30.0)


def test_a_claim_that_is_refused_is_not_asked_for_at_every_call(copy: Copy) -> None:
    assert not copy.storage.claim(30.0)
    copy.exchange("v", Record(STATE_OPEN, NOON))
    woken = copy.woken
    for _ in range(100):
        assert not copy.storage.claim(30.0)
    assert copy.woken == woken
    copy.clock.advance(PAUSE)
    assert not copy.storage.claim(30.0)
    assert copy.woken == woken + 1


def test_a_granted_claim_that_no_call_takes_up_is_given_back(copy: Copy) -> None:
    copy.storage.claim(30.0)
    copy.exchange("v", Record(STATE_OPEN, NOON), granted=True)
    copy.clock.advance(GRANT)
    assert copy.storage.question().release
    assert not copy.storage.question().release
    assert not copy.storage.claim(30.0)


def test_alone_it_claims_by_itself(copy: Copy) -> None:
    copy.alone = True
    assert copy.storage.claim(30.0)
    assert copy.woken == 0


def test_a_release_is_said_once(copy: Copy) -> None:
    copy.storage.release()
    assert copy.woken == 1
    assert copy.storage.question().release
    assert not copy.storage.question().release


def test_a_record_survives_the_way_to_redis_and_back() -> None:
    record = Record(STATE_OPEN, NOON.replace(microsecond=123456), 4, isolated=True)
    assert Record.of(*record.fields) == record
    assert Record.of(*Record().fields) == Record()
    assert Record.of(*replace(record, state=STATE_CLOSED).fields).failed == 0


@pytest.mark.parametrize(
    "fields",
    [
        ("ajar", "", "0", "0"),
        ("open", "noon", "0", "0"),
        ("open", "2026-01-01T12:00:00", "0", "0"),
        ("open", "", "many", "0"),
    ],
)
def test_what_is_no_record(fields: tuple[str, str, str, str]) -> None:
    with pytest.raises(RecordError, match="no circuit"):
        Record.of(*fields)
