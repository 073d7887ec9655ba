from __future__ import annotations

import logging

import pytest

from meshclient.mesh.observers import Observers
from meshclient.model.events import Event, RetryRefused

EVENT = RetryRefused("orders", 1, "the reason")


def test_all_are_told_in_order() -> None:
    told: list[tuple[str, Event]] = []
    observers = Observers([lambda e: told.append(("a", e)), lambda e: told.append(("b", e))])
    observers.tell(EVENT)
    assert told == [("a", EVENT), ("b", EVENT)]


def test_one_that_fails_is_reported_once_and_still_told(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []

    def failing(event: Event) -> None:
        told.append(event)
        raise RuntimeError("the observer's bug")

    after: list[Event] = []
    observers = Observers([failing, after.append])
    with caplog.at_level(logging.WARNING):
        observers.tell(EVENT)
        observers.tell(EVENT)
    assert len(told) == len(after) == 2
    [record] = caplog.records
    assert "failing" in record.getMessage()
    assert "RetryRefused" in record.getMessage()
    assert record.exc_info is not None
    assert record.levelno == logging.ERROR


def test_each_failing_one_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    def first(event: Event) -> None:
        raise ValueError("1")

    def second(event: Event) -> None:
        raise ValueError("2")

    Observers([first, second]).tell(EVENT)
    assert ["first" in caplog.records[0].getMessage(), "second" in caplog.records[1].getMessage()] == [True, True]


def test_what_ends_the_program_is_not_swallowed() -> None:
    def interrupted(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Observers([interrupted]).tell(EVENT)
