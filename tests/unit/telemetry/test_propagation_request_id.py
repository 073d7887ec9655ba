"""x-request-id and x-correlation-id."""

from __future__ import annotations

import uuid

import pytest

from meshclient.telemetry.propagation.context import TraceContext
from meshclient.telemetry.propagation.formats import get

TRACE_ID, SPAN_ID = "5759e988bd862e3fe1be46a994272793", "1234567890123456"
OWN = "5759e988-bd86-2e3f-e1be-46a994272793"
IDS = get("request-id")


def test_what_came_is_handed_on_as_it_is() -> None:
    for headers in (
        [("x-request-id", "Job/7:a+b=c")],
        [("x-request-id", "r"), ("x-correlation-id", "c")],
    ):
        found = IDS.extract([(name.title(), value) for name, value in headers])
        assert found is not None
        assert found.known is False
        assert IDS.inject(found) == headers


def test_a_request_without_one_gets_that_of_its_trace() -> None:
    context = TraceContext(TRACE_ID, SPAN_ID)
    assert IDS.inject(context) == [("x-request-id", OWN)]
    assert uuid.UUID(OWN).hex == TRACE_ID
    found = IDS.extract({"x-correlation-id": "c"})
    assert found is not None
    assert dict(IDS.inject(found)) == {"x-request-id": str(uuid.UUID(found.trace_id)), "x-correlation-id": "c"}


@pytest.mark.parametrize("value", ["", "a b", "a\r\nb: c", "\x00", "é", "x" * 129, "a\x7f"])
def test_what_cannot_be_written_into_a_log_or_a_header_counts_as_missing(value: str) -> None:
    assert IDS.extract({"x-request-id": value}) is None
    assert IDS.extract({"x-correlation-id": value}) is None
    context = TraceContext(TRACE_ID, SPAN_ID, request_id=value, correlation_id=value)
    assert IDS.inject(context) == [("x-request-id", OWN)]


def test_of_two_the_first_valid_one() -> None:
    found = IDS.extract([("x-request-id", ""), ("X-Request-Id", "a"), ("x-request-id", "b")])
    assert found is not None
    assert found.request_id == "a"
