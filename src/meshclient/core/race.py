"""Two attempts of one call at once: the first that succeeds is the answer.

A failure of one waits for the other, since it may still succeed; the loser is given up. What a hedge may cost is
bounded twice: by its own budget, and by the budget for all repeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.commands import Attempt, Cancel, Finished, Start, Wait
from meshclient.core.record import finish, late, report
from meshclient.model.events import HedgeStarted
from meshclient.model.outcome import CANCELLED, Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshclient.core.balance.node import Key
    from meshclient.core.call import Call, Service
    from meshclient.core.commands import Command, Signal


# Seconds by which the driver, which can tell a slow endpoint from a busy process, is let go first when time is up.
SLACK = 0.05


def race(call: Call, service: Service, first: Attempt, tried: list[Key]) -> Generator[Command, Signal | None, Finished]:
    """Send a hedge beside `first`, if one may be sent, until one of them decides the call; how that one ended.

    It is not written down yet; everything about the other one is.
    """
    live = [first]
    try:
        second = _hedge(call, service, first, tried)
        if second is not None:
            live.append(second)
            yield Start(second)
        while True:
            due = min(live, key=lambda attempt: attempt.ends)
            signal = yield Wait(max(0.0, due.ends + SLACK - service.clock()))
            ended = signal.attempt if isinstance(signal, Finished) else due
            if isinstance(signal, Finished) and (signal.outcome.kind is Kind.OK or len(live) == 1):
                break
            yield Cancel(ended)
            if not isinstance(signal, Finished):
                signal = Finished(ended, late(ended))
                if len(live) == 1:
                    break
            live.remove(ended)
            _settle(call, service, ended, signal.outcome, f"{signal.outcome.kind}: the other attempt went on")
        for loser in [attempt for attempt in live if attempt is not ended]:
            yield Cancel(loser)
            live.remove(loser)
            if service.hedging is not None:
                now = service.clock()
                service.hedging.observe(now - loser.pick.started, now)
            words = f"attempt {ended.number} was faster"
            _settle(call, service, loser, Outcome(Kind.CANCELLED, detail=words), words)
    except BaseException:
        for attempt in live:
            attempt.pick.done(CANCELLED, service.clock())
        raise
    return signal


def _settle(call: Call, service: Service, attempt: Attempt, outcome: Outcome, reason: str) -> None:
    now = service.clock()
    outcome = finish(call, service, Finished(attempt, outcome), now)
    report(call, attempt, reason, now)
    attempt.pick.done(outcome, now)


def _hedge(call: Call, service: Service, first: Attempt, tried: list[Key]) -> Attempt | None:
    """The second attempt, or None where it may not be sent, or could only go where the first one is."""
    now, balancer = service.clock(), service.balancer
    remaining = call.deadline.remaining(now)
    if service.hedging is None or remaining <= 0 or not balancer.untried(tried) or balancer.panic:
        return None
    # Its own budget is asked first: it is the smaller one, and what it refuses costs the other nothing.
    if not service.hedging.withdraw(now):
        return None
    if "hedge" in service.shadow:
        # What is not sent must cost real repeats nothing.
        if service.budget.balance(now) >= 1:
            service.shadow.would("hedge", f"sent a second attempt after {now - first.pick.started:.3g}s")
        return None
    if not service.budget.withdraw(now):
        return None
    pick = balancer.pick(now, tried, repeatable=call.idempotent, key=call.key)
    if pick is None:
        return None
    if pick.endpoint.key in tried:
        # All others have as many attempts in flight as they may.
        pick.done(CANCELLED, now)
        return None
    tried.append(pick.endpoint.key)
    attempt = Attempt(len(tried), pick, min(call.attempt_timeout, remaining), hedge=True)
    if service.emit is not None:
        service.emit(HedgeStarted(service.name, attempt.number, pick.endpoint, now - first.pick.started))
    return attempt
