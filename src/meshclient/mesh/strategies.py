"""The strategy objects of tenacity, as the rule for repeats takes them.

They are asked what tenacity's own `Retrying` would ask them, with the same state, but nothing is run or slept by them:
deadline, budget and idempotence hold as ever. Any callable that takes such a state will do.

``result()`` of the state's outcome is the httpx.Response, whose body has not been read; ``exception()`` is httpx's.
``fn`` and ``retry_object`` are None: there is no function that is wrapped.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING

from meshclient.core.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenacity import RetryCallState

    from meshclient.config.policy_shape import RetryConfig, Strategy
    from meshclient.core.retry import Trial


def retry_policy(retry: RetryConfig | None) -> RetryPolicy:
    """The rule that is configured."""
    if retry is None:
        return RetryPolicy(1)
    policy = RetryPolicy(retry.attempts, retry.backoff.first, retry.backoff.limit)
    return with_strategies(policy, wait=retry.wait, stop=retry.stop, retry=retry.retry)


def with_strategies(
    policy: RetryPolicy,
    *,
    wait: Strategy | None = None,
    stop: Strategy | None = None,
    retry: Strategy | None = None,
) -> RetryPolicy:
    """`policy` with those that are given."""
    if wait is not None:
        policy = replace(policy, wait=partial(_seconds, wait))
    if stop is not None:
        policy = replace(policy, stop=partial(_answer, "stop", stop))
    if retry is not None:
        policy = replace(policy, retry=partial(_answer, "retry", retry))
    return policy


def _seconds(strategy: Strategy, trial: Trial) -> float:
    with _named("wait", strategy, trial):
        seconds = strategy(_state(trial))
        if not isinstance(seconds, int | float) or not isfinite(seconds):
            msg = f"a wait strategy answers with a number of seconds, not {seconds!r}"
            raise TypeError(msg)
        return float(seconds)


def _answer(key: str, strategy: Strategy, trial: Trial) -> bool:
    with _named(key, strategy, trial):
        return bool(strategy(_state(trial)))


@contextmanager
def _named(key: str, strategy: Strategy, trial: Trial) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(f"meshclient: raised by retry = {{{key!r}: {strategy!r}}} after attempt {trial.number}")
        raise


def _state(trial: Trial) -> RetryCallState:
    # Whoever has such an object has imported it already; nobody else pays for it.
    from tenacity import Future, RetryCallState

    state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
    state.attempt_number = trial.number
    state.outcome_timestamp = state.start_time
    state.start_time -= trial.elapsed
    state.idle_for, state.upcoming_sleep = trial.paused, trial.pause
    raw = TimeoutError("no answer in time") if trial.raw is None else trial.raw
    state.outcome = Future.construct(trial.number, raw, isinstance(raw, BaseException))
    return state
