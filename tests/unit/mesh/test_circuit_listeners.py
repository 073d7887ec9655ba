"""pybreaker's listeners: told of everything, under no lock, and unable to break anything."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from pybreaker import CircuitBreaker, CircuitBreakerListener, CircuitBreakerState

from meshclient.mesh.circuit import ServiceCircuit
from meshclient.mesh.circuit_news import CallFailed
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

RULE = CircuitRule(ratio=None, consecutive=2, first=1.0, limit=1.0)


class Notes(CircuitBreakerListener):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def before_call(self, cb: CircuitBreaker, func: Callable[..., object], *args: object, **kwargs: object) -> None:
        assert callable(func)
        self.told.append(f"before {cb.name}")

    def failure(self, cb: CircuitBreaker, exc: BaseException) -> None:
        assert isinstance(exc, CallFailed)
        self.told.append(f"failure {cb.name}")

    def success(self, cb: CircuitBreaker) -> None:
        self.told.append(f"success {cb.name}")

    def state_change(
        self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: CircuitBreakerState
    ) -> None:
        assert old_state is not None
        self.told.append(f"{old_state.name} to {new_state.name}")


class Broken(CircuitBreakerListener):
    """Fails whatever it is told."""

    def state_change(
        self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: CircuitBreakerState
    ) -> None:
        raise RuntimeError("broken")


class Locks(CircuitBreakerListener):
    """Finds out whether another thread could use the circuit and the breaker while it is told."""

    def __init__(self) -> None:
        self.free: list[bool] = []
        self.circuit: ServiceCircuit | None = None

    def state_change(
        self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: CircuitBreakerState
    ) -> None:
        circuit = self.circuit
        assert circuit is not None

        def use() -> None:
            circuit.refusal(0.0)
            listener = CircuitBreakerListener()
            # Both take pybreaker's lock.
            cb.add_listener(listener)
            cb.remove_listener(listener)

        thread = threading.Thread(target=use, daemon=True)
        thread.start()
        thread.join(5.0)
        self.free.append(not thread.is_alive())


def circuit(*listeners: CircuitBreakerListener) -> ServiceCircuit:
    return ServiceCircuit("orders", RULE, clock=lambda: 0.0, uniform=lambda: 1.0, listeners=listeners)


def call(subject: ServiceCircuit, mark: Mark, now: float = 0.0) -> None:
    permit = subject.admit(now)
    assert permit is not None
    permit.done(mark, now)


def test_they_are_told_of_calls_and_changes_in_order() -> None:
    notes = Notes()
    subject = circuit(notes)
    call(subject, Mark.SUCCESS)
    call(subject, Mark.NEUTRAL)
    call(subject, Mark.FAILURE)
    call(subject, Mark.FAILURE)
    assert subject.admit(0.0) is None
    call(subject, Mark.SUCCESS, now=1.0)
    before, success, failure = "before orders", "success orders", "failure orders"
    assert notes.told == [
        before,
        success,
        before,
        before,
        failure,
        before,
        failure,
        "closed to open",
        "open to half-open",
        before,
        success,
        "half-open to closed",
    ]


def test_no_lock_is_held_while_they_are_told() -> None:
    locks = Locks()
    subject = locks.circuit = circuit(locks)
    subject.open()
    subject.isolate()
    subject.close()
    assert locks.free == [True] * 3


def test_one_that_raises_changes_nothing_and_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    subject = circuit(Broken(), notes)
    subject.open()
    subject.close()
    assert subject.state == "closed"
    assert notes.told == ["closed to open", "open to closed"]
    reports = [record for record in caplog.records if "reported once" in record.getMessage()]
    assert len(reports) == 1
    assert "Broken" in reports[0].getMessage()
