"""The story of a call, as attributes, by name, and as JSON."""

import copy
import json
import pickle

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import Kind, Outcome
from meshclient.model.report import AttemptReport, CallReport, SnapshotReport

FIRST = AttemptReport(
    Endpoint("::1", 80, id="i-1", zone="a"),
    Outcome(Kind.CONNECT_ERROR, detail="refused"),
    started=0.0,
    duration=0.001,
    probe=True,
    reason="connect_error: tried again after 0s",
)
SECOND = AttemptReport(Endpoint("b", 8080), Outcome(Kind.OK, 200), started=0.002, duration=0.01)
REPORT = CallReport(
    "orders", (FIRST, SECOND), SnapshotReport("failed", "static://", version=3, age=1.5, cause="refused"), 1.9
)


def test_a_report_is_json() -> None:
    data = json.loads(json.dumps(REPORT.as_dict(), allow_nan=False))
    assert data == {
        "service": "orders",
        "endpoint": "http://b:8080",
        "zone": None,
        "attempts": [
            {
                "endpoint": "http://[::1]:80",
                "endpoint_id": "i-1",
                "zone": "a",
                "outcome": "connect_error",
                "status": None,
                "sent": "no",
                "detail": "refused",
                "started_seconds": 0.0,
                "duration_seconds": 0.001,
                "probe": True,
                "reason": "connect_error: tried again after 0s",
                "hedge": False,
            },
            {
                "endpoint": "http://b:8080",
                "endpoint_id": None,
                "zone": None,
                "outcome": "ok",
                "status": 200,
                "sent": "yes",
                "detail": None,
                "started_seconds": 0.002,
                "duration_seconds": 0.01,
                "probe": False,
                "reason": None,
                "hedge": False,
            },
        ],
        "retries": 1,
        "hedged": False,
        "cache": None,
        "snapshot": {"state": "failed", "source": "static://", "version": 3, "age_seconds": 1.5, "cause": "refused"},
        "deadline_left_seconds": 1.9,
    }


@pytest.mark.parametrize("kind", Kind)
def test_every_outcome_can_be_told(kind: Kind) -> None:
    attempt = AttemptReport(Endpoint("a", 1), Outcome(kind, 503, 2.0, "text"), 0.0, 0.0)
    assert json.loads(json.dumps(attempt.as_dict()))["outcome"] == kind.value


def test_a_report_goes_through_a_queue_and_a_deep_copy() -> None:
    for again in (pickle.loads(pickle.dumps(REPORT)), copy.deepcopy(REPORT)):
        assert again == REPORT
        assert again.as_dict() == REPORT.as_dict()


def test_a_call_that_sent_nothing_has_a_story_too() -> None:
    report = CallReport("orders")
    assert (report.endpoint, report.zone, report.retries) == (None, None, 0)
    data = json.loads(json.dumps(report.as_dict()))
    assert (data["endpoint"], data["attempts"], data["snapshot"]) == (None, [], None)


def test_fields_can_be_read_by_name() -> None:
    assert REPORT["endpoint"] == REPORT.endpoint == SECOND.endpoint
    assert REPORT["retries"] == 1
    with pytest.raises(KeyError, match="nonsense"):
        REPORT["nonsense"]
