"""One invocation of a Lambda function."""

from __future__ import annotations

import time

import pytest

from meshclient.http.ambient import AMBIENT, NOTHING
from meshclient.integrations.aws_lambda import TRACE_VARIABLE, invocation
from meshclient.telemetry.propagation.context import TRACE


class Context:
    def __init__(self, milliseconds: int) -> None:
        self._left = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._left


def test_calls_end_before_the_function_does(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = "Root=1-6721a0b5-000000000000000000000001;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a87bd80c:1|68fd508a:5"
    monkeypatch.setenv(TRACE_VARIABLE, trace)
    with invocation(Context(3000), margin=0.5):
        assert AMBIENT.get().ends - time.monotonic() == pytest.approx(2.5, abs=0.2)
        found = TRACE.get()
        assert found is not None
        assert (found.trace_id, found.span_id) == ("6721a0b5000000000000000000000001", "53995c3f42cd8ad8")
        assert found.sampled is False
    assert (AMBIENT.get(), TRACE.get()) == (NOTHING, None)


def test_without_time_there_is_none_and_nonsense_is_no_trace() -> None:
    with invocation(Context(100), margin=0.2, environ={TRACE_VARIABLE: "Root=;;"}):
        assert AMBIENT.get().ends <= time.monotonic()
        assert TRACE.get() is None
