"""Whatever the body, decoding ends in an answer that can be relied on or in the plugin's own error."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient.model.endpoint import MAX_PORT, Health
from meshclient_consul.decode import HealthAnswer, decode_health

SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
STATUS = st.sampled_from(["passing", "warning", "critical"])
TEXTS = st.dictionaries(st.sampled_from(["zone", "availability_zone", "scheme", "protocol", "x"]), st.text(max_size=8))
RECORD = st.fixed_dictionaries(
    {
        "Node": st.fixed_dictionaries({"Address": st.just("10.0.0.1"), "Meta": TEXTS | st.none()}),
        "Service": st.fixed_dictionaries(
            {
                "ID": st.text(max_size=8),
                "Address": st.sampled_from(["", "10.0.0.2", "fd00::1", "host.example"]),
                "Port": st.integers(1, MAX_PORT),
                "Tags": st.none() | st.lists(st.text(max_size=5), max_size=3),
                "Meta": TEXTS | st.none(),
                "Weights": st.fixed_dictionaries({"Passing": st.integers(0, 9), "Warning": st.integers(0, 9)}),
            }
        ),
        "Checks": st.none() | st.lists(st.fixed_dictionaries({"CheckID": st.text(max_size=5), "Status": STATUS})),
    }
)


def decoded(document: object) -> HealthAnswer | None:
    """The answer, checked, or None where it is refused."""
    try:
        answer = decode_health(json.dumps(document).encode())
    except PayloadError:
        return None
    assert len(answer.endpoints) + len(answer.malformed) <= answer.listed
    assert all(e.usable and e.health in (Health.PASSING, Health.WARNING) for e in answer.endpoints)
    return answer


@given(st.binary())
def test_any_bytes(body: bytes) -> None:
    try:
        answer = decode_health(body)
    except PayloadError:
        return
    assert answer == HealthAnswer((), 0, ())


@given(JSON)
def test_any_json(document: object) -> None:
    answer = decoded(document)
    assert answer is None or document == []


@given(st.lists(RECORD, max_size=5))
def test_well_formed_records_are_never_refused(records: list[Any]) -> None:
    answer = decoded(records)
    assert answer is not None
    assert answer.listed == len(records)
    assert answer.malformed == ()
    for record in records:
        statuses = {check["Status"] for check in record["Checks"] or []}
        state = "Warning" if "warning" in statuses else "Passing"
        expected = "critical" not in statuses and record["Service"]["Weights"][state] > 0
        alone = decoded([record])
        assert alone is not None
        assert bool(alone.endpoints) == expected


@given(st.lists(RECORD, max_size=4), RECORD, st.data())
def test_one_broken_field_never_costs_another_record(records: list[Any], record: Any, data: st.DataObject) -> None:
    broken = copy.deepcopy(record)
    place = data.draw(st.sampled_from([broken, broken["Node"], broken["Service"], broken["Service"]["Weights"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    alone, together = decoded(records), decoded([*records, broken])
    assert alone is not None
    if records:
        assert together is not None
        assert together.endpoints[: len(alone.endpoints)] == alone.endpoints
        assert len(together.malformed) <= 1


@given(st.lists(RECORD, min_size=1, max_size=2), st.data())
def test_a_truncated_body_is_refused(records: list[Any], data: st.DataObject) -> None:
    body = json.dumps(records).encode()
    with pytest.raises(PayloadError, match="not JSON"):
        decode_health(body[: data.draw(st.integers(0, len(body) - 1))])


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[1e999999, " + b"9" * 5000 + b"]", b"\xff\xfe[]", b"[NaN]"])
def test_documents_that_break_parsers(body: bytes) -> None:
    with pytest.raises(PayloadError):
        decode_health(body)
