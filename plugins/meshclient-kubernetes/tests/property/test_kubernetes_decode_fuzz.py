"""Whatever the bytes, decoding ends in something that can be relied on or in the plugin's own error."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient_kubernetes.decode import decode_slice
from meshclient_kubernetes.errors import Refusal
from meshclient_kubernetes.events import Event, decode_event, decode_page
from meshclient_kubernetes.options import PortChoice

CHOICES = st.builds(PortChoice, st.sampled_from(["", "http", "80", "x"]), st.sampled_from(["", "https"]))
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8)
OPEN = st.sampled_from([None, True, False])
RECORD = st.fixed_dictionaries(
    {
        "addresses": st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2"]), min_size=1, max_size=3),
        "conditions": st.fixed_dictionaries({"ready": OPEN, "serving": OPEN, "terminating": OPEN}),
        "targetRef": st.none() | st.fixed_dictionaries({"kind": st.just("Pod"), "name": st.text(max_size=4)}),
        "zone": st.none() | st.text(max_size=4),
        "hints": st.none() | st.just({"forZones": [{"name": "a"}]}),
    }
)
SLICE = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries({"name": st.sampled_from("abc"), "resourceVersion": st.just("7")}),
        "addressType": st.sampled_from(["IPv4", "FQDN"]),
        "ports": st.just([{"name": "http", "port": 80, "protocol": "TCP"}]),
        "endpoints": st.lists(RECORD, max_size=4),
    }
)


@given(st.binary(), CHOICES)
def test_any_bytes(body: bytes, choice: PortChoice) -> None:
    for decode in (decode_page, decode_event):
        with pytest.raises(PayloadError):
            decode(body, choice)


@given(JSON, CHOICES)
def test_any_json(document: object, choice: PortChoice) -> None:
    body = json.dumps(document).encode()
    event = json.dumps({"type": "ERROR", "object": document}).encode()
    with pytest.raises(PayloadError):
        decode_page(body, choice)
    with contextlib.suppress(PayloadError):
        assert isinstance(decode_event(event, choice), Refusal)


@given(SLICE, st.sampled_from(["ADDED", "MODIFIED", "DELETED"]))
def test_well_formed_slices_are_never_refused(item: dict[str, Any], kind: str) -> None:
    line = json.dumps({"type": kind, "object": item}).encode()
    found = decode_slice(item, PortChoice())
    assert found.malformed == ()
    assert len(found.candidates) == len(item["endpoints"])
    assert decode_event(line, PortChoice()) == Event(kind, "7", found)
    page = decode_page(json.dumps({"metadata": {"resourceVersion": "7"}, "items": [item]}).encode(), PortChoice())
    assert page.slices == (found,)


@given(SLICE, RECORD, st.data())
def test_one_broken_field_never_costs_another_endpoint(item: dict[str, Any], record: Any, data: st.DataObject) -> None:
    broken = copy.deepcopy(record)
    place = data.draw(st.sampled_from([broken, broken["conditions"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    alone = decode_slice(item, PortChoice())
    together = decode_slice(item | {"endpoints": [*item["endpoints"], broken]}, PortChoice())
    assert together.candidates[: len(alone.candidates)] == alone.candidates
    assert len(together.candidates) + len(together.malformed) == len(item["endpoints"]) + 1


@given(SLICE, st.data())
def test_one_broken_field_of_a_slice_is_a_complaint_or_an_error(item: dict[str, Any], data: st.DataObject) -> None:
    item[data.draw(st.sampled_from(sorted(item)))] = data.draw(JSON)
    try:
        found = decode_slice(item, PortChoice())
    except PayloadError:
        return
    assert found.name


@given(SLICE, st.data())
def test_a_truncated_line_is_refused(item: dict[str, Any], data: st.DataObject) -> None:
    line = json.dumps({"type": "ADDED", "object": item}).encode()
    with pytest.raises(PayloadError, match="not JSON"):
        decode_event(line[: data.draw(st.integers(0, len(line) - 1))], PortChoice())


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a": ' * 100_000, b"\xff\xfe{}", b"[1e999999]", b"{" + b"9" * 5000]
)
def test_documents_that_break_parsers(body: bytes) -> None:
    with pytest.raises(PayloadError):
        decode_page(body, PortChoice())
