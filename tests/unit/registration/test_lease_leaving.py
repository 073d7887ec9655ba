"""What happens between the farewell and the end: waiting for readers, for requests, and in coroutines."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from meshclient.registration import stay
from meshclient.registration.lease import Lease
from meshclient.registration.terms import Terms
from unit.registration.registry import BOUND, Registry, closes_soon, enter

LEFT = ["register", "deregister", "close"]


def test_leaving_takes_no_longer_than_the_farewell_unless_asked() -> None:
    registry = Registry(propagation=60.0)
    lease = enter(registry)
    # It leaves and lingers on behalf of a signal, and that is not waited for.
    lease.depart()
    assert closes_soon(lease, within=stay.LEAVE_TIMEOUT)
    assert registry.turns == LEFT


def closed_in_background(lease: Lease) -> threading.Thread:
    thread = threading.Thread(target=lambda: lease.close(linger=True))
    thread.start()
    return thread


@pytest.mark.parametrize(("own", "wished"), [(0.2, None), (5.0, 0.2)])
def test_readers_are_given_time_to_notice(own: float, wished: float | None) -> None:
    registry = Registry(propagation=own)
    lease = enter(registry, terms=Terms(propagation=wished))
    began = time.monotonic()
    lease.close(linger=True)
    assert time.monotonic() - began >= 0.2
    assert registry.turns == LEFT


def test_requests_in_flight_are_waited_for() -> None:
    registry, busy = Registry(), [2]
    lease = enter(registry, terms=Terms(in_flight=lambda: busy[0], grace=60.0))
    thread = closed_in_background(lease)
    registry.until(lambda: "close" in registry.said)
    for count in (1, 0):
        thread.join(0.1)  # long enough for an end that comes too early
        assert thread.is_alive()
        busy[0] = count
    thread.join(BOUND)
    assert not thread.is_alive()


def test_requests_that_do_not_end_are_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    enter(Registry(), terms=Terms(in_flight=lambda: 3, grace=0.1)).close(linger=True)
    assert [record.getMessage().partition("8080 ")[2] for record in caplog.records] == [
        "leaves with 3 requests in flight, after 0.1 s of grace"
    ]


class Unclosable(Registry):
    """Fails to let go of its connections, or never does."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__(propagation=0.2)
        self._hangs = hangs

    async def close(self) -> None:
        self._say("close")
        if self._hangs:
            await asyncio.Event().wait()
        raise OSError("no such connection")


@pytest.mark.parametrize(("hangs", "why"), [(True, "TimeoutError"), (False, "OSError: no such connection")])
def test_connections_that_cannot_be_closed_cost_callers_nothing(
    hangs: bool, why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stay, "CLOSE_TIMEOUT", 0.05)
    registry = Unclosable(hangs=hangs)
    lease = enter(registry)
    began = time.monotonic()
    assert closes_soon(lease, linger=True, within=stay.LEAVE_TIMEOUT)
    assert time.monotonic() - began >= 0.2, "readers have been given time"
    assert registry.turns == LEFT
    assert [r.getMessage().partition("8080 ")[2] for r in caplog.records] == [
        f"its connections could not be closed: {why}"
    ]


class Silent(Registry):
    """Never answers."""

    async def register(self, registration: object) -> None:
        self._say("register")
        await asyncio.Event().wait()


def test_a_coroutine_is_not_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Silent()
    waited: list[object] = []
    monkeypatch.setattr("meshclient.registration.lease.wait_for", lambda *arguments: waited.append(arguments))

    async def check() -> None:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.01)

        beating = asyncio.create_task(beat())
        lease = enter(registry, timeout=0.2)
        async with lease:
            assert beats > 3
            assert not lease.listed
        beating.cancel()

    asyncio.run(check())
    assert registry.turns == LEFT
    assert waited == []


def test_the_end_of_an_asynchronous_block_leaves() -> None:
    registry = Registry()

    async def check() -> None:
        seen = []
        async with enter(registry) as lease:
            seen.append(lease.listed)
        seen.append(lease.listed)
        assert seen == [True, False]
        await lease.aclose(linger=True)

    asyncio.run(check())
    assert registry.turns == LEFT


def test_a_coroutine_that_would_block_is_told_so() -> None:
    registry = Registry()

    async def check() -> Lease:
        lease = enter(registry)
        with pytest.raises(RuntimeError, match="async with"):
            lease.__enter__()
        return lease

    asyncio.run(check()).close()
    assert registry.listed == set()
