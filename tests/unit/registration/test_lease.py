"""A lease against a registrar that plays a script: what it says to the registry, when, and how it leaves."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.supervision import BACKOFF_FIRST, BACKOFF_LIMIT
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.lease import Lease
from meshclient.registration.registrar import LeaseLost, Registration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOUND = 60.0
MINE = Registration(ServiceName("orders"), Endpoint("10.0.0.1", 8080, id="orders-1"), ttl=15.0)
WHO = "fake://registry: orders at http://10.0.0.1:8080"

OK = None
LOST = LeaseLost("who is that?")
DOWN = OSError("connection refused")
Step = Exception | None


class Scripted:
    """Answers register and renew with one step each, then never again; its farewell is a script of its own."""

    source = "fake://registry"
    propagation = 0.0

    def __init__(self, *steps: Step, farewell: Step = OK, silent: bool = False) -> None:
        self.steps = list(steps)
        self.farewell = farewell
        self.silent = silent
        self.released = threading.Event()
        self.said: list[str] = []
        self._more = threading.Condition()

    def _say(self, word: str) -> None:
        with self._more:
            self.said.append(word)
            self._more.notify_all()

    def heard(self, *words: str) -> None:
        """Wait until exactly this has been said."""
        with self._more:
            assert self._more.wait_for(lambda: self.said == list(words), BOUND), self.said

    async def _play(self) -> None:
        if not self.steps:
            await asyncio.Event().wait()
        step = self.steps.pop(0)
        if step is not None:
            raise step

    async def register(self, registration: Registration) -> None:
        assert registration is MINE
        self._say("register")
        await self._play()

    async def renew(self, registration: Registration) -> None:
        assert registration is MINE
        self._say("renew")
        await self._play()

    async def deregister(self, registration: Registration) -> None:
        assert registration is MINE
        self._say("deregister")
        if self.silent:
            await asyncio.to_thread(self.released.wait, BOUND)
        if self.farewell is not None:
            raise self.farewell
        self._say("gone")

    async def close(self) -> None:
        self._say("close")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between words, not slept."""
    slept: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds >= 0.01:
            slept.append(seconds)
        await real(min(seconds, 0.001))

    monkeypatch.setattr("meshclient.registration.stay.asyncio.sleep", sleep)
    return slept


@pytest.fixture
def lease(pauses: list[float]) -> Iterator[Callable[..., Lease]]:
    with ExitStack() as leases:
        yield lambda registrar, **options: leases.enter_context(Lease(registrar, MINE, rng=random.Random(1), **options))


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "meshclient.registration")
    return lambda: [record.getMessage() for record in caplog.records]


LEFT = ("deregister", "gone", "close")


def test_a_stay_from_entering_to_leaving(lease: Callable[..., Lease], log: Callable[[], list[str]]) -> None:
    registrar = Scripted(OK, OK)
    stay = lease(registrar)
    assert stay.registration is MINE
    registrar.heard("register", "renew", "renew")
    listed = stay.listed
    stay.close()
    assert (listed, stay.listed) == (True, False)
    # The connection is given up last.
    assert registrar.said == ["register", "renew", "renew", *LEFT]
    assert log() == []


def test_three_renewals_fit_into_the_time_to_live(lease: Callable[..., Lease], pauses: list[float]) -> None:
    registrar = Scripted(*[OK] * 40)
    lease(registrar)
    registrar.heard("register", *["renew"] * 40)
    assert all(4.5 <= pause <= 5.5 for pause in pauses), pauses
    assert len(set(pauses)) > 10, "so that instances started together do not speak together"


def test_a_registration_that_fails_is_repeated_ever_less_often(
    lease: Callable[..., Lease], pauses: list[float], log: Callable[[], list[str]]
) -> None:
    registrar = Scripted(*[DOWN] * 9, OK)
    lease(registrar)
    registrar.heard(*["register"] * 10, "renew")
    bounds = [0.25, 0.5, 1, 2, 4, 5, 5, 5, 5]
    assert bounds[0] == BACKOFF_FIRST
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=False)), pauses
    assert log() == [f"{WHO} cannot be registered: OSError: connection refused", f"{WHO} is registered"]


@pytest.mark.parametrize(("ttl", "longest"), [(1.5, 0.5), (0.03, BACKOFF_FIRST), (3600.0, BACKOFF_LIMIT)])
def test_after_an_outage_the_instance_is_back_as_soon_as_it_would_have_been_renewed(
    monkeypatch: pytest.MonkeyPatch, lease: Callable[..., Lease], pauses: list[float], ttl: float, longest: float
) -> None:
    monkeypatch.setitem(globals(), "MINE", Registration(MINE.service, MINE.endpoint, ttl=ttl))
    registrar = Scripted(*[DOWN] * 20)
    lease(registrar, timeout=0.01)
    registrar.heard(*["register"] * 21)
    assert longest / 2 <= max(pauses) <= longest


