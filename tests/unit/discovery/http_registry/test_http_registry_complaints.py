"""A warning for each set of wrongs, and silence in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.complaints import Complaints
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    import pytest


def test_malformed_records_are_counted_and_the_first_five_shown(caplog: pytest.LogCaptureFixture) -> None:
    Complaints("foo://h").left_out(ServiceName("web"), [f"wrong {number}" for number in range(7)], 9)
    (said,) = caplog.messages
    assert said.startswith("foo://h: 7 of 9 instances of service 'web' are malformed and left out: wrong 0; wrong 1; ")
    assert said.endswith("; wrong 4; and 2 more")


def test_the_same_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    subject = Complaints("foo://h")
    for wrongs in (["a", "b"], ["b", "a"], ["b"], [], ["b"]):
        subject.report("x", "wrong", wrongs)
    assert caplog.messages == [f"foo://h: wrong: {said}" for said in ("a; b", "b", "b")]


def test_each_subject_is_spoken_of_apart(caplog: pytest.LogCaptureFixture) -> None:
    subject = Complaints("foo://h")
    for _ in range(2):
        for name in ("one", "two"):
            subject.left_out(ServiceName(name), ("a",), 1)
    assert len(caplog.messages) == 2
