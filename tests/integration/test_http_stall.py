"""The caller's own event loop stands still for half a second: nobody else is to blame for that."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.core.hedge import SAMPLES
from meshclient.model.events import EndpointEjected, HedgeStarted
from meshclient.model.outcome import Kind
from unit.http.face import statuses

if TYPE_CHECKING:
    from meshclient.model.events import Event
    from servers.backend import Backend, Backends

STALL = 0.5
# Answers take a twentieth of a second, most of them less than `USUAL`; the stall exceeds each of the limits.
DELAY = 0.05
USUAL = 0.25
SETTINGS = {
    "attempt_timeout": "450ms",
    "connect_timeout": "300ms",
    "hedge": {"extra": 1.0, "quantile": 0.5},
    "ejection": {"consecutive": 1},
    "balancer": "round_robin",
}


async def stall(after: float) -> None:
    await asyncio.sleep(after)
    time.sleep(STALL)  # noqa: ASYNC251 - that is the point


class Caller:
    """Calls under way while the loop stands still, and what was told meanwhile."""

    def __init__(self, *backends: Backend, **settings: object) -> None:
        self.events: list[Event] = []
        self.mesh = meshclient.Mesh(
            services={"orders": {"endpoints": [backend.url for backend in backends], **SETTINGS, **settings}},
            observers=[self.events.append],
        )

    async def calls(self, after: float, *, warm: bool) -> list[Any]:
        service = self.mesh.service("orders")
        if service.hedging is not None:
            for _ in range(SAMPLES):
                service.hedging.observe(USUAL, service.clock())
        async with self.mesh, meshclient.AsyncClient(mesh=self.mesh) as client:
            if warm:
                await asyncio.gather(*(client.get("http://orders/") for _ in range(12)))
            tasks = [asyncio.create_task(client.get("http://orders/")) for _ in range(12)]
            tasks.append(asyncio.create_task(stall(after)))  # type: ignore[arg-type]
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert [status.failures for status in statuses(client)] == [0] * len(statuses(client))
        assert not [event for event in self.events if isinstance(event, EndpointEjected)]
        return answers[:-1]


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("after", [0.0, 0.01, 0.04])
def test_no_ejection_no_hedge_no_false_timeout(backends: Backends, after: float, *, warm: bool) -> None:
    caller = Caller(*backends(3, delay=DELAY))
    answers = asyncio.run(caller.calls(after, warm=warm))
    assert [getattr(answer, "status_code", answer) for answer in answers] == [200] * 12
    attempts = [attempt for answer in answers for attempt in answer.extensions["mesh"].attempts]
    # A connection that was being opened is given up and opened anew, at nobody's expense: httpcore's limit is strict.
    assert {attempt.outcome.kind for attempt in attempts} <= (
        {Kind.OK} if warm else {Kind.OK, Kind.STALLED, Kind.CONNECT_STALLED}
    )
    assert not [event for event in caller.events if isinstance(event, HedgeStarted)]


def test_a_limit_that_ran_out_while_it_stood_still_is_nobodys_failure(backends: Backends) -> None:
    """The endpoint would not have answered in time either, but who can tell?"""
    caller = Caller(*backends(2, hang=True), hedge=False, retry=False, attempt_timeout="700ms")
    answers = asyncio.run(caller.calls(0.05, warm=False))
    assert {type(answer) for answer in answers} == {httpx.ReadTimeout}
    kinds = {attempt.outcome.kind for answer in answers for attempt in answer.mesh.attempts}
    assert kinds == {Kind.STALLED}


def test_a_slow_endpoint_is_still_blamed_when_nothing_stood_still(backends: Backends) -> None:
    caller = Caller(*backends(2, hang=True), retry=False, ejection=False, attempt_timeout="200ms")

    async def one() -> Any:
        async with caller.mesh, meshclient.AsyncClient(mesh=caller.mesh) as client:
            with pytest.raises(httpx.ReadTimeout) as caught:
                await client.get("http://orders/")
            return caught.value

    assert asyncio.run(one()).mesh.attempts[0].outcome.kind is Kind.TIMEOUT