def test_an_instance_that_is_forgotten_is_registered_again_at_once(
    lease: Callable[..., Lease], pauses: list[float], log: Callable[[], list[str]]
) -> None:
    registrar = Scripted(OK, LOST, OK)
    stay = lease(registrar)
    registrar.heard("register", "renew", "register", "renew")
    assert len(pauses) == 2, "one before each renewal, none before the second registration"
    assert stay.listed
    assert log() == [f"{WHO} is no longer listed: registering again"]


def test_while_a_forgotten_instance_cannot_return_it_is_not_listed(lease: Callable[..., Lease]) -> None:
    registrar = Scripted(OK, LOST)
    stay = lease(registrar)
    registrar.heard("register", "renew", "register")
    assert not stay.listed


def test_a_renewal_that_fails_is_repeated_and_the_instance_still_counts_as_listed(
    lease: Callable[..., Lease], log: Callable[[], list[str]]
) -> None:
    registrar = Scripted(OK, DOWN, DOWN, OK)
    stay = lease(registrar)
    registrar.heard("register", "renew", "renew", "renew", "renew")
    assert stay.listed
    assert log() == [f"{WHO} cannot be renewed: OSError: connection refused", f"{WHO} is registered"]


def test_every_outage_is_told_once_and_begins_with_the_shortest_pause(
    lease: Callable[..., Lease], pauses: list[float], log: Callable[[], list[str]]
) -> None:
    registrar = Scripted(OK, DOWN, DOWN, OK, DOWN, DOWN, OK)
    lease(registrar)
    registrar.heard("register", *["renew"] * 7)
    assert [round(pause / BACKOFF_FIRST) for pause in (pauses[1], pauses[4])] == [1, 1]
    assert [message.split(": ")[1].rpartition("8080 ")[2] for message in log()] == [
        "cannot be renewed",
        "is registered",
    ] * 2


def test_a_registry_that_is_down_at_the_start_holds_nobody_up(
    lease: Callable[..., Lease], log: Callable[[], list[str]]
) -> None:
    registrar = Scripted()
    stay = lease(registrar, timeout=0.01)
    assert not stay.listed
    assert log() == ["http://10.0.0.1:8080 is not registered at fake://registry yet; trying on"]


def test_a_registration_of_which_nothing_is_known_is_taken_back(lease: Callable[..., Lease]) -> None:
    registrar = Scripted()
    stay = lease(registrar, timeout=0.01)
    registrar.heard("register")
    stay.close()
    assert registrar.said == ["register", *LEFT]


def test_the_end_of_a_with_block_leaves(pauses: list[float]) -> None:
    registrar = Scripted(OK)
    stay = Lease(registrar, MINE, rng=random.Random(1))
    with pytest.raises(KeyError), stay:
        raise KeyError
    assert [word for word in registrar.said if word != "renew"] == ["register", *LEFT]


def test_a_farewell_that_fails_is_logged(lease: Callable[..., Lease], log: Callable[[], list[str]]) -> None:
    registrar = Scripted(OK, farewell=DOWN)
    lease(registrar).close()
    assert registrar.said[-2:] == ["deregister", "close"]
    assert log() == [
        "fake://registry: orders at http://10.0.0.1:8080 could not be taken out: OSError: connection refused"
    ]


def test_a_farewell_without_an_answer_is_given_up(
    lease: Callable[..., Lease], log: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshclient.registration.stay.LEAVE_TIMEOUT", 0.05)
    registrar = Scripted(OK, silent=True)
    lease(registrar).close()
    registrar.released.set()
    assert registrar.said[-2:] == ["deregister", "close"]
    assert log() == [f"{WHO} could not be taken out: TimeoutError"]


def test_closing_again_changes_nothing(lease: Callable[..., Lease]) -> None:
    registrar = Scripted(OK)
    stay = lease(registrar)
    registrar.heard("register", "renew")
    stay.close()
    stay.close()
    assert registrar.said == ["register", "renew", *LEFT]


def test_closing_from_two_threads_does_not_break_off_the_farewell(lease: Callable[..., Lease]) -> None:
    registrar = Scripted(OK, silent=True)
    stay = lease(registrar)
    registrar.heard("register", "renew")
    threads = [threading.Thread(target=stay.close) for _ in range(2)]
    threads[0].start()
    registrar.heard("register", "renew", "deregister")
    threads[1].start()
    threads[1].join(0.05)  # long enough for a second cancellation to arrive
    registrar.released.set()
    for thread in threads:
        thread.join(BOUND)
    assert registrar.said == ["register", "renew", *LEFT]
