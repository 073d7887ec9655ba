"""ML1xx: whether what a call may do fits into the time it has."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING

from meshclient.cli.lint.finding import Finding, Level, Rule
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.config.policy_shape import RetryConfig
    from meshclient.config.shape import ServiceConfig

NEVER_BEGINS = Rule("ML101", Level.WARNING, "An attempt never begins where those before it time out.")
NEVER_PAUSED = Rule("ML102", Level.ERROR, "The pauses between attempts alone outlast the deadline.")
LITTLE_LEFT = Rule("ML103", Level.INFO, "The last attempt has less time than a connection may take.")
SLOW_CONNECT = Rule("ML104", Level.WARNING, "Opening a connection may use up the whole attempt.")
NO_END = Rule("ML105", Level.ERROR, "A call may last for ever.")
LONGER_ATTEMPT = Rule("ML106", Level.WARNING, "An attempt may take longer than its call.")
LONG_QUEUE = Rule("ML107", Level.WARNING, "Waiting for a turn may use up the whole call.")
RULES = (NEVER_BEGINS, NEVER_PAUSED, LITTLE_LEFT, SLOW_CONNECT, NO_END, LONGER_ATTEMPT, LONG_QUEUE)


def findings(config: ServiceConfig) -> Iterator[Finding]:
    """Of one service, or of one of its routes put in its place.

    Two times are held against each other in each: the last key is that which bounds, the others what it cuts short.
    """
    deadline, attempt = config.deadline, config.attempt_timeout
    if deadline is None and attempt is None:
        yield Finding(
            NO_END,
            "a call has neither a deadline nor an attempt_timeout",
            "an endpoint that never answers keeps its caller for ever, and its place in every limit",
            'set deadline, such as deadline = "15s"',
            ("deadline", "attempt_timeout"),
        )
    if attempt is not None and config.connect_timeout >= attempt:
        yield Finding(
            SLOW_CONNECT,
            "connect_timeout leaves an attempt no time for its answer",
            f"a connection may take {_time(config.connect_timeout)}, an attempt {_time(attempt)}",
            "lower connect_timeout below half of attempt_timeout",
            ("connect_timeout", "attempt_timeout"),
        )
    if deadline is None:
        return
    if attempt is not None and attempt > deadline:
        yield Finding(
            LONGER_ATTEMPT,
            "attempt_timeout never comes about: the call ends first",
            f"an attempt may take {_time(attempt)}, its call {_time(deadline)}",
            f"lower attempt_timeout to a part of {_time(deadline)}, or raise deadline",
            ("attempt_timeout", "deadline"),
        )
    if config.connect_timeout >= deadline:
        yield Finding(
            SLOW_CONNECT,
            "connect_timeout leaves the call no time for an answer",
            f"a connection may take {_time(config.connect_timeout)}, the call {_time(deadline)}",
            "lower connect_timeout far below deadline",
            ("connect_timeout", "deadline"),
        )
    limit = config.limit
    if limit is not None and limit.queue and limit.patience >= deadline:
        yield Finding(
            LONG_QUEUE,
            "a call may spend all of its time in the queue of limit",
            f"patience is {_time(limit.patience)}, the deadline {_time(deadline)}",
            "lower limit.patience to a small part of deadline",
            ("limit.patience", "deadline"),
        )
    if config.retry is not None:
        yield from _attempts(config, config.retry, deadline)


def pauses(retry: RetryConfig, count: int) -> float:
    """Seconds that the first `count` pauses take on average: half of each bound, as full jitter has it."""
    backoff = retry.backoff
    return sum(min(backoff.limit, backoff.first * 2.0**n) / 2 for n in range(count))


def _attempts(config: ServiceConfig, retry: RetryConfig, deadline: float) -> Iterator[Finding]:
    most = retry.attempts
    if most < 2 or retry.wait is not None or retry.stop is not None:
        return
    paused = pauses(retry, most - 1)
    if paused >= deadline:
        yield Finding(
            NEVER_PAUSED,
            f"attempt {most} of {most} is seldom made, however fast those before it fail",
            f"{most - 1} pauses take {_time(paused)} on average, the deadline is {_time(deadline)}",
            "lower retry.attempts or retry.backoff, or raise deadline",
            ("retry.attempts", "retry.backoff", "deadline"),
        )
    attempt = deadline if config.attempt_timeout is None else min(config.attempt_timeout, deadline)
    begins = [number * attempt + pauses(retry, number) for number in range(most)]
    late = next((number for number, begin in enumerate(begins, 1) if begin >= deadline), None)
    if late is not None:
        fits = _below(max(0.0, deadline - paused) / most)
        room = f"lower attempt_timeout to {_time(fits)}, so that {most} fit, or" if fits else "lower"
        yield Finding(
            NEVER_BEGINS,
            f"attempt {late} of {most} never begins where those before it time out",
            f"{late - 1} x {_time(attempt)} and {_time(pauses(retry, late - 1))} of pauses are "
            f"{_time(begins[late - 1])}, the deadline is {_time(deadline)}",
            f"{room} retry.attempts to {late - 1}, or raise deadline to {_time(_above(begins[-1]))}",
            ("attempt_timeout", "retry.attempts", "retry.backoff", "deadline"),
        )
        return
    left = deadline - begins[-1]
    if left < min(config.connect_timeout, attempt):
        yield Finding(
            LITTLE_LEFT,
            f"attempt {most} of {most} has {_time(left)} left where those before it time out",
            f"opening a connection alone may take {_time(config.connect_timeout)}; {most - 1} x {_time(attempt)} and "
            f"{_time(paused)} of pauses are {_time(begins[-1])} of {_time(deadline)}",
            "lower connect_timeout or attempt_timeout, or raise deadline",
            ("connect_timeout", "attempt_timeout", "deadline"),
        )


def _below(number: float) -> float:
    """`number` rounded down to two digits, so that what is advised is enough."""
    unit = 10.0 ** (floor(log10(number)) - 1) if number else 1.0
    return floor(number / unit) * unit


def _above(number: float) -> float:
    """`number` rounded up to two digits, and above it by a tenth of its own at least: so much is left at the end."""
    unit = 10.0 ** (floor(log10(number * 1.1)) - 1)
    return ceil(number * 1.1 / unit) * unit


_time = format_duration
