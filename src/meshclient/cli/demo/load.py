"""The load: the same number of workers at the same pace for both clients."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from typing import TYPE_CHECKING

import httpx

from meshclient.cli.demo.fleet import SERVICE
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from meshclient.cli.demo.tally import Tally
    from meshclient.model.report import CallReport

WORKERS = 16
# Calls per second of each client: together 240, which one core can make with time to spare.
RATE = 120.0
# The same for both clients. A connection on this machine takes microseconds unless the machine itself is overloaded,
# and the demonstration is not about that.
CONNECT_TIMEOUT = 3.0
ATTEMPT_TIMEOUT = 5.0
TIMEOUT = httpx.Timeout(ATTEMPT_TIMEOUT, connect=CONNECT_TIMEOUT)


async def pace(send: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Call `send` from all workers for so many seconds, evenly spread; returns when the last call has ended.

    A worker whose call took longer than its period leaves out the turns it missed: load that is lost to slow answers
    is not made up for later, in neither client.
    """
    begin, period = time.monotonic(), WORKERS / RATE

    async def work(number: int) -> None:
        at = begin + number / RATE
        while at < begin + seconds:
            await asyncio.sleep(at - time.monotonic())
            await send()
            at += period * max(1, math.ceil((time.monotonic() - at) / period))

    async with asyncio.TaskGroup() as group:
        for number in range(WORKERS):
            group.create_task(work(number))


def through_mesh(client: httpx.AsyncClient, tally: Tally, phase: Callable[[], str]) -> Callable[[], Awaitable[None]]:
    """Calls the service by its name."""

    async def send() -> None:
        began = time.monotonic()
        try:
            response = await client.get(f"http://{SERVICE}/")
            report: CallReport | None = response.extensions["mesh"]
            good = not response.is_server_error
        except httpx.HTTPError as error:
            report, good = getattr(error, "mesh", None), False
        attempts = report.attempts if report else ()
        for attempt in attempts:
            tally.attempt(phase(), attempt.endpoint.url, good=attempt.outcome.kind is Kind.OK)
        tally.call(time.monotonic() - began, good=good, attempts=len(attempts))

    return send


def round_robin(
    client: httpx.AsyncClient, urls: Sequence[str], tally: Tally, phase: Callable[[], str]
) -> Callable[[], Awaitable[None]]:
    """Calls the addresses in turn: what one writes who knows nothing but the list."""
    turn = itertools.cycle(urls)

    async def send() -> None:
        began, url = time.monotonic(), next(turn)
        try:
            good = not (await client.get(f"{url}/")).is_server_error
        except httpx.HTTPError:
            good = False
        tally.attempt(phase(), url, good=good)
        tally.call(time.monotonic() - began, good=good)

    return send
