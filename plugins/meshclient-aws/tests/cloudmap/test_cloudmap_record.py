"""What is written for the other processes of a host is read by them, or not at all."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient_aws.cloudmap.instances import Found, Instance
from meshclient_aws.cloudmap.poll import Sight
from meshclient_aws.cloudmap.record import Record, read_record, write_record

texts = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)
instances = st.builds(Instance, st.text(max_size=8), st.sampled_from(["HEALTHY", "UNHEALTHY", ""]), texts)
founds = st.builds(Found, st.lists(instances, max_size=4).map(tuple), st.none() | st.integers(0, 2**62))
sights = st.builds(Sight, st.none() | founds, st.text(max_size=20))
records = st.builds(Record, sights, st.floats(0, 1e10), st.floats(0, 1e4))


@given(records)
def test_it_comes_back_as_it_was(record: Record) -> None:
    assert read_record(write_record(record)) == record


@given(records, st.data())
def test_a_changed_byte_or_a_cut_makes_it_unreadable(record: Record, data: st.DataObject) -> None:
    text = write_record(record)
    at = data.draw(st.integers(0, len(text) - 1))
    assert read_record(text[:at]) is None
    assert read_record(text[:at] + bytes([text[at] ^ data.draw(st.integers(1, 255))]) + text[at + 1 :]) is None


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(body: bytes) -> None:
    assert read_record(body) is None
    whole = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
    assert read_record(whole) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"format": 2, "at": 1, "stands": 1, "throttled": "", "answer": null}',
        b'{"format": 1, "at": 1, "stands": 1, "throttled": "", "answer": {}}',
        b'{"format": 1, "at": "x", "stands": 1, "throttled": "", "answer": null}',
        b'{"format": 1}',
        b"[]",
    ],
)
def test_another_format_is_not_read(body: bytes) -> None:
    assert read_record(hashlib.sha256(body).hexdigest().encode() + b"\n" + body) is None


def test_it_is_believed_for_as_long_as_its_writer_said() -> None:
    record = Record(Sight(), at=1000.0, stands=10.0)
    assert record.fresh(1000.0)
    assert record.fresh(1010.0)
    assert record.fresh(991.0)  # clocks of one host, corrected a little
    assert not record.fresh(1010.1)
    assert not record.fresh(900.0)
