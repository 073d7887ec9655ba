"""Keeping a resolver's watch alive: what turns an exception into `Failed`, and brings the watch back.

The one place where "the registry does not answer" is decided, so that no resolver has to. The last good list is
carried in every `Failed`, and the outage keeps the time at which it began. Back-off is equal jitter, half fixed and
half random, under a bound that doubles (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015):
a registry that comes back is not met by all its clients at once, and one that refuses at once is not asked in a hot
loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.discovery.soundness import sound
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from meshclient.discovery.resolver import Chance, Resolver
    from meshclient.model.service import ServiceName

BACKOFF_FIRST = 0.25
BACKOFF_LIMIT = 15.0
# Most records that are no endpoints which a line of the log names.
SHOWN = 5

_LOG = logging.getLogger("meshclient.discovery")


async def supervise(
    resolver: Resolver, name: ServiceName, clock: Callable[[], float], rng: Chance
) -> AsyncGenerator[Ready | Empty | Failed, None]:
    """Yield the resolver's answers, stamped with `clock`, and a `Failed` for each failure; never raise, never end.

    An answer of a watch that ended by itself stands, and the watch is started again like a failed one. A watch that
    itself yields `Failed` goes on: it knows better than a back-off when to look again; the `last` it gives, if any,
    stands. Records that are no endpoints are left out and reported, and what is no answer is a failure (`soundness`).
    """
    reported: tuple[str, ...] = ()
    last: Ready | Empty | None = None
    outage: float | None = None
    bound = BACKOFF_FIRST
    while True:
        answers: AsyncIterator[Ready | Empty | Failed] | None = None
        try:
            answers = resolver.watch(name)
            async for yielded in answers:
                answer, malformed, listed = sound(yielded)
                if malformed and malformed != reported:
                    what = f"{len(malformed)} of {listed} instances of service '{name}' are left out"
                    more = ", ..." if len(malformed) > SHOWN else ""
                    _LOG.warning("%s: %s: %s%s", resolver.source, what, ", ".join(malformed[:SHOWN]), more)
                reported = malformed if malformed or isinstance(answer, Ready) else reported
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


async def supervise_all(
    resolvers: Sequence[Resolver], name: ServiceName, clock: Callable[[], float], rng: Chance
) -> AsyncGenerator[tuple[int, Ready | Empty | Failed], None]:
    """Yield (its number, its answer) for each answer of any of the resolvers, each supervised by itself.

    The outage of one neither stops nor restarts another. None goes on before its answer has been dealt with.
    """
    if len(resolvers) == 1:
        async with aclosing(supervise(resolvers[0], name, clock, rng)) as answers:
            async for answer in answers:
                yield 0, answer
        return
    # One answer of each resolver at most.
    said: asyncio.Queue[tuple[int, Ready | Empty | Failed, asyncio.Event]] = asyncio.Queue()

    async def follow(number: int, resolver: Resolver) -> None:
        async with aclosing(supervise(resolver, name, clock, rng)) as answers:
            async for answer in answers:
                taken = asyncio.Event()
                said.put_nowait((number, answer, taken))
                await taken.wait()

    # No TaskGroup: it would turn the closing of this generator into an exception group.
    tasks = [asyncio.create_task(follow(number, resolver)) for number, resolver in enumerate(resolvers)]
    try:
        while True:
            number, answer, taken = await said.get()
            yield number, answer
            taken.set()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def describe(exc: BaseException) -> str:
    """One line for a person: the error's text, or its class where it has none."""
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
