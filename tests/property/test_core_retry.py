"""What holds for every decision about another attempt."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.retry import LONGEST_RETRY_AFTER, RETRY_AFTER_SPREAD, Refusal, Retry, RetryPolicy, Situation, Trial
from meshclient.core.retry_budget import RetryBudget
from meshclient.model.outcome import Kind, Outcome, Repeat, Sent

outcomes = st.builds(
    Outcome,
    st.sampled_from(Kind),
    st.sampled_from([None, 200, 408, 429, 500, 503]),
    st.one_of(st.none(), st.floats(0, 1e6)),
)
policies = st.builds(RetryPolicy, st.integers(1, 9), st.floats(0, 2), st.floats(0, 60))
situations = st.builds(
    Situation,
    number=st.integers(1, 10**4),
    idempotent=st.booleans(),
    method=st.sampled_from(["GET", "POST"]),
    obstacle=st.sampled_from([lambda: "", lambda: "a stream"]),
    untried=st.booleans(),
    remaining=st.one_of(st.just(inf), st.floats(0, 100)),
    now=st.floats(0, 1e6),
    chance=st.floats(0, 1, exclude_max=True),
    trial=st.builds(Trial, st.integers(1, 10), st.floats(0, 100), st.none()),
    chained=st.booleans(),
    free=st.booleans(),
)


@given(outcomes, policies, situations, st.booleans())
def test_a_retry_is_allowed_affordable_and_in_time(
    outcome: Outcome, policy: RetryPolicy, at: Situation, rich: bool
) -> None:
    budget = RetryBudget(0.0, 1.0 if rich else 0.0)
    before = budget.balance(at.now)
    answer = policy.decide(outcome, at, budget)
    spent = before - budget.balance(at.now)
    if isinstance(answer, Refusal):
        assert answer.reason
        assert spent == 0
        return
    assert spent == (not at.free)
    verdict = outcome.verdict
    assert verdict.repeat is not Repeat.NEVER
    assert at.idempotent or verdict.sent is Sent.NO
    assert at.number < policy.attempts
    assert not at.obstacle()
    assert 0 <= answer.delay < at.remaining
    assert answer.delay <= max(policy.limit, LONGEST_RETRY_AFTER * (1 + RETRY_AFTER_SPREAD))


@given(outcomes, policies, situations)
def test_with_nothing_in_its_way_a_repeatable_failure_is_repeated(
    outcome: Outcome, policy: RetryPolicy, at: Situation
) -> None:
    free = (
        outcome.verdict.repeat is not Repeat.NEVER
        and (at.idempotent or outcome.verdict.repeat is Repeat.ALWAYS)
        and (not at.chained or outcome.verdict.sent is Sent.NO or outcome.kind is Kind.STALE_CONNECTION)
        and at.number < policy.attempts
        and not at.obstacle()
        and policy.delay(outcome, at) < at.remaining
    )
    assert isinstance(policy.decide(outcome, at, RetryBudget()), Retry) is free


@given(outcomes, policies, situations)
def test_an_own_pause_is_below_the_limit_and_an_asked_one_is_never_cut_short(
    outcome: Outcome, policy: RetryPolicy, at: Situation
) -> None:
    delay = policy.delay(outcome, at)
    concerns_next = outcome.kind is Kind.BUSY and outcome.status == 429
    if outcome.verdict.sent is Sent.NO and at.number == 1 and at.untried:
        assert delay == 0
    elif outcome.retry_after is not None and (concerns_next or not at.untried):
        asked = min(outcome.retry_after, LONGEST_RETRY_AFTER)
        assert asked <= delay <= asked * (1 + RETRY_AFTER_SPREAD)
    else:
        assert 0 <= delay <= policy.limit
        assert delay <= policy.first * 2.0 ** min(at.number - 1, 64)
