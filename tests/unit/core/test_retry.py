"""Whether another attempt follows: every reason, word for word, and the pauses."""

from dataclasses import replace
from math import inf

import pytest

from meshclient.core.retry import IDEMPOTENT_METHODS, Refusal, Retry, RetryPolicy, Situation, Trial
from meshclient.core.retry_budget import RetryBudget
from meshclient.model.outcome import Kind, Outcome, classify_status

POLICY = RetryPolicy(attempts=3, first=0.1, limit=1.0)
SITUATION = Situation(
    number=1,
    idempotent=True,
    method="GET",
    obstacle=lambda: "",
    untried=True,
    remaining=inf,
    now=100.0,
    chance=0.5,
    trial=Trial(1, 0.0, None),
)
UNAVAILABLE = Outcome(Kind.SERVER_ERROR, 503)
REFUSED = Outcome(Kind.CONNECT_ERROR)


def decide(outcome: Outcome, at: Situation, budget: RetryBudget | None = None) -> Retry | Refusal:
    return POLICY.decide(outcome, at, budget or RetryBudget())


@pytest.mark.parametrize(
    ("outcome", "at", "reason"),
    [
        (Outcome(Kind.CANCELLED), SITUATION, "cancelled is final"),
        (Outcome(Kind.LOCAL_ERROR), SITUATION, "local_error is final"),
        (Outcome(Kind.OK, 200), SITUATION, "ok is final"),
        (
            UNAVAILABLE,
            replace(SITUATION, idempotent=False, method="POST"),
            "POST may have been executed and is not idempotent: send an Idempotency-Key header, or opt in",
        ),
        (UNAVAILABLE, replace(SITUATION, number=3), "attempt 3 of 3 was the last"),
        (UNAVAILABLE, replace(SITUATION, obstacle=lambda: "the body is a stream"), "the body is a stream"),
        (UNAVAILABLE, replace(SITUATION, remaining=0.0), "the deadline has passed"),
        (REFUSED, replace(SITUATION, remaining=0.0), "the deadline has passed"),
        (UNAVAILABLE, replace(SITUATION, remaining=0.05), "a pause of 0.05s would outlast the deadline, 0.05s away"),
    ],
)
def test_each_refusal_says_why(outcome: Outcome, at: Situation, reason: str) -> None:
    assert decide(outcome, at) == Refusal(reason)


def test_a_spent_budget_refuses() -> None:
    assert decide(UNAVAILABLE, SITUATION, RetryBudget(0, 0)) == Refusal("the service's retry budget is spent")


def test_what_cost_the_endpoint_nothing_costs_the_budget_nothing() -> None:
    stale = Outcome(Kind.STALE_CONNECTION)
    assert isinstance(decide(stale, replace(SITUATION, free=True), RetryBudget(0, 0)), Retry)
    assert isinstance(decide(stale, SITUATION, RetryBudget(0, 0)), Refusal)


def test_the_reasons_are_told_in_their_order() -> None:
    """All at once: each reason appears when the one before it is gone."""
    at = replace(
        SITUATION, number=9, idempotent=False, method="POST", obstacle=lambda: "the body is a stream", remaining=0.0
    )
    empty = RetryBudget(0, 0)
    told = [decide(Outcome(Kind.CANCELLED), at, empty), decide(UNAVAILABLE, at, empty)]
    told.append(decide(UNAVAILABLE, at := replace(at, idempotent=True), empty))
    told.append(decide(UNAVAILABLE, at := replace(at, number=1), empty))
    told.append(decide(UNAVAILABLE, at := replace(at, obstacle=lambda: ""), empty))
    told.append(decide(UNAVAILABLE, at := replace(at, remaining=0.01), empty))
    told.append(decide(UNAVAILABLE, replace(at, remaining=inf), empty))
    words = ["final", "not idempotent", "was the last", "stream", "has passed", "outlast the deadline", "budget"]
    for word, answer in zip(words, told, strict=True):
        assert isinstance(answer, Refusal)
        assert word in answer.reason


def test_the_body_is_asked_about_only_when_it_would_matter() -> None:
    def obstacle() -> str:
        raise AssertionError("asked too early")

    at = replace(SITUATION, obstacle=obstacle)
    assert isinstance(decide(Outcome(Kind.OK, 200), at), Refusal)
    assert isinstance(decide(UNAVAILABLE, replace(at, idempotent=False)), Refusal)
    assert isinstance(decide(UNAVAILABLE, replace(at, number=3)), Refusal)


@pytest.mark.parametrize("kind", Kind)
def test_a_post_is_repeated_only_if_it_was_never_sent(kind: Kind) -> None:
    answer = decide(Outcome(kind), replace(SITUATION, idempotent=False, method="POST"))
    never_sent = kind in {Kind.CONNECT_ERROR, Kind.CONNECT_TIMEOUT, Kind.POOL_TIMEOUT, Kind.CONNECT_STALLED}
    assert isinstance(answer, Retry) is never_sent


def test_never_sent_goes_to_another_endpoint_at_once_and_once() -> None:
    assert decide(REFUSED, SITUATION) == Retry(0.0)
    assert decide(REFUSED, replace(SITUATION, untried=False)) == Retry(0.05)
    assert decide(REFUSED, replace(SITUATION, number=2)) == Retry(0.1)
    assert decide(UNAVAILABLE, SITUATION) == Retry(0.05)


@pytest.mark.parametrize(("number", "most"), [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.8), (5, 1.0), (2000, 1.0)])
def test_the_pause_doubles_up_to_its_limit_with_full_jitter(number: int, most: float) -> None:
    at = replace(SITUATION, number=number)
    assert POLICY.delay(UNAVAILABLE, replace(at, chance=0.0)) == 0
    assert POLICY.delay(UNAVAILABLE, replace(at, chance=0.25)) == pytest.approx(most / 4)
    assert POLICY.delay(UNAVAILABLE, replace(at, chance=1 - 2**-53)) == pytest.approx(most)


@pytest.mark.parametrize(
    ("status", "untried", "honoured"),
    [(429, True, True), (429, False, True), (503, True, False), (503, False, True), (425, True, False)],
)
def test_retry_after_is_honoured_where_it_concerns_the_next_attempt(status: int, untried: bool, honoured: bool) -> None:
    delay = POLICY.delay(classify_status(status, 10.0), replace(SITUATION, untried=untried))
    assert delay == pytest.approx(12.5 if honoured else 0.05)


@pytest.mark.parametrize(
    ("asked", "chance", "pause"), [(2, 0.0, 2), (2, 0.5, 2.5), (1e9, 0.0, 30), (1e9, 0.5, 37.5), (0, 0.5, 0)]
)
def test_retry_after_is_bounded_and_spread(asked: float, chance: float, pause: float) -> None:
    at = replace(SITUATION, chance=chance)
    assert POLICY.delay(classify_status(429, asked), at) == pytest.approx(pause)


def test_the_idempotent_methods_are_those_of_rfc_9110() -> None:
    assert {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"} == IDEMPOTENT_METHODS
