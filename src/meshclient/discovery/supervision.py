"""Keeping a resolver's watch alive: what turns an exception into `Failed`, and brings the watch back.

The one place where "the registry does not answer" is decided, so that no resolver has to. The last good list is
carried in every `Failed`, and the outage keeps the time at which it began. Back-off is equal jitter, half fixed and
half random, under a bound that doubles (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015):
a registry that comes back is not met by all its clients at once, and one that refuses at once is not asked in a hot
loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from meshclient.discovery.resolver import Chance, Resolver
    from meshclient.model.service import ServiceName

BACKOFF_FIRST = 0.25
BACKOFF_LIMIT = 15.0


async def supervise(
    resolver: Resolver, name: ServiceName, clock: Callable[[], float], rng: Chance
) -> AsyncGenerator[Ready | Empty | Failed, None]:
    """Yield the resolver's answers, stamped with `clock`, and a `Failed` for each failure; never raise, never end.

    An answer of a watch that ended by itself stands, and the watch is started again like a failed one. A watch that
    itself yields `Failed` goes on: it knows better than a back-off when to look again; the `last` it gives, if any,
    stands.
    """
    last: Ready | Empty | None = None
    outage: float | None = None
    bound = BACKOFF_FIRST
    while True:
        answers: AsyncIterator[Ready | Empty | Failed] | None = None
        try:
            answers = resolver.watch(name)
            async for answer in answers:
                if isinstance(answer, Failed):
                    outage = clock() if outage is None else outage
                    last = answer.last or last
                    yield replace(answer, source=answer.source or resolver.source, last=last, at=outage)
                    continue
                last, outage, bound = replace(answer, at=clock()), None, BACKOFF_FIRST
                yield last
            cause = "the watch ended without a reason"
        except (Exception, asyncio.CancelledError) as exc:
            # A CancelledError may also come from a task or future of the resolver's own: that is a failure like others.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                if isinstance(exc, asyncio.CancelledError):
                    raise
                # Its cleanup failed while the watch was being ended: it must not begin again.
                raise asyncio.CancelledError from exc
            cause = describe(exc)
        finally:
            if isinstance(answers, AsyncGenerator):
                await answers.aclose()
        outage = clock() if outage is None else outage
        yield Failed(cause, source=resolver.source, last=last, at=outage)
        await asyncio.sleep(rng.uniform(bound / 2, bound))
        bound = min(BACKOFF_LIMIT, bound * 2)


def describe(exc: BaseException) -> str:
    """One line for a person: the error's text, or its class where it has none."""
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
