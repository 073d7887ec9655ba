"""A line for each change of state, with its facts beside it, and never a flood."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.model import events
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import CANCELLED
from meshclient.model.snapshot import Failed, Ready
from meshclient.telemetry import logs
from meshclient.telemetry.logs import BURST, PAUSE, Log
from meshclient.telemetry.tally import Tally
from meshclient.testing import ManualClock

if TYPE_CHECKING:
    from meshclient.model.events import Event

HERE = Endpoint("10.0.0.1", 8080, id="a", zone="z1")
LIST = Ready((HERE,), source="fake://")

STATES: list[tuple[Event, str, int, str, dict[str, Any]]] = [
    (
        events.RegistryLost("orders", Failed("ConnectError: refused", source="consul://", last=LIST)),
        "meshclient.discovery",
        logging.WARNING,
        "orders: consul:// is unavailable: ConnectError: refused; the last list of 1 serves on",
        {"meshclient.resolver": "consul://", "error.type": "ConnectError", "meshclient.event": "registry_lost"},
    ),
    (
        events.RegistryLost("orders", Failed("no answer within 2s", source="consul://")),
        "meshclient.discovery",
        logging.WARNING,
        "orders: consul:// is unavailable: no answer within 2s; no list is known yet",
        {"error.type": "timeout"},
    ),
    (
        events.RegistryRecovered("orders", "consul://", 12.34),
        "meshclient.discovery",
        logging.WARNING,
        "orders: consul:// answers again after 12.3s",
        {"meshclient.registry.outage": 12.34},
    ),
    (
        events.EmptyListHeld("orders", "consul://", 3),
        "meshclient.discovery",
        logging.WARNING,
        "orders: consul:// lists no endpoint any more; the 3 known before are kept while one of them answers",
        {"meshclient.endpoint.count": 3},
    ),
    (
        events.MassRemovalHeld("orders", "consul://", 5, 4, 99.0),
        "meshclient.discovery",
        logging.WARNING,
        "orders: consul:// dropped 4 of 5 endpoints at once; they are used on until it has said so for a while",
        {"meshclient.endpoint.count": 4},
    ),
    (
        events.MassRemovalReleased("orders", "consul://", 3, 1),
        "meshclient.discovery",
        logging.WARNING,
        "orders: of the endpoints that consul:// had dropped at once, 3 are gone and 1 are listed again",
        {"meshclient.event": "mass_removal_released"},
    ),
    (
        events.StoredListServed("orders", "consul://", 2, 90.0),
        "meshclient.discovery",
        logging.WARNING,
        "orders: 2 endpoints come from disk, last confirmed 1.5m ago",
        {"meshclient.snapshot.age": 90.0},
    ),
    (
        events.CircuitChanged("orders", "closed", "open", "12 of 20 calls failed"),
        "meshclient.call",
        logging.WARNING,
        "orders: its circuit was closed and is open: 12 of 20 calls failed",
        {"meshclient.breaker.from": "closed", "meshclient.breaker.to": "open"},
    ),
    (
        events.CircuitChanged("orders", "half-open", "closed", "a probe succeeded"),
        "meshclient.call",
        logging.INFO,
        "orders: its circuit was half-open and is closed: a probe succeeded",
        {"meshclient.event": "circuit_changed"},
    ),
    (
        events.EndpointEjected("orders", HERE, 5, 5.0),
        "meshclient.call",
        logging.WARNING,
        "orders: http://10.0.0.1:8080 is out of rotation for 5s after 5 failures in a row",
        {
            "network.peer.address": "10.0.0.1",
            "network.peer.port": 8080,
            "meshclient.endpoint.id": "a",
            "meshclient.endpoint.zone": "z1",
        },
    ),
    (
        events.EndpointRestored("orders", HERE),
        "meshclient.call",
        logging.INFO,
        "orders: http://10.0.0.1:8080 is in rotation again",
        {"meshclient.event": "endpoint_restored"},
    ),
    (
        events.HealthChanged("orders", HERE, passing=False, checks=3, detail="status 500"),
        "meshclient.call",
        logging.WARNING,
        "orders: http://10.0.0.1:8080 failed 3 checks in a row: status 500",
        {},
    ),
    (
        events.HealthChanged("orders", HERE, passing=True, checks=1),
        "meshclient.call",
        logging.INFO,
        "orders: http://10.0.0.1:8080 is healthy again: it passed 1 check in a row",
        {},
    ),
    (
        events.PanicChanged("orders", active=True, usable=1, total=4),
        "meshclient.call",
        logging.WARNING,
        "orders: only 1 of 4 endpoints are usable, so all are used",
        {},
    ),
    (
        events.PanicChanged("orders", active=False, usable=3, total=4),
        "meshclient.call",
        logging.INFO,
        "orders: 3 of 4 endpoints are usable, and no others are used any more",
        {},
    ),
    (
        events.CanaryTripped("orders", "next", "failures", 50.0, 10, 9, 100, 1),
        "meshclient.call",
        logging.WARNING,
        str(events.CanaryTripped("orders", "next", "failures", 50.0, 10, 9, 100, 1)),
        {"meshclient.variant": "next"},
    ),
    (
        events.StoreChanged("redis://h", "ConnectionError"),
        "meshclient",
        logging.WARNING,
        "circuits are not shared through redis://h: ConnectionError; until it answers each process goes by its own",
        {"meshclient.store": "redis://h"},
    ),
    (
        events.StoreChanged("redis://h", ""),
        "meshclient",
        logging.WARNING,
        "circuits are shared through redis://h again",
        {},
    ),
]


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "meshclient")
    return caplog


@pytest.mark.parametrize(("event", "logger", "level", "words", "extra"), STATES)
def test_each_change(  # noqa: PLR0917 - a row of the table
    seen: pytest.LogCaptureFixture, event: Event, logger: str, level: int, words: str, extra: dict[str, Any]
) -> None:
    Tally().heard(event)
    [record] = seen.records
    assert (record.name, record.levelno, record.getMessage()) == (logger, level, words)
    said = vars(record)
    assert extra.items() <= said.items()
    if service := getattr(event, "service", ""):
        assert said["service.peer.name"] == service


def test_every_change_of_state_has_a_line() -> None:
    """What has none is told of each call, or where it happens."""
    silent = {
        events.AttemptFinished, events.CallRejected, events.HedgeStarted, events.RetryRefused, events.RetryScheduled,
        events.ShadowDecision, events.SnapshotUpdated, events.MigrationAgrees, events.MigrationDiffers,
    }  # fmt: skip
    assert set(logs._LINES) | silent == set(events.Event.__args__)
    assert {type(event) for event, *_ in STATES} == set(logs._LINES)


def test_what_is_no_change_is_no_line(seen: pytest.LogCaptureFixture) -> None:
    Tally().heard(events.AttemptFinished("orders", HERE, 1, CANCELLED, 0.1))
    assert not seen.records


def test_what_flaps_is_told_a_few_times_and_then_counted(seen: pytest.LogCaptureFixture) -> None:
    clock = ManualClock(100.0)
    log = Log(clock)
    other = Endpoint("10.0.0.2", 80)

    def eject(endpoint: Endpoint, times: int) -> list[str]:
        seen.clear()
        for _ in range(times):
            log.heard(events.EndpointEjected("orders", endpoint, 5, 5.0))
        return [record.getMessage() for record in seen.records]

    line = "orders: http://10.0.0.1:8080 is out of rotation for 5s after 5 failures in a row"
    assert eject(HERE, BURST + 7) == [line] * BURST
    # Of another endpoint, and of another kind, all the same.
    assert len(eject(other, 1)) == 1
    log.heard(events.EndpointRestored("orders", HERE))
    assert len(seen.records) == 2
    clock.advance(PAUSE)
    assert eject(HERE, 2) == [f"{line} (7 more like this since the last such line)", line]
    assert vars(seen.records[0])["meshclient.log.left_out"] == 7
    assert "meshclient.log.left_out" not in vars(seen.records[1])


def test_what_is_remembered_is_bounded(seen: pytest.LogCaptureFixture) -> None:
    clock = ManualClock(100.0)
    log = Log(clock)
    for number in range(4 * logs.MOST):
        log.heard(events.RegistryRecovered(f"s{number}", "fake://", 1.0))
    assert len(log._told) == 2 * logs.MOST + 1
    assert len(seen.records) == 2 * logs.MOST + BURST
    clock.advance(PAUSE)
    log.heard(events.RegistryRecovered("s", "fake://", 1.0))
    assert len(log._told) <= 2 * logs.MOST


def test_a_zone_that_flaps_is_no_flood(seen: pytest.LogCaptureFixture) -> None:
    clock = ManualClock(100.0)
    log = Log(clock)
    fleet = [Endpoint(f"10.0.{number // 250}.{number % 250}", 80) for number in range(3000)]
    for _ in range(3):
        for endpoint in fleet:
            log.heard(events.EndpointEjected("orders", endpoint, 5, 5.0))
        clock.advance(1.0)
    # Each of the first ones each time, and as much again of all others together.
    assert len(seen.records) == 3 * logs.MOST + BURST
    seen.clear()
    log.heard(events.EndpointEjected("users", HERE, 5, 5.0))
    assert len(seen.records) == 1
    clock.advance(PAUSE)
    log.heard(events.EndpointEjected("orders", fleet[-1], 5, 5.0))
    assert len(seen.records) == 2


def test_nothing_is_written_unless_somebody_listens() -> None:
    program = (
        "import logging\n"
        "from meshclient.model.events import RegistryRecovered\n"
        "from meshclient.telemetry.tally import Tally\n"
        "event = RegistryRecovered('orders', 'fake://', 1.0)\n"
        "Tally().heard(event)\n"
        "assert [type(h).__name__ for h in logging.getLogger('meshclient').handlers] == ['NullHandler']\n"
        "Tally(); assert len(logging.getLogger('meshclient').handlers) == 1\n"
        "assert not logging.getLogger().handlers\n"
        "logging.basicConfig(format='%(name)s %(message)s')\n"
        "Tally().heard(event)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    assert done.stderr == "meshclient.discovery orders: fake:// answers again after 1.0s\n"
