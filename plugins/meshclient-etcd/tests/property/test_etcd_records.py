"""Whatever comes off the wire: an answer that can be relied on, or the plugin's own error; and no change gets lost."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient.model.endpoint import MAX_PORT, Endpoint, Health
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient_etcd.errors import OutOfDate
from meshclient_etcd.record import decode_record, encode_record
from meshclient_etcd.records import Records
from meshclient_etcd.wire import Found, News, Pair, after, decode_news, decode_range

PREFIX = b"svc/web/"
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5
)
TEXT = st.text(max_size=8)
ENDPOINT = st.builds(
    Endpoint,
    host=st.sampled_from(["10.0.0.1", "fd00::1", "host.example"]),
    port=st.integers(1, MAX_PORT),
    scheme=st.sampled_from(["http", "https"]),
    id=st.text(min_size=1, max_size=8),
    weight=st.floats(1e-6, 1e6),
    priority=st.integers(0, 9),
    zone=TEXT,
    tags=st.lists(TEXT, max_size=3).map(tuple),
    metadata=st.dictionaries(TEXT, TEXT, max_size=3),
)


@given(ENDPOINT)
def test_what_is_registered_is_what_is_resolved(endpoint: Endpoint) -> None:
    value = encode_record(Registration(ServiceName("web"), endpoint)).encode()
    decoded = decode_record(value, endpoint.id)
    assert decoded == endpoint
    assert decoded is not None
    assert decoded.metadata == endpoint.metadata


@given(st.binary() | JSON.map(lambda document: json.dumps(document).encode()))
def test_any_record(value: bytes) -> None:
    try:
        endpoint = decode_record(value, "a")
    except ValueError:
        return
    assert endpoint is None or endpoint.usable


@given(st.text() | JSON.map(json.dumps) | st.builds(lambda result: json.dumps({"result": result}), JSON))
def test_any_line_of_a_watch(line: str) -> None:
    try:
        news = decode_news(line)
    except PayloadError:
        return
    assert news.revision >= 0 or news.ended


@given(JSON.filter(lambda document: isinstance(document, dict)))
def test_any_list(document: dict[str, object]) -> None:
    with pytest.raises(PayloadError):
        decode_range(document)


FIELD = st.sampled_from(["header", "created", "canceled", "compact_revision", "cancel_reason", "events"])


@settings(max_examples=50)
@given(st.dictionaries(FIELD, JSON | st.lists(st.dictionaries(st.sampled_from(["type", "kv"]), JSON))))
def test_any_fields_of_a_watch(result: dict[str, object]) -> None:
    result.setdefault("header", {"revision": "1"})
    try:
        news = decode_news(json.dumps({"result": result}))
    except PayloadError:
        return
    assert bool(news.ended) == bool(result.get("canceled"))


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"result": {"header": {"revision": 1e999}}}', "\ud800", '{"result": NaN}']
)
def test_lines_that_break_parsers(line: str) -> None:
    with pytest.raises(PayloadError):
        decode_news(line)


@given(st.binary(max_size=4), st.binary(max_size=4), st.binary(max_size=4))
def test_the_end_of_a_prefix_is_its_range(prefix: bytes, rest: bytes, other: bytes) -> None:
    end = after(prefix)
    if not prefix.rstrip(b"\xff"):  # there is no key behind all of them
        assert end == b"\0"
        return
    assert prefix <= prefix + rest < end
    assert not end.startswith(prefix)
    for key in (end + rest, end[:-1] + b"\xff" + rest, other, other + rest):
        assert (prefix <= key < end) == key.startswith(prefix)
    assert end[:-1] + bytes([end[-1] - 1]) == prefix.rstrip(b"\xff")


KEY = st.sampled_from([PREFIX + instance for instance in (b"a", b"b", b"c", b"d/e", b"\xff")])
VALUE = st.sampled_from(
    [b'{"host": "10.0.0.1", "port": 80}', b'{"host": "a", "port": 1, "draining": true}', b"{}", b"text"]
)
PAIR = st.builds(Pair, KEY, VALUE | st.none())


def listed(store: dict[bytes, bytes], revision: int = 1) -> Records:
    pairs = tuple(Pair(key, value) for key, value in sorted(store.items()))
    return Records().listed(PREFIX, Found(revision, pairs))


@given(st.dictionaries(KEY, VALUE), st.lists(st.lists(PAIR, max_size=4)))
def test_a_list_and_its_changes_are_as_a_list_read_later(store: dict[bytes, bytes], lines: list[list[Pair]]) -> None:
    records = listed(store)
    for changes in lines:
        records = records.after(News(changes=tuple(changes)))
        for change in changes:
            if change.value is None:
                store.pop(change.key, None)
            else:
                store[change.key] = change.value
    later = listed(store)
    assert records.entries == later.entries
    assert sorted(records.malformed) == sorted(later.malformed)
    assert records.starts == ((PREFIX, 2),)


@given(st.dictionaries(KEY, VALUE, min_size=1))
def test_one_malformed_record_never_costs_another(store: dict[bytes, bytes]) -> None:
    records = listed(store)
    if len(records.malformed) == len(store):
        with pytest.raises(PayloadError, match=f"none of its {len(store)} records"):
            _ = records.endpoints
    else:
        alone = [listed({key: value}) for key, value in store.items()]
        good = [entry.endpoint for each in alone for entry in each.entries.values() if entry.endpoint]
        assert sorted(records.endpoints, key=attrgetter("id")) == sorted(good, key=attrgetter("id"))
        assert all(endpoint.health is Health.UNKNOWN for endpoint in records.endpoints)


@given(st.binary(max_size=12).filter(lambda key: not key.startswith(PREFIX)), VALUE | st.none())
def test_a_key_that_was_not_asked_for_is_refused(key: bytes, value: bytes | None) -> None:
    with pytest.raises(PayloadError, match="not asked for"):
        listed({}).after(News(changes=(Pair(key, value),)))


@given(st.integers(1, 2**63), st.integers(1, 2**63))
def test_a_store_that_has_gone_back_is_noticed(before: int, now: int) -> None:
    records, news = listed({}, before), News(revision=now, created=True)
    if now < before:
        with pytest.raises(OutOfDate, match=f"from revision {before} to {now}"):
            records.after(news)
        assert (
            records.after(replace(news, created=False)) == records
        )  # a line without a revision of its own says nothing
    else:
        assert records.after(news) == records


@given(st.integers(1, 2**63), st.integers(1, 2**63), st.booleans())
def test_compaction_is_noticed(revision: int, oldest: int, created: bool) -> None:
    with pytest.raises(OutOfDate, match=f"revision {revision} has been compacted away; the oldest is {oldest}"):
        listed({}, revision).after(News(created=created, ended="x", compacted=oldest))


@given(st.lists(PAIR, max_size=5), st.integers(1, 2**63))
def test_a_line_means_what_etcd_wrote(changes: list[Pair], revision: int) -> None:
    def encoded(data: bytes) -> str:
        return base64.b64encode(data).decode()

    events: list[dict[str, object]] = []
    for change in changes:
        pair = {"key": encoded(change.key), "mod_revision": str(revision)}
        if change.value is None:
            events.append({"type": "DELETE", "kv": pair})
        else:
            events.append({"kv": pair | {"value": encoded(change.value)}})
    line = json.dumps({"result": {"header": {"revision": str(revision)}, "events": events}})
    assert decode_news(line) == News(revision, changes=tuple(changes))
