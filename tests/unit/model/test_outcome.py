"""The classification, row by row: written out a second time, so that no row changes unseen."""

import pytest

from meshclient.model.outcome import VERDICTS, Kind, Mark, Outcome, Repeat, Sent, classify_status

BUSY = {408, 425, 429}
ANSWERED = {501, 505}

ROWS = {
    Kind.OK: (Sent.YES, Mark.SUCCESS, Repeat.NEVER, False),
    Kind.BUSY: (Sent.YES, Mark.NEUTRAL, Repeat.IF_IDEMPOTENT, True),
    Kind.SERVER_ERROR: (Sent.YES, Mark.FAILURE, Repeat.IF_IDEMPOTENT, True),
    Kind.CONNECT_ERROR: (Sent.NO, Mark.FAILURE, Repeat.ALWAYS, True),
    Kind.CONNECT_TIMEOUT: (Sent.NO, Mark.FAILURE, Repeat.ALWAYS, True),
    Kind.POOL_TIMEOUT: (Sent.NO, Mark.NEUTRAL, Repeat.ALWAYS, False),
    Kind.CONNECT_STALLED: (Sent.NO, Mark.NEUTRAL, Repeat.ALWAYS, False),
    Kind.TIMEOUT: (Sent.MAYBE, Mark.FAILURE, Repeat.IF_IDEMPOTENT, True),
    Kind.STALE_CONNECTION: (Sent.MAYBE, Mark.NEUTRAL, Repeat.IF_IDEMPOTENT, False),
    Kind.STALLED: (Sent.MAYBE, Mark.NEUTRAL, Repeat.IF_IDEMPOTENT, False),
    Kind.DISCONNECTED: (Sent.MAYBE, Mark.FAILURE, Repeat.IF_IDEMPOTENT, True),
    Kind.PROTOCOL_ERROR: (Sent.YES, Mark.FAILURE, Repeat.IF_IDEMPOTENT, True),
    Kind.LOCAL_ERROR: (Sent.NO, Mark.NEUTRAL, Repeat.NEVER, False),
    Kind.CANCELLED: (Sent.MAYBE, Mark.NEUTRAL, Repeat.NEVER, False),
}


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_verdict(kind: Kind) -> None:
    verdict = Outcome(kind).verdict
    assert (verdict.sent, verdict.mark, verdict.repeat, verdict.penalised) == ROWS[kind]
    assert VERDICTS.keys() == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_the_rows_agree_with_the_rules(kind: Kind) -> None:
    verdict = VERDICTS[kind]
    # What may have been executed is repeated only where that does no harm.
    assert verdict.repeat is not Repeat.ALWAYS or verdict.sent is Sent.NO
    # Every failure of an endpoint weighs on its load, or it would look fast.
    assert verdict.mark is not Mark.FAILURE or verdict.penalised
    assert verdict.mark is not Mark.SUCCESS or not verdict.penalised


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_its_kind(status: int) -> None:
    if status in BUSY:
        expected = Kind.BUSY
    elif status < 500 or status in ANSWERED:
        expected = Kind.OK
    else:
        expected = Kind.SERVER_ERROR
    outcome = classify_status(status)
    assert outcome.kind is expected
    assert outcome.status == status
    assert outcome.verdict is VERDICTS[expected]


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_a_server_asks_for_is_kept(status: int) -> None:
    assert classify_status(status, 7.5).retry_after == 7.5


@pytest.mark.parametrize("status", [99, 600, 999])
def test_statuses_outside_the_standard_have_a_verdict_too(status: int) -> None:
    assert classify_status(status).kind is (Kind.OK if status < 500 else Kind.SERVER_ERROR)
