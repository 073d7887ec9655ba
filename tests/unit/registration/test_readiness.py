"""When a lease enters and leaves by the checks of its own instance."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.registration import stay
from meshclient.registration.fitness import PAUSE_LIMIT
from meshclient.registration.registrar import Registration
from meshclient.registration.terms import Terms
from unit.registration.registry import CHECKED, MINE, WHO, Checks, Registry, close_all, closes_soon, enter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshclient.registration.lease import Lease

GATED = Terms(wait_ready=True)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    made = Checks()
    monkeypatch.setattr(stay, "probe", made)
    # In haste: 1 to 4 ms between checks of an instance that is not fit.
    monkeypatch.setattr("meshclient.registration.fitness.PAUSE_FIRST", 0.001)
    monkeypatch.setattr("meshclient.registration.fitness.PAUSE_LIMIT", 0.004)
    monkeypatch.setattr("meshclient.registration.stay.PAUSE_LIMIT", 0.004)
    return made


@pytest.fixture
def leases() -> Iterator[list[Lease]]:
    made: list[Lease] = []
    yield made
    close_all(made)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    return lambda: [record.getMessage() for record in caplog.records]


def test_an_instance_enters_with_the_first_check_that_passes(checks: Checks, leases: list[Lease]) -> None:
    registry = Registry()
    leases.append(enter(registry, CHECKED, GATED))
    checks.until(3)
    assert (registry.said, leases[0].listed) == ([], False)
    checks.ready = True
    registry.renewed(2)
    assert leases[0].listed
    assert registry.turns == ["register"]
    assert set(checks.asked) == {(CHECKED.endpoint, "/healthz")}


def test_an_instance_that_is_not_ready_holds_nobody_up(
    checks: Checks, leases: list[Lease], log: Callable[[], list[str]]
) -> None:
    # The server may be started by the very code that waits for the registration.
    leases.append(enter(Registry(), CHECKED, GATED, timeout=5.0))
    assert log() == []


def test_an_instance_that_is_never_ready_is_spoken_of_once_and_never_listed(
    checks: Checks, log: Callable[[], list[str]]
) -> None:
    registry = Registry()
    lease = enter(registry, CHECKED, GATED)
    checks.until(8)
    assert log() == [f"{WHO} is not registered until its health check passes: GET /healthz answered 503"]
    assert not lease.listed
    checks.ready = True
    registry.renewed(1)
    assert log()[1:] == [f"{WHO} passes its health check"]
    lease.close()
    assert registry.turns == ["register", "deregister", "close"]


def test_what_never_entered_needs_no_farewell(checks: Checks) -> None:
    registry = Registry(propagation=60.0)
    lease = enter(registry, CHECKED, GATED)
    checks.until(2)
    assert closes_soon(lease, linger=True)
    assert registry.said == ["close"]


def test_an_instance_leaves_after_three_failures_in_a_row_and_comes_back_with_a_success(
    checks: Checks, leases: list[Lease], log: Callable[[], list[str]]
) -> None:
    checks.ready = True
    registry = Registry()
    leases.append(enter(registry, CHECKED, GATED))
    registry.renewed(2)
    checks.script = [False, False, True, False, False]
    registry.renewed(7)
    assert registry.turns == ["register"], "so that one slow answer costs nothing"
    checks.ready = False
    registry.until(lambda: "deregister" in registry.said)
    checks.until(2)
    assert (registry.turns, leases[0].listed, registry.listed) == (["register", "deregister"], False, set())
    checks.ready = True
    registry.until(lambda: registry.turns == ["register", "deregister", "register"])
    registry.renewed(1)
    assert leases[0].listed
    assert log() == [
        f"{WHO} is taken out until its health check passes again: GET /healthz answered 503",
        f"{WHO} passes its health check",
    ]


def test_after_it_was_taken_out_it_is_looked_at_often(
    checks: Checks, leases: list[Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real(0.001)

    monkeypatch.setattr("meshclient.registration.stay.asyncio.sleep", sleep)
    registry = Registry()
    rare = Registration(CHECKED.service, CHECKED.endpoint, health="/healthz", ttl=60.0)
    leases.append(enter(registry, rare, Terms(wait_ready=False)))
    registry.until(lambda: "deregister" in registry.said)
    checks.until(3)
    # Two checks that failed while it was listed, and those after the third.
    assert all(18 <= pause <= 22 for pause in pauses[:2]), pauses
    assert max(pauses[2:5]) <= PAUSE_LIMIT, pauses


def test_an_instance_that_cannot_be_taken_out_is_tried_again(
    checks: Checks, leases: list[Lease], log: Callable[[], list[str]]
) -> None:
    checks.ready = True
    registry = Registry()
    leases.append(enter(registry, CHECKED, GATED))
    registry.renewed(1)
    registry.down, checks.ready = True, False
    registry.until(lambda: registry.said.count("deregister") >= 2)
    registry.down = False
    registry.until(lambda: not registry.listed)
    assert [line for line in log() if "OSError" in line][-1].endswith("OSError: no route to host")


def test_a_registry_that_checks_is_left_to_it(checks: Checks, leases: list[Lease]) -> None:
    registry = Registry(checks_health=True)
    checks.script = [False, True]
    leases.append(enter(registry, CHECKED, GATED))
    registry.renewed(5)
    assert len(checks.asked) == 2, "only for the entry"
    assert registry.turns == ["register"]


def test_without_a_path_the_port_is_looked_at_for_the_entry_alone(checks: Checks, leases: list[Lease]) -> None:
    registry = Registry()
    checks.script = [False, True]
    leases.append(enter(registry, MINE, GATED))
    registry.renewed(5)
    assert checks.asked == [(MINE.endpoint, "")] * 2


def test_nobody_needs_to_wait(checks: Checks, leases: list[Lease]) -> None:
    registry = Registry()
    leases.append(enter(registry, CHECKED, Terms(wait_ready=False)))
    assert leases[0].listed
    registry.until(lambda: "deregister" in registry.said)


@pytest.mark.parametrize("wrong", [{"propagation": -1.0}, {"grace": float("inf")}, {"propagation": float("nan")}])
def test_terms_that_are_none(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))}=.* is not a time to wait"):
        Terms(**wrong)  # type: ignore[arg-type]
