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
from meshclient_eureka.applications import STATUSES, Applications, decode_applications
from meshclient_eureka.endpoints import ServiceList, decode_endpoints
from meshclient_eureka.registry import Registry

SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
BOOLEAN = st.booleans() | st.sampled_from(["true", "false"])
NUMBER = st.integers(1, MAX_PORT) | st.integers(1, MAX_PORT).map(str)
PORT = st.fixed_dictionaries({"$": NUMBER, "@enabled": st.just("true")})
SECURE = st.fixed_dictionaries({"$": NUMBER, "@enabled": BOOLEAN})
TEXTS = st.dictionaries(st.sampled_from(["zone", "scheme", "protocol", "weight", "tags", "x"]), st.text(max_size=8))
RECORD = st.fixed_dictionaries(
    {
        "hostName": st.sampled_from(["10.0.0.2", "fd00::1", "host.example"]),
        "ipAddr": st.just("10.0.0.1"),
        "status": st.sampled_from(sorted(STATUSES)),
        "port": PORT | NUMBER,
        "securePort": SECURE | st.none(),
        "metadata": TEXTS | st.none() | st.just({"@class": "java.util.Collections$EmptyMap"}),
    }
)


def body(records: Any) -> bytes:
    numbered = [r | {"instanceId": f"i{n}"} if isinstance(r, dict) else r for n, r in enumerate(records)]
    root = {"apps__hashcode": "", "application": [{"name": "WEB", "instance": numbered}]}
    return json.dumps({"applications": root}).encode()


def decoded(document: bytes) -> Applications | None:
    """The answer, or None where it is refused."""
    try:
        return decode_applications(document)
    except PayloadError:
        return None


def listed(records: list[Any]) -> ServiceList | None:
    answer = decoded(body(records))
    assert answer is not None
    assert len(answer.instances) + len(answer.malformed) == len(records)
    try:
        found = decode_endpoints(answer.instances)
    except PayloadError:
        return None
    assert all(endpoint.health is Health.PASSING for endpoint in found.endpoints)
    return found


@given(st.binary())
def test_any_bytes(document: bytes) -> None:
    assert decoded(document) is None


@given(JSON)
def test_any_json(document: object) -> None:
    assert decoded(json.dumps(document).encode()) is None


@given(JSON)
def test_any_applications(inner: object) -> None:
    answer = decoded(json.dumps({"applications": {"application": inner, "apps__hashcode": ""}}).encode())
    assert answer is not None
    if inner not in ([], None, "", {}) and not answer.instances and answer.malformed:
        with pytest.raises(PayloadError):
            Registry.of(answer)


@given(st.lists(RECORD, max_size=5))
def test_well_formed_records_are_never_refused(records: list[Any]) -> None:
    found = listed(records)
    assert found is not None
    assert found.malformed == ()
    up = [record for record in records if record["status"] == "UP"]
    weightless = [record for record in up if "weight" not in (record["metadata"] or {})]
    assert len(weightless) <= len(found.endpoints) <= len(up)


@given(st.lists(RECORD, max_size=4), RECORD, st.data())
def test_one_broken_field_never_costs_another_record(records: list[Any], record: Any, data: st.DataObject) -> None:
    broken = copy.deepcopy(record)
    broken[data.draw(st.sampled_from(sorted(broken)))] = data.draw(JSON)
    alone, together = listed(records), listed([*records, broken])
    assert alone is not None
    if alone.endpoints:
        assert together is not None
        assert together.endpoints[: len(alone.endpoints)] == alone.endpoints
        assert len(together.malformed) <= 1


@given(st.lists(RECORD, min_size=1, max_size=2), st.data())
def test_a_truncated_body_is_refused(records: list[Any], data: st.DataObject) -> None:
    document = body(records)
    with pytest.raises(PayloadError, match="not JSON"):
        decode_applications(document[: data.draw(st.integers(0, len(document) - 1))])


@pytest.mark.parametrize("document", [b"[" * 100_000, b"[1e999999, " + b"9" * 5000 + b"]", b"\xff\xfe{}", b"{NaN}"])
def test_documents_that_break_parsers(document: bytes) -> None:
    with pytest.raises(PayloadError):
        decode_applications(document)
